// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

func TestLifetimes(t *testing.T) {
	r := run(t, write(t, machine()...), "lifetimes", analyze.Options{})
	want := []string{
		"10 1 sh <nil> 6000000000 <nil> <nil> 102000000 running 1",
		"20 10 make /usr/bin/make 400000000 3 0 80000000 exited 0",
		"20 10 cat /bin/cat 100000000 0 9 20000000 exited 0",
		"21 10 =cmd() <nil> 300000000 <nil> <nil> 200000000 running 0",
		"30 21 \x1b[2J\n\u202ex\\xff @SUM(1)\x1b]0;x\a 100000000 0 0 7000000 exited 0",
		"31 2 kworker/0:1 <nil> 150000000 <nil> <nil> 1000000 running 0",
	}
	got := rows(t, r, "pid", "ppid", "comm", "filename", "lifetime_ns", "exit_code", "signal", "cpu_time_ns", "state", "before")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	start := begin.Add(100 * time.Millisecond).UnixNano()
	if got := column(t, r, "start")[1]; got != start {
		t.Errorf("start %v, want %v", got, start)
	}
}

func TestMinDuration(t *testing.T) {
	r := run(t, write(t, machine()...), "lifetimes", analyze.Options{MinDuration: 300 * time.Millisecond})
	if diff := cmp.Diff([]string{"sh", "make", "=cmd()"}, rows(t, r, "comm")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Without the source cpu the exit rows' own totals are the best there is.
func TestLifetimesWithoutSums(t *testing.T) {
	c := capture{
		without: []string{"task_sum", "cpu_sum"},
		meta:    func(m *format.Metadata) { m.Sources = []string{"process"} },
	}.write(t,
		at(0, "task", id(10, 10, 1, -5000, "sh"), v{"reason": "snapshot", "total_cpu_ns": 2 * ms}),
		at(100, "fork", id(20, 20, 10, 100, "sh")),
		at(500, "exit", id(20, 20, 10, 100, "make"), v{"lifetime_ns": 400 * ms, "total_cpu_ns": 79 * ms}),
		end,
	)
	r := run(t, c, "lifetimes", analyze.Options{})
	if diff := cmp.Diff([]string{"10 <nil>", "20 79000000"}, rows(t, r, "pid", "cpu_time_ns")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An exit that is reported twice is one process; the last report counts. An
// older process's CPU time includes threads that ended before, by its exit row.
func TestExitTwice(t *testing.T) {
	exit := func(atMS int64, code int) row {
		return at(atMS, "exit", id(10, 10, 1, -5000, "sh"), v{"lifetime_ns": 5100 * ms, "exit_code": code, "total_cpu_ns": 90 * ms})
	}
	r := run(t, write(t,
		at(0, "task", id(10, 10, 1, -5000, "sh"), v{"reason": "snapshot", "total_cpu_ns": 2 * ms}),
		exit(100, 1), exit(101, 2), end,
	), "lifetimes", analyze.Options{})
	if diff := cmp.Diff([]string{"10 2 90000000 exited"}, rows(t, r, "pid", "exit_code", "cpu_time_ns", "state")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
