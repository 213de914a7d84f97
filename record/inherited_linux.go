// SPDX-License-Identifier: Apache-2.0

package record

import "golang.org/x/sys/unix"

// inheritance is what the process had when it began, before the Go runtime
// caught the signals that were ignored and raised the limit of open files, and
// before the limit of locked memory was raised for the maps of the programs.
type inheritance struct {
	noted   uint64          // 1: the rest is known
	ignored uint64          // signals, signal 1 in the lowest bit
	limits  [16]unix.Rlimit // soft and hard, by number
}

// inherited is filled in by noteInherited, once.
var inherited inheritance
