// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func parseEnding(args []string) (ending, error) {
	if len(args) != 2 {
		return ending{}, fmt.Errorf("want CODE SIGNAL, have %q", args)
	}
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return ending{}, err
	}
	signal, err := strconv.Atoi(args[1])
	return ending{code, syscall.Signal(signal)}, err
}

// endRole ends this process as told.
func endRole(args []string) error {
	e, err := parseEnding(args)
	if err != nil {
		return err
	}
	if e.signal != 0 {
		return die(e.signal)
	}
	os.Exit(e.code)
	return nil
}

// die ends the process by the default action of a signal, without a core
// file. Go's runtime handles most signals, so the handler is taken back first.
func die(signal syscall.Signal) error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	if signal != syscall.SIGKILL {
		if err := defaultAction(signal); err != nil {
			return err
		}
	}
	if err := unix.Kill(os.Getpid(), signal); err != nil {
		return err
	}
	select {} // the signal is on its way
}

// defaultAction is signal(signal, SIG_DFL).
func defaultAction(signal syscall.Signal) error {
	var action [4]uint64 // the kernel's struct sigaction, all zero: SIG_DFL
	const maskBytes = 8
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0, maskBytes, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
