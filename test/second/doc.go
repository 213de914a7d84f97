// SPDX-License-Identifier: Apache-2.0

// Package second holds every analysis against another one, which is simple and
// slow: it has all rows of a capture in memory, in the order of their times, and
// is written from what docs/metrics.md and FORMAT.md say, not from the code under
// test. It shares nothing with that but the reader of batches.
//
// The captures are generated, of odd lives: first threads that exit before
// others, other threads than the first that execute files and so change their
// number, numbers that come back, renames, parents that are not who forked,
// processes that move between cgroups and containers, wakeups of threads that are queued, CPUs
// that go offline, suspension, lost rows, unseen switches (with the recorder's account
// of them, bpf/sched.bpf.c and record/sums_linux.go), sums that are wrong, recordings that are
// cut. Connections are older than the recording, listed or not, open at its end, with
// Fast Open, with both ends in one capture, on ports that come back, of more than 4 GiB,
// with owners that come late, and with their rows lost. A seed gives the same capture for ever:
//
//	go test ./test/second -run TestOddLives -seed 17
package second
