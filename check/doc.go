// SPDX-License-Identifier: Apache-2.0

// Package check verifies a capture: that its bytes are sound, its rows in
// order, its accounts balanced, its tasks known and its sums right. Whoever is
// handed a stranger's file learns from it what to trust.
//
// Each check reads the events once, together with the others, and holds what
// it must know of threads and CPUs, not of events. What it finds is a finding,
// never an error: errors are for files that cannot be opened at all.
package check
