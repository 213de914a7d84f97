// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// roles are what a child process can be told to do.
var roles = map[string]func(args []string) error{
	"spin":         spinRole,
	"sleep":        sleepRole,
	"threads":      threadsRole,
	"pong":         pongRole,
	"end":          endRole,
	"intermediate": intermediateRole,
	"failexec":     failExecRole,
	"chain":        chainRole,
	"server":       serverRole,
	"client":       clientRole,
	"open":         openRole,
	"fifo":         fifoRole,
	"true":         trueRole,
	"below":        belowRole,
	"caller":       callerRole,
	"retrans":      retransRole,
	"worker":       workerRole,
	"reception":    receptionRole,
	"clerk":        clerkRole,
	"holder":       holderRole,
	"work":         workRole,
	"mover":        moverRole,
	"reuse":        reuseRole,
	"deadline":     deadlineRole,
	"swap":         swapRole,
	"swap-later":   swapLaterRole,
}

func runChild(args []string) error {
	if len(args) == 0 || roles[args[0]] == nil {
		return fmt.Errorf("no child role in %q", args)
	}
	return roles[args[0]](args[1:])
}

// selfReport is what a process writes to its standard output at its end.
type selfReport struct {
	Threads int   `json:"threads"`
	CPUNS   int64 `json:"cpu_ns"`
}

func reportSelf() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	cpu := usage.Utime.Nano() + usage.Stime.Nano()
	return json.NewEncoder(os.Stdout).Encode(selfReport{Threads: len(tasks), CPUNS: cpu})
}

// awaitStart blocks until the parent closes the start pipe, file 3.
func awaitStart() {
	buf := make([]byte, 1)
	_, _ = os.NewFile(3, "start").Read(buf)
}

// lasting parses "DURATION DUTY": how long to run and how many percent of
// each 10 ms to burn.
func lasting(args []string) (runs time.Duration, duty int, err error) {
	if len(args) < 2 {
		return 0, 0, fmt.Errorf("want DURATION DUTY, have %q", args)
	}
	if runs, err = time.ParseDuration(args[0]); err != nil {
		return 0, 0, err
	}
	_, err = fmt.Sscan(args[1], &duty)
	return runs, duty, err
}

func spinRole(args []string) error {
	runs, duty, err := lasting(args)
	if err != nil {
		return err
	}
	awaitStart()
	burn(time.Now().Add(runs), duty)
	return reportSelf()
}

// threadsRole burns on four locked OS threads.
func threadsRole(args []string) error {
	runs, duty, err := lasting(args)
	if err != nil {
		return err
	}
	awaitStart()
	end := time.Now().Add(runs)
	var threads sync.WaitGroup
	for range 4 {
		threads.Go(func() {
			runtime.LockOSThread()
			burn(end, duty)
			runtime.UnlockOSThread() // keep the thread for the count
		})
	}
	threads.Wait()
	return reportSelf()
}

// burn uses duty percent of each 10 ms until end.
func burn(end time.Time, duty int) {
	const period = 10 * time.Millisecond
	for time.Now().Before(end) {
		stop := time.Now().Add(period * time.Duration(duty) / 100)
		for time.Now().Before(stop) && time.Now().Before(end) {
		}
		if duty < 100 {
			time.Sleep(period * time.Duration(100-duty) / 100)
		}
	}
}

// sleepRole wakes every millisecond, which is nearly all it does.
func sleepRole(args []string) error {
	runs, _, err := lasting(args)
	if err != nil {
		return err
	}
	awaitStart()
	for end := time.Now().Add(runs); time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	return reportSelf()
}

// pongRole passes a byte from file 4 to file 5 until file 4 ends. The end of
// a pair that has the time closes its side, and the other end follows.
func pongRole(args []string) error {
	runs, serves, err := lasting(args)
	if err != nil {
		return err
	}
	awaitStart()
	if err := pass(time.Now().Add(runs), serves != 0); err != nil {
		return err
	}
	return reportSelf()
}

func pass(end time.Time, serves bool) error {
	const in, out = 4, 5
	ball := make([]byte, 1)
	if serves {
		if _, err := unix.Write(out, ball); err != nil {
			return err
		}
	}
	for {
		n, err := unix.Read(in, ball)
		if err != nil || n == 0 || serves && time.Now().After(end) {
			return err
		}
		if _, err := unix.Write(out, ball); err != nil {
			return err
		}
	}
}
