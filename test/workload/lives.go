// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A spell is a time in one cgroup, by the process's own CPU clock: what it had of
// CPU time in it, at least and at most.
type spell struct {
	Cgroup string `json:"cgroup"`
	Least  int64  `json:"least_ns"`
	Most   int64  `json:"most_ns"`
}

// moverRole goes from cgroup to cgroup, and uses some CPU time in each.
func moverRole(dirs []string) error {
	runtime.LockOSThread()
	var spells []spell
	entered := [2]int64{cpuClock(), cpuClock()}
	for i, dir := range append(dirs, "") {
		before := cpuClock()
		if dir != "" {
			if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
				return err
			}
		}
		after := cpuClock()
		if i > 0 {
			spells = append(spells, spell{dirs[i-1], before - entered[1], after - entered[0]})
		}
		for entered = [2]int64{before, after}; cpuClock() < after+60e6; {
		}
	}
	return json.NewEncoder(os.Stdout).Encode(spells)
}

// cpuClock is the CPU time of this process.
func cpuClock() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) // it is always there
	return t.Nano()
}

// cloneArgs is struct clone_args of the kernel (include/uapi/linux/sched.h).
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64
	setTID, setTIDSize, cgroup                                           uint64
}

// reuseRole makes processes with one number, one after the other: "PID TIMES". The
// n-th ends with status 40 + n.
func reuseRole(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want PID TIMES, have %q", args)
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	times, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for i := range times {
		if err := forkAs(pid, 40+i); err != nil {
			return err
		}
	}
	return nil
}

// forkAs makes a process with a number, and waits for its end.
func forkAs(pid, code int) error {
	want := int32(pid)
	args := cloneArgs{exitSignal: uint64(unix.SIGCHLD), setTID: uint64(uintptr(unsafe.Pointer(&want))), setTIDSize: 1}
	child, errno := fork(&args, code)
	if errno != 0 {
		return fmt.Errorf("make process %d: %w", pid, errno)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(int(child), &status, 0, nil); err != nil {
		return err
	}
	if status.ExitStatus() != code {
		return fmt.Errorf("process %d ended with %v, want exit status %d", pid, status, code)
	}
	return nil
}

// fork makes a process that ends at once: it has this thread alone, so it may do
// nothing but system calls.
//
//go:nosplit
//go:norace
func fork(args *cloneArgs, code int) (uintptr, unix.Errno) {
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args), 0)
	if errno == 0 && pid == 0 {
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(code), 0, 0)
		}
	}
	return pid, errno
}

// deadlineRole runs a thread of the deadline class, 2 ms of every 20 ms, and prints
// its number.
func deadlineRole(args []string) error {
	runs, _, err := lasting(append(args, "0"))
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_DEADLINE, Runtime: 2e6, Deadline: 20e6, Period: 20e6}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return fmt.Errorf("become a deadline thread: %w", err)
	}
	for end := time.Now().Add(runs); time.Now().Before(end); {
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // until the next period
	}
	fmt.Println(unix.Gettid())
	return nil
}

// swapRole has a thread other than the first execute a file, which gives it the
// process's number, after both have used CPU time.
func swapRole(args []string) error { return swap(args, func() {}) }

// swapLaterRole does so when its parent closes the start pipe, and writes a line when
// it waits for that.
func swapLaterRole(args []string) error {
	return swap(args, func() {
		fmt.Println("waiting")
		awaitStart()
		burnCPU(10 * time.Millisecond)
	})
}

// swap has another thread execute a file, after both have used CPU time and it has
// done what comes before.
func swap(args []string, before func()) error {
	runtime.LockOSThread()
	burnCPU(20 * time.Millisecond)
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		burnCPU(50 * time.Millisecond)
		before()
		failed <- unix.Exec(args[0], args, nil)
	}()
	return <-failed
}

// burnCPU uses CPU time of its thread.
func burnCPU(d time.Duration) {
	clock := func() int64 {
		var t unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // it is always there
		return t.Nano()
	}
	for end := clock() + int64(d); clock() < end; {
	}
}
