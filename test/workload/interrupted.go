// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/truth"
)

// interrupted runs processes that open a FIFO and wait for its other end while
// signals come: handled, so that the kernel restarts the call; handled, so that it
// fails; stopped and continued; and killed.
func interrupted(s *stage, _ options) (*truth.Truth, error) {
	t := new(truth.Truth)
	for _, how := range []string{"restart", "fail", "stop", "kill"} {
		i, err := s.interrupt(how)
		if err != nil {
			return nil, fmt.Errorf("interrupt an open (%s): %w", how, err)
		}
		t.Interrupted = append(t.Interrupted, i)
	}
	return t, nil
}

// opener is a process that opens a FIFO.
type opener struct {
	cmd  *exec.Cmd
	out  *bufio.Scanner
	tid  int
	path string
}

// said is what it printed next.
func (o *opener) said(v any) error {
	if !o.out.Scan() {
		return errors.Join(o.out.Err(), errors.New("it said no more"))
	}
	return json.Unmarshal(o.out.Bytes(), v)
}

// waits waits until the process is in the call, asleep.
func (o *opener) waits() error {
	call := fmt.Sprintf("%d ", unix.SYS_OPENAT)
	return o.await("syscall", func(text string) bool { return strings.HasPrefix(text, call) })
}

// await reads a file of the thread that opens until it is as it must be.
func (o *opener) await(file string, is func(string) bool) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/%s", o.cmd.Process.Pid, o.tid, file))
		if err != nil {
			return err
		}
		if is(string(text)) {
			return nil
		}
	}
	return fmt.Errorf("%s of thread %d is not what it must be within a minute", file, o.tid)
}

func (s *stage) interrupt(how string) (truth.Interrupted, error) {
	o := &opener{path: filepath.Join(s.dir, "fifo-"+how)}
	t := truth.Interrupted{Path: o.path}
	if err := unix.Mkfifo(o.path, 0o600); err != nil {
		return t, err
	}
	c, err := s.child("eb-fifo", "fifo", o.path, how)
	if err != nil {
		return t, err
	}
	c.cmd.Stdout = nil
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return t, err
	}
	if err := c.cmd.Start(); err != nil {
		return t, err
	}
	o.cmd, o.out = c.cmd, bufio.NewScanner(out)
	err = errors.Join(o.said(&o.tid), o.waits())
	if err != nil {
		return t, err
	}
	t.PID = o.cmd.Process.Pid
	begun := time.Now()
	err = o.disturb(how)
	t.AtLeastNS = time.Since(begun).Nanoseconds()
	return t, errors.Join(err, o.finish(how, &t))
}

// disturb sends the signals.
func (o *opener) disturb(how string) error {
	switch how {
	case "restart":
		for range 5 {
			var got string
			if err := errors.Join(unix.Tgkill(o.cmd.Process.Pid, o.tid, unix.SIGUSR1), o.said(&got), o.waits()); err != nil {
				return err
			}
		}
	case "stop":
		return errors.Join(
			o.cmd.Process.Signal(unix.SIGSTOP), o.await("stat", func(text string) bool { return strings.Contains(text, ") T ") }),
			o.cmd.Process.Signal(unix.SIGCONT), o.waits())
	case "fail":
		var got string
		return errors.Join(unix.Tgkill(o.cmd.Process.Pid, o.tid, unix.SIGUSR1), o.said(&got))
	case "kill":
		return o.cmd.Process.Kill()
	}
	return nil
}

// finish opens the other end where somebody waits for it, and takes the report.
func (o *opener) finish(how string, t *truth.Interrupted) error {
	if how == "kill" {
		t.Killed = true
		_ = o.cmd.Wait() // it was killed
		return nil
	}
	if how != "fail" {
		w, err := os.OpenFile(o.path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer w.Close()
	}
	return errors.Join(o.said(t), o.cmd.Wait())
}

// fifoRole opens a FIFO and tells how that went. Args: FIFO HOW.
func fifoRole(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want FIFO HOW, have %q", args)
	}
	runtime.LockOSThread()
	say := json.NewEncoder(os.Stdout)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGUSR1)
	if args[1] == "fail" {
		if err := failCalls(unix.SIGUSR1); err != nil {
			return err
		}
	}
	told := make(chan bool)
	go func() {
		for s := range signals {
			_ = say.Encode(s.String()) // who reads it misses it
		}
		close(told)
	}()
	if err := say.Encode(unix.Gettid()); err != nil {
		return err
	}
	begun := time.Now()
	_, err := unix.Open(args[0], unix.O_RDONLY, 0)
	t := truth.Interrupted{PID: os.Getpid(), Path: args[0], AtMostNS: time.Since(begun).Nanoseconds()}
	var errno unix.Errno
	if errors.As(err, &errno) {
		t.Errno = int(errno)
	}
	signal.Stop(signals)
	close(signals)
	<-told
	return say.Encode(struct {
		Errno    int   `json:"errno"`
		AtMostNS int64 `json:"at_most_ns"`
	}{t.Errno, t.AtMostNS})
}

// failCalls makes calls fail into which a signal comes: its handler stays, without
// SA_RESTART.
func failCalls(s unix.Signal) error {
	var action struct{ handler, flags, restorer, mask uint64 }
	const restart, maskBytes = 0x10000000, 8
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), 0, uintptr(unsafe.Pointer(&action)), maskBytes, 0, 0); errno != 0 {
		return errno
	}
	action.flags &^= restart
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, maskBytes, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
