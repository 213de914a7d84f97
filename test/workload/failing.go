// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ebrec/ebrec/test/truth"
	"golang.org/x/sys/unix"
)

// failing runs processes that end badly, that try to execute files that are
// not there, and one that executes several images in turn.
func failing(s *stage, _ options) (*truth.Truth, error) {
	t := new(truth.Truth)
	for _, e := range []ending{
		{code: 0}, {code: 1}, {code: 2}, {code: 42}, {code: 126}, {code: 127}, {code: 128}, {code: 255},
		{signal: syscall.SIGKILL}, {signal: syscall.SIGSEGV}, {signal: syscall.SIGTERM},
		{signal: syscall.SIGABRT}, {signal: syscall.SIGPIPE},
	} {
		p, err := s.end("eb-fail", e)
		if err != nil {
			return nil, err
		}
		t.Processes = append(t.Processes, p)
	}
	for _, do := range []func() (truth.Process, error){s.failExec, s.chain} {
		p, err := do()
		if err != nil {
			return nil, err
		}
		t.Processes = append(t.Processes, p)
	}
	return t, nil
}

// failExec runs a process that cannot execute what it wants and says 127.
func (s *stage) failExec() (truth.Process, error) {
	missing := []string{filepath.Join(s.dir, "missing"), filepath.Join(s.dir, "missing", "too")}
	c, err := s.child("eb-noexec", "failexec", missing...)
	if err != nil {
		return truth.Process{}, err
	}
	p, err := c.exits(127)
	p.FailedExecs = missing
	return p, err
}

func failExecRole(args []string) error {
	for _, path := range args {
		if err := unix.Exec(path, []string{path}, nil); err != unix.ENOENT {
			return fmt.Errorf("execute %s: %v, want %v", path, err, unix.ENOENT)
		}
	}
	os.Exit(127)
	return nil
}

// chain runs one process of three images.
func (s *stage) chain() (truth.Process, error) {
	var next []string
	for _, name := range []string{"eb-chain-b", "eb-chain-c"} {
		path, err := s.link(name)
		if err != nil {
			return truth.Process{}, err
		}
		next = append(next, path)
	}
	c, err := s.child("eb-chain-a", "chain", strings.Join(next, ":"))
	if err != nil {
		return truth.Process{}, err
	}
	p, err := c.exits(3)
	p.Images, p.Comm = append(p.Images, next...), "eb-chain-c"
	return p, err
}

// chainRole becomes the first image of a colon-separated list, or exits 3.
func chainRole(args []string) error {
	if len(args) == 0 || args[0] == "" {
		os.Exit(3)
	}
	first, rest, _ := strings.Cut(args[0], ":")
	return unix.Exec(first, []string{first, "child", "chain", rest}, os.Environ())
}

// exits runs a process that must exit with code.
func (c *child) exits(code int) (truth.Process, error) {
	if err := c.cmd.Start(); err != nil {
		return truth.Process{}, err
	}
	p, err := c.wait()
	if err == nil && (p.ExitCode != code || p.Signal != 0) {
		err = fmt.Errorf("%s ended with code %d, signal %d, want code %d", c.name, p.ExitCode, p.Signal, code)
	}
	return p, err
}
