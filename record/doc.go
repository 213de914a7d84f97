// SPDX-License-Identifier: Apache-2.0

// Package record makes a capture of the running machine: it loads the programs
// of package bpf, drains their ring and their sums, and writes the file of
// package format.
//
// The invariant that bites: a recording is a window in boot time with exact
// edges. Everything in the file happened within it, sums count from its start,
// and all CPUs are read as of one instant at its end.
package record
