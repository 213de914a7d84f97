// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
)

// Rows of whatever is asked for, and always the same sum.
func TestCPUTimeBy(t *testing.T) {
	in := func(cgroup int) v { return v{"cgroup_id": cgroup, "reason": "snapshot"} }
	c := write(t,
		at(0, "cgroup_path", v{"cgroup_id": 5, "cgroup": "/docker/web", "container": "web"}),
		at(0, "cgroup_path", v{"cgroup_id": 6, "cgroup": "/user.slice"}),
		at(0, "task", id(10, 10, 1, -10, "nginx"), in(5)),
		at(0, "task", id(10, 11, 1, -9, "pool"), in(5)),
		at(0, "task", id(20, 20, 1, -8, "nginx"), in(6)),
		at(0, "task", id(30, 30, 1, -7, "sh"), in(7)),
		at(0, "task", id(2, 2, 0, -20, "kworker"), in(1), v{"kernel_thread": 1}),
		sum(500, 10, 10, -10, 10, 10, 1, 0, false),
		sum(500, 10, 11, -9, 20, 20, 1, 0, false),
		sum(500, 20, 20, -8, 30, 30, 1, 0, false),
		sum(500, 30, 30, -7, 40, 40, 1, 0, false),
		sum(500, 2, 2, -20, 5, 5, 1, 0, false),
		end)
	for by, want := range map[string][]string{
		"process":   {"30 <nil> sh 1 40000000 user", "10 <nil> nginx 2 30000000 user", "20 <nil> nginx 1 30000000 user", "2 <nil> kworker 1 5000000 kernel"},
		"thread":    {"30 30 sh 1 40000000 user", "20 20 nginx 1 30000000 user", "10 11 pool 1 20000000 user", "10 10 nginx 1 10000000 user", "2 2 kworker 1 5000000 kernel"},
		"comm":      {"<nil> <nil> nginx 3 60000000 user", "<nil> <nil> sh 1 40000000 user", "<nil> <nil> kworker 1 5000000 kernel"},
		"cgroup":    {"<nil> <nil> cgroup 7 1 40000000 user", "<nil> <nil> /docker/web 2 30000000 user", "<nil> <nil> /user.slice 1 30000000 user", "<nil> <nil> cgroup 1 1 5000000 kernel"},
		"container": {"<nil> <nil> (none) 2 70000000 user", "<nil> <nil> web 2 30000000 user", "<nil> <nil> (none) 1 5000000 kernel"},
	} {
		t.Run(by, func(t *testing.T) {
			r := run(t, c, "cputime", analyze.Options{By: by})
			if diff := cmp.Diff(want, rows(t, r, "pid", "tid", "comm", "threads", "cpu_time_ns", "class")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
