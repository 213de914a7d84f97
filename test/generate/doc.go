// SPDX-License-Identifier: Apache-2.0

// Command generate writes a synthetic capture of any size, in constant memory:
// CPUs on which threads take turns, with the sums that belong to the switches.
// ebrec check finds nothing in it. The same arguments give the same bytes.
//
//	go run ./test/generate --switches 100000000 -o big.arrow
package main
