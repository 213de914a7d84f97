// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"strings"
	"testing"

	"github.com/ebrec/ebrec/analyze"
)

// A text whose end is missing is not taken for one that is whole.
func TestCutNames(t *testing.T) {
	most := strings.Repeat("p", 4095)
	c := write(t,
		row{1, "exec", v{"pid": 1, "tid": 1, "filename": most}},
		row{2, "exec", v{"pid": 2, "tid": 2, "filename": most, "cut": 1}},
		row{3, "exec", v{"pid": 3, "tid": 3, "filename": most[:255]}},
	)
	r := run(t, c, "execs", analyze.Options{})
	counts := map[any]any{}
	for _, line := range r.Tables[1].Rows {
		counts[line[0]] = line[1]
	}
	for _, want := range []string{most, most + "...", most[:255]} {
		if counts[want] != uint64(1) {
			t.Errorf("a file of %d bytes: %v execs, want 1", len(want), counts[want])
		}
	}
}

// Paths of cgroups that have only their end in the capture may be of several.
func TestCutCgroups(t *testing.T) {
	c := write(t,
		row{0, "task", v{"pid": 1, "tid": 1, "comm": "a", "cgroup_id": 7}},
		row{0, "task", v{"pid": 2, "tid": 2, "comm": "b", "cgroup_id": 8}},
		row{0, "cgroup_path", v{"cgroup_id": 7, "cgroup": "d/e", "cut": 1}},
		row{0, "cgroup_path", v{"cgroup_id": 8, "cgroup": "d/e", "cut": 1}},
		row{9, "task_sum", v{"pid": 1, "tid": 1, "cpu_time_ns": 5}},
		row{9, "task_sum", v{"pid": 2, "tid": 2, "cpu_time_ns": 6}},
	)
	r := run(t, c, "cputime", analyze.Options{By: "cgroup"})
	var text strings.Builder
	if err := r.Render(&text, "csv"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".../d/e (cgroup 7)", ".../d/e (cgroup 8)"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}
