// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// hop is a switch, times in ms.
func hop(atMS int64, cpu, tid, next, waited int, state string) row {
	preempted := 0
	if state == "R" {
		preempted = 1
	}
	return at(atMS, "sched_switch", v{"cpu": cpu, "tid": tid, "next_tid": next, "delay_ns": waited * ms, "prev_state": state, "preempted": preempted})
}

// shifts is one second of two CPUs:
//
//	CPU 0: cc 10 until 100, as 20 until 300, cc until 400, idle until 600, as until 900, idle
//	CPU 1: idle until 200, ld 21 (a thread of as) until 500, idle, cc from 700 on
//
// as is from before and slept; it waits 40 ms before 100 and, woken at 550, 50 ms before 600.
// cc is preempted at 100 and waits until 300; it sleeps (D) from 400 and waits 30 ms before 700.
// ld is new at 150 and waits 50 ms; it ends at 500.
func shifts() []row {
	return []row{
		at(0, "task", id(10, 10, 1, -5000, "cc"), v{"reason": "snapshot"}),
		at(0, "task", id(20, 20, 1, -4000, "as"), v{"reason": "snapshot"}),
		hop(100, 0, 10, 20, 0, "R"),
		at(150, "thread_start", id(20, 21, 1, 150, "ld")),
		hop(200, 1, 0, 21, 0, "R"),
		hop(300, 0, 20, 10, 40, "S"),
		hop(400, 0, 10, 0, 200, "D"),
		at(499, "thread_exit", id(20, 21, 1, 150, "ld")),
		hop(500, 1, 21, 0, 50, "X"),
		hop(600, 0, 0, 20, 0, "R"),
		hop(700, 1, 0, 10, 0, "R"),
		hop(900, 0, 20, 0, 50, "T"),
		end,
	}
}

