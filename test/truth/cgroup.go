// SPDX-License-Identifier: Apache-2.0

package truth

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Settle asks the cgroups that processes had to themselves what these used, and
// removes them. It is for when a recording has ended: a thread is on a CPU for a
// little longer than wait4 and its process know of.
func (t *Truth) Settle() error {
	var errs []error
	for i := range t.Processes {
		p := &t.Processes[i]
		if p.Cgroup == "" || p.CgroupCPUNS != 0 {
			continue
		}
		var err error
		p.CgroupCPUNS, err = cpuOf(p.Cgroup)
		errs = append(errs, err, os.Remove(p.Cgroup))
	}
	return errors.Join(errs...)
}

// cpuOf is the CPU time that was charged to a cgroup of version 2, in ns.
func cpuOf(cgroup string) (int64, error) {
	path := filepath.Join(cgroup, "cpu.stat")
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(data) {
		if f := bytes.Fields(line); len(f) == 2 && string(f[0]) == "usage_usec" {
			us, err := strconv.ParseInt(string(f[1]), 10, 64)
			return us * 1000, err
		}
	}
	return 0, fmt.Errorf("%s has no usage_usec", path)
}
