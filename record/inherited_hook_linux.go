// SPDX-License-Identifier: Apache-2.0

//go:build !cgo && (amd64 || arm64)

package record

import _ "unsafe" // for go:linkname

// The runtime keeps what it finds of signals to itself. It has one door for
// others: with _cgo_sigaction set it calls that first whenever it is about to
// change a signal, and goes on by itself when that returns EINVAL. The first
// call is before it has changed any, on the first thread, before package syscall
// raises limits. A program linked with cgo has runtime/cgo behind the door.

//go:linkname noteInherited noteInherited
//go:linkname _cgo_sigaction _cgo_sigaction

var noteInherited byte // the address of the function: inherited_linux_*.s

var _cgo_sigaction = &noteInherited
