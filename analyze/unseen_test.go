// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
)

// unseenShifts are the shifts in which CPU 0 was seen to have 20 come at 300 ms,
// which left and came back unseen and left at 400 ms: of these 100 ms, its task
// clock proves 60.
func unseenShifts() []row {
	unknown := sum(1000, 20, 20, -4000, 60, 60, 1, 0, false)
	unknown.values["cpu_unknown_ns"] = 5 * ms
	return []row{
		at(0, "task", id(10, 10, 1, -5000, "cc"), v{"reason": "snapshot"}),
		at(0, "task", id(20, 20, 1, -4000, "as"), v{"reason": "snapshot"}),
		at(0, "task", id(20, 22, 1, -4000, "idler"), v{"reason": "snapshot"}),
		hop(300, 0, 10, 20, 0, "R"),
		at(400, "loss", v{"cpu": 0, "since": 300 * ms, "lost": 2, "loss_source": "sched", "loss_reason": "unseen"}),
		hop(400, 0, 20, 0, 0, "S"),
		hop(600, 0, 0, 10, 0, "R"),
		sum(1000, 10, 10, -5000, 700, 700, 0, 1, false),
		unknown,
		at(1000, "cpu_sum", v{"cpu": 0, "idle_ns": 200 * ms, "unseen_ns": 40 * ms}),
		at(1000, "cpu_sum", v{"cpu": 1, "idle_ns": 1000 * ms}),
		hop(999, 1, 0, 0, 0, "R"),
		end,
	}
}

func TestUnseenTimeIsNobodys(t *testing.T) {
	c := write(t, unseenShifts()...)
	r := run(t, c, "cputime", analyze.Options{})
	want := []string{
		"10 cc 700000000 700000000 700000000 700000000",
		// It may have had 5 ms before it was first seen, and its other thread what nobody had.
		"20 as 60000000 60000000 105000000 60000000",
		"0 idle/1 0 0 0 1000000000",
		"0 idle/0 0 0 0 200000000",
		"0 unseen/0 0 0 0 40000000",
	}
	if diff := cmp.Diff(want, rows(t, r, "pid", "comm", "cpu_time_ns", "cpu_time_min_ns", "cpu_time_max_ns", "on_cpu_ns")); diff != "" {
		t.Errorf("cputime (-want +got):\n%s", diff)
	}
	if got := verdict(t, run(t, c, "audit", analyze.Options{})); !strings.HasPrefix(got, "exact.") {
		t.Errorf("audit: %s", got)
	}
}

// In an interval with unseen switches nobody knows where the thread was.
func TestUnseenIsUnknown(t *testing.T) {
	r := run(t, write(t, unseenShifts()...), "offcpu", analyze.Options{By: "thread"})
	want := []string{
		"10 10 700000000 300000000 0 0",
		"20 20 0 0 600000000 400000000",
	}
	if diff := cmp.Diff(want, rows(t, r, "pid", "tid", "on_cpu_ns", "runnable_ns", "sleeping_ns", "unknown_ns")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A thread that executes a file leaves its CPU under its process's number. Its
// time there is of the number that it came with, as the sums have it.
func TestRenumberedThread(t *testing.T) {
	c := write(t,
		at(0, "task", id(10, 10, 1, -5000, "old"), v{"reason": "snapshot"}),
		at(0, "task", id(10, 11, 1, -4000, "worker"), v{"reason": "snapshot"}),
		hop(100, 0, 10, 11, 0, "X"),
		at(150, "exec", id(10, 10, 1, -5000, "new"), v{"filename": "/bin/new"}),
		hop(300, 0, 10, 0, 0, "S"), // 11 until it executed the file
		hop(500, 0, 0, 10, 0, "R"),
		sum(100, 10, 10, -5000, 100, 100, 1, 0, true),
		sum(300, 10, 11, -4000, 200, 200, 1, 0, true),
		sum(1000, 10, 10, -5000, 500, 500, 0, 0, false),
		at(1000, "cpu_sum", v{"cpu": 0, "idle_ns": 200 * ms}), at(1000, "cpu_sum", v{"cpu": 1, "idle_ns": 1000 * ms}),
		hop(999, 1, 0, 0, 0, "R"),
		end)
	if got := verdict(t, run(t, c, "audit", analyze.Options{})); !strings.HasPrefix(got, "exact.") {
		t.Errorf("audit: %s", got)
	}
	r := run(t, c, "offcpu", analyze.Options{By: "thread"})
	want := []string{"10 10 600000000 0", "10 11 200000000 100000000"}
	if diff := cmp.Diff(want, rows(t, r, "pid", "tid", "on_cpu_ns", "unknown_ns")); diff != "" {
		t.Errorf("offcpu (-want +got):\n%s", diff)
	}
}
