// SPDX-License-Identifier: Apache-2.0

// Command generate writes a synthetic capture of any size, in constant memory:
// CPUs on which tasks take turns, processes that come and go, connections, and
// the sums that belong to them. The same arguments give the same bytes.
//
//	go run ./test/generate --switches 100000000 -o big.arrow
//
// The invariant that bites: everything follows from the slices that the CPUs
// were made to run, in time order, so that sums, switches and lifetimes agree
// to the nanosecond and ebrec check finds nothing.
package main