func TestRunQLat(t *testing.T) {
	for by, want := range map[string][]string{
		"process": {
			"<nil> <nil> all 4 340000000 85000000 50000000 200000000",
			"10 <nil> cc 1 200000000 200000000 200000000 200000000",
			"20 <nil> as 3 140000000 46666666 50000000 50000000",
		},
		"thread": {
			"<nil> <nil> all 4 340000000 85000000 50000000 200000000",
			"10 10 cc 1 200000000 200000000 200000000 200000000",
			"20 20 as 2 90000000 45000000 40000000 50000000",
			"20 21 ld 1 50000000 50000000 50000000 50000000",
		},
		"cpu": {
			"<nil> <nil> all 4 340000000 85000000 50000000 200000000",
			"<nil> <nil> CPU 0 3 290000000 96666666 50000000 200000000",
			"<nil> <nil> CPU 1 1 50000000 50000000 50000000 50000000",
		},
		"comm": {
			"<nil> <nil> all 4 340000000 85000000 50000000 200000000",
			"<nil> <nil> cc 1 200000000 200000000 200000000 200000000",
			"<nil> <nil> as 3 140000000 46666666 50000000 50000000",
		},
	} {
		t.Run(by, func(t *testing.T) {
			r := run(t, write(t, shifts()...), "runqlat", analyze.Options{By: by})
			got := rows(t, r, "pid", "tid", "comm", "waits", "total_ns", "average_ns", "p50_ns", "max_ns")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	r := run(t, write(t, shifts()...), "runqlat", analyze.Options{})
	worst := r.Tables[3].Rows
	if len(worst) != 4 || worst[0][1] != uint64(200*ms) || worst[0][3] != "cc" || worst[0][6] != "as" || worst[1][1] != uint64(50*ms) || worst[1][6] != "idle" {
		t.Errorf("longest waits %v", worst)
	}
	if at := begin.UnixNano() + 300*ms; worst[0][0] != at {
		t.Errorf("the longest wait ended at %v, want %d", worst[0][0], at)
	}
	waits := uint64(0)
	for _, row := range r.Tables[2].Rows {
		waits += row[2].(uint64)
	}
	if waits != 4 {
		t.Errorf("the histogram has %d waits", waits)
	}
}

// Everything adds up to the life of each thread.
func TestOffCPU(t *testing.T) {
	columns := []string{"pid", "comm", "threads", "wall_ns", "on_cpu_ns", "runnable_ns", "sleeping_ns", "uninterruptible_ns",
		"stopped_ns", "unknown_ns", "voluntary", "preempted", "migrations", "preempter"}
	for by, want := range map[string][]string{
		"process": {
			"10 cc 1 1000000000 500000000 200000000 0 300000000 0 0 1 1 0 as",
			"20 as 2 1350000000 800000000 140000000 250000000 0 100000000 60000000 3 0 0 <nil>",
		},
		"thread": {
			"10 cc 1 1000000000 500000000 200000000 0 300000000 0 0 1 1 0 as",
			"20 as 1 1000000000 500000000 90000000 250000000 0 100000000 60000000 2 0 0 <nil>",
			"20 ld 1 350000000 300000000 50000000 0 0 0 0 1 0 0 <nil>",
		},
	} {
		t.Run(by, func(t *testing.T) {
			r := run(t, write(t, shifts()...), "offcpu", analyze.Options{By: by, Sort: "pid"})
			if diff := cmp.Diff(want, rows(t, r, columns...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A window counts what lies in it, whatever was before.
func TestOffCPUInWindow(t *testing.T) {
	from := begin.UnixNano() + 350*ms
	r := run(t, write(t, shifts()...), "offcpu", analyze.Options{By: "thread", Sort: "pid", From: from, To: from + 300*ms})
	want := []string{
		"10 cc 300000000 50000000 0 250000000 0",
		"20 as 300000000 50000000 0 0 250000000", // its wait is known once it leaves again
		"20 ld 150000000 150000000 0 0 0",
	}
	if diff := cmp.Diff(want, rows(t, r, "pid", "comm", "wall_ns", "on_cpu_ns", "runnable_ns", "uninterruptible_ns", "sleeping_ns")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Where switches are missing, nothing is made up.
func TestSwitchesAreMissing(t *testing.T) {
	all := shifts()
	all = append(all[:6:6], all[7:]...) // cc does not leave at 400
	r := run(t, write(t, all...), "offcpu", analyze.Options{By: "thread", Sort: "pid"})
	got := rows(t, r, "comm", "wall_ns", "unknown_ns")
	if got[0] != "cc 1000000000 400000000" || len(r.Tables[0].Notes) != 3 {
		t.Errorf("rows %v, notes %q", got, r.Tables[0].Notes)
	}
	r = run(t, write(t, all...), "runqlat", analyze.Options{})
	if len(r.Tables[1].Notes) != 1 {
		t.Errorf("notes %q", r.Tables[1].Notes)
	}
}

// With a filter, threads that are not recorded have numbers only.
func TestStrangers(t *testing.T) {
	c := capture{meta: func(m *format.Metadata) { m.Filter = "processes 10 and their children" }}.write(t,
		at(0, "task", id(10, 10, 1, -5000, "cc"), v{"reason": "snapshot"}),
		hop(100, 0, 10, 77, 0, "R"), hop(200, 0, 88, 10, 3, "S"), hop(300, 0, 10, 0, 100, "S"), end)
	r := run(t, c, "runqlat", analyze.Options{})
	if got := rows(t, r, "comm", "waits", "total_ns"); got[0] != "all 1 100000000" || got[1] != "cc 1 100000000" || len(r.Tables[1].Notes) != 0 {
		t.Errorf("rows %v, notes %q", got, r.Tables[1].Notes)
	}
}

// A process whose first thread nobody knows has the name of the thread that waited
// first, whatever is looked up anew.
func TestFirstThreadIsUnknown(t *testing.T) {
	c := write(t,
		at(0, "task", id(10, 11, 1, -5000, "first"), v{"reason": "snapshot"}),
		at(0, "task", id(10, 12, 1, -4000, "second"), v{"reason": "snapshot"}),
		hop(100, 0, 0, 11, 0, "R"), hop(200, 0, 11, 12, 3, "S"), hop(300, 0, 12, 11, 4, "S"),
		at(350, "cgroup_path", v{"cgroup_id": 1, "cgroup": "/"}),
		hop(400, 0, 11, 12, 5, "S"), hop(500, 0, 12, 0, 6, "S"), end)
	got := rows(t, run(t, c, "runqlat", analyze.Options{}), "pid", "comm", "total_ns")
	if diff := cmp.Diff([]string{"<nil> all 18000000", "10 first 18000000"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnknownGrouping(t *testing.T) {
	a, err := analyze.Find("runqlat")
	if err != nil {
		t.Fatal(err)
	}
	_, err = analyze.Run(t.Context(), write(t, shifts()...), a, analyze.Options{By: "proces"})
	if err == nil || err.Error() != `unknown grouping "proces", did you mean process?` {
		t.Errorf("got %v", err)
	}
}
