// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ebrec/ebrec/analyze"
)

func opened(atMS int64, pid int, comm, path string, errno, ns int) row {
	fd := 3
	if errno != 0 {
		fd = -1
	}
	return at(atMS, "open", v{"pid": pid, "tid": pid, "comm": comm, "path": path, "error": errno, "fd": fd, "open_ns": ns})
}

func TestOpens(t *testing.T) {
	c := write(t,
		opened(1, 10, "cat", "/a", 0, 100), opened(2, 10, "cat", "/b", 2, 300), opened(3, 20, "ls", "/a", 13, 200), end)
	r := run(t, c, "opens", analyze.Options{})
	want := []string{"cat 10 3 <nil> 100 /a", "cat 10 <nil> ENOENT 300 /b", "ls 20 <nil> EACCES 200 /a"}
	if diff := cmp.Diff(want, rows(t, r, "comm", "pid", "fd", "error", "open_ns", "path")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, want := range [][][]analyze.Value{
		{{"/a", uint64(2), uint64(1), uint64(150)}, {"/b", uint64(1), uint64(1), uint64(300)}},
		{{"cat", uint64(2), uint64(1), uint64(200)}, {"ls", uint64(1), uint64(1), uint64(200)}},
		{{"EACCES", uint64(1)}, {"ENOENT", uint64(1)}},
	} {
		if diff := cmp.Diff(want, r.Tables[i+1].Rows); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.Tables[i+1].Title, diff)
		}
	}
}

// A list is bounded, its summaries are not of the list.
func TestManyOpens(t *testing.T) {
	const n = 100_003
	var all []row
	for i := range n {
		all = append(all, row{at: int64(i), kind: "open", values: v{"pid": 1, "tid": 1, "path": "/a"}})
	}
	r := run(t, write(t, append(all, end)...), "opens", analyze.Options{})
	if got := len(r.Tables[0].Rows); got != 100_000 || len(r.Tables[0].Notes) != 1 {
		t.Errorf("%d rows, notes %q", got, r.Tables[0].Notes)
	}
	if got := r.Tables[1].Rows[0][1]; got != uint64(n) {
		t.Errorf("the summary counts %v", got)
	}
}

func TestExecs(t *testing.T) {
	c := write(t,
		at(0, "task", id(10, 10, 1, -5000, "sh"), v{"reason": "snapshot"}),
		at(1, "fork", id(20, 20, 10, 1, "sh")),
		at(2, "exec_args", v{"pid": 20, "tid": 20, "args": "ls -l 'a b'"}),
		at(2, "exec", id(20, 20, 10, 1, "ls"), v{"filename": "/bin/ls"}),
		at(3, "exec", id(30, 30, 99, 3, "cat"), v{"filename": "/bin/cat"}), end)
	r := run(t, c, "execs", analyze.Options{})
	want := []string{"ls 20 10 /bin/ls ls -l 'a b'", "cat 30 99 /bin/cat <nil>"}
	if diff := cmp.Diff(want, rows(t, r, "comm", "pid", "ppid", "filename", "args")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.Tables[2].Rows; got[0][0] != "?" || got[1][0] != "sh" {
		t.Errorf("parents %v", got)
	}
}

// The summary says what the analyses that it is made of say.
func TestSummary(t *testing.T) {
	r := run(t, write(t, append(machine(), connections()...)...), "summary", analyze.Options{})
	byTitle := map[string][][]analyze.Value{}
	for _, table := range r.Tables {
		byTitle[table.Title] = table.Rows
	}
	if diff := cmp.Diff([][]analyze.Value{{uint64(0), 30.0, uint64(700 * ms), uint64(0)}, {uint64(1), 11.6, uint64(884 * ms), uint64(0)}}, byTitle["CPUs"], cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("CPUs (-want +got):\n%s", diff)
	}
	want := []string{"21 =cmd() 200000000", "10 sh 100000000", "20 make 80000000", "20 cat 20000000", "30 \x1b[2J\n\u202ex\\xff 7000000"}
	if diff := cmp.Diff(want, rows(t, r, "pid", "comm", "cpu_time_ns")); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	var failed []analyze.Value
	for _, row := range byTitle["Failures"] {
		failed = append(failed, row[2])
	}
	if diff := cmp.Diff([]analyze.Value{"cat", "make"}, failed); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	lat := run(t, write(t, append(machine(), connections()...)...), "tcplat", analyze.Options{})
	var n, requests uint64
	for _, row := range byTitle["TCP connections"] {
		n, requests = n+row[1].(uint64), requests+row[3].(uint64)
	}
	if int(n) != len(lat.Tables[0].Rows) || requests != total(t, lat, "requests") {
		t.Errorf("%d connections with %d requests, tcplat has %d with %d", n, requests, len(lat.Tables[0].Rows), total(t, lat, "requests"))
	}
}
