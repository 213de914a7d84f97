// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// startApart starts a process, in a cgroup of its own if the stage has room for
// cgroups: no other process has used that, and it has all that this one uses.
func (s *stage) startApart(c *child) error {
	if s.cgroups == "" {
		return c.cmd.Start()
	}
	c.cgroup = filepath.Join(s.cgroups, c.name)
	if err := os.Mkdir(c.cgroup, 0o755); err != nil {
		return err
	}
	dir, err := os.Open(c.cgroup)
	if err != nil {
		return err
	}
	defer dir.Close()
	c.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	return c.cmd.Start()
}
