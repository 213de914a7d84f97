// SPDX-License-Identifier: Apache-2.0

package record

import "golang.org/x/sys/unix"

// signalNamed is the number of a signal such as SIGSEGV; 0: there is none.
func signalNamed(name string) uint64 { return uint64(unix.SignalNum(name)) }
