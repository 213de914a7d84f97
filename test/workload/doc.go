// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Workload does known work and writes what it did, by sources other than
// ebrec, as JSON to the file given with --truth (see package truth):
//
//	workload spin --for 2s
//	workload mixed --procs 50 --for 3s
//	workload forkstorm --procs 1000
//	workload failing
//	workload tcp --rtt 20ms --requests 20 --think 5ms --refused 2
//	workload opens
//	workload owners --connections 1000
//	workload mptcp
//	workload odd
//	workload manyconns --connections 9000
//	workload flood --requests 20000
//	workload work --for 3s --slower 10
//	workload settle --truth FILE  adds what the cgroups say, when a recording has ended
//	workload all --dir DIR        every one of them, small, one truth file each
//
// Its processes are copies of itself under other names: argv[1] is then
// "child", and the file executed is a symbolic link, whose name the kernel
// takes as the comm.
//
// The invariant that bites: every process that the workload starts it also
// waits for, so that the figures of wait4 are final when the truth is written.
package main
