// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package live holds tests of the whole tool against the truth: the built
// binary records a workload on this machine, analyzes the capture, and the
// result is compared with what the kernel's own accounting and the
// application's own clock say (package truth).
//
// A test counts only the processes that it started, by number and start, and
// expects of a recording what that says of itself: exact figures where nothing went
// unseen, else figures within its bounds. Those that mostly wait run side by side.
//
// With EBREC_KEEP=DIR the captures of tests that fail stay in DIR.
//
// They need root and BPF, and skip only where the kernel refuses either; with
// EBREC_REQUIRE_ROOT=1 they fail there. EBREC_TEST_KERNELS="5.10 6.1" boots
// those kernels as well and holds them to the same, but for latency: an
// emulated machine has no time worth comparing.
package live
