// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/ebrec/ebrec/test/truth"
)

// stage is a directory of links to this program, one per process name.
type stage struct {
	dir     string
	self    string
	cgroups string // directory in which processes have cgroups of their own; none if empty
}

func newStage() (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "workload")
	if err != nil {
		return nil, err
	}
	return &stage{dir: dir, self: self}, nil
}

func (s *stage) close() { _ = os.RemoveAll(s.dir) }

// link returns the path of this program under name. Names over 15 bytes
// would be cut by the kernel.
func (s *stage) link(name string) (string, error) {
	path := filepath.Join(s.dir, name)
	err := os.Symlink(s.self, path)
	if err != nil && !os.IsExist(err) {
		return "", err
	}
	return path, nil
}

// child is one process of the workload.
type child struct {
	name, role string
	cgroup     string // of its own, if it has one
	cmd        *exec.Cmd
	stdout     bytes.Buffer
	ended      *truth.Process // once it has been waited for
}

// child prepares a process called name that runs "child role args...".
func (s *stage) child(name, role string, args ...string) (*child, error) {
	path, err := s.link(name)
	if err != nil {
		return nil, err
	}
	c := &child{name: name, role: role}
	c.cmd = exec.Command(path, append([]string{"child", role}, args...)...)
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, os.Stderr
	return c, nil
}

// wait waits for the process and returns what wait4 and the process itself
// say about it. Ending by a code or a signal is no error.
func (c *child) wait() (truth.Process, error) {
	p, err := c.reap()
	if c.ended == nil {
		return p, err
	}
	return p, c.report(&p)
}

// reap waits for the process, which must succeed, and returns what wait4 says.
// /proc has its start for as long as it has not been waited for.
func (c *child) reap() (truth.Process, error) {
	p := truth.Process{
		PID: c.cmd.Process.Pid, PPID: os.Getpid(), Comm: c.name, Role: c.role,
		Images: []string{c.cmd.Path}, Cgroup: c.cgroup,
	}
	var err error
	if p.StartNS, err = truth.StartOf(p.PID); err != nil {
		return p, err
	}
	err = c.cmd.Wait()
	if c.cmd.ProcessState == nil {
		return p, fmt.Errorf("wait for %s: %w", c.name, err)
	}
	fill(&p, c.cmd.ProcessState)
	c.ended = &p
	if err != nil {
		err = fmt.Errorf("%s: %w", c.name, err)
	}
	return p, err
}

// run runs the process, which must succeed.
func (c *child) run() error {
	if err := c.cmd.Start(); err != nil {
		return err
	}
	_, err := c.reap()
	return err
}

// report adds what the process wrote about itself, if anything.
func (c *child) report(p *truth.Process) error {
	if c.stdout.Len() == 0 {
		return nil
	}
	var r selfReport
	if err := json.Unmarshal(c.stdout.Bytes(), &r); err != nil {
		return fmt.Errorf("read report of %s: %w", c.name, err)
	}
	p.Threads, p.SelfCPUNS = r.Threads, r.CPUNS
	return nil
}

// fill takes exit status and resources from wait4.
func fill(p *truth.Process, state *os.ProcessState) {
	status := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		p.Signal = int(status.Signal())
	} else {
		p.ExitCode = status.ExitStatus()
	}
	usage := state.SysUsage().(*syscall.Rusage)
	p.CPUNS = usage.Utime.Nano() + usage.Stime.Nano()
	p.Voluntary, p.Involuntary = usage.Nvcsw, usage.Nivcsw
}
