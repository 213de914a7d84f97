// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// inMS are rows as [rows] has them; of columns named _ms the ns, in milliseconds.
func inMS(t *testing.T, r *analyze.Result, names ...string) []string {
	t.Helper()
	var all []string
	for _, name := range names {
		ns, isTime := strings.CutSuffix(name, "_ms")
		if isTime {
			name = ns + "_ns"
		}
		for i, value := range column(t, r, name) {
			if i == len(all) {
				all = append(all, "")
			}
			if n, ok := value.(uint64); ok && isTime {
				value = uint64(math.Round(float64(n) / float64(ms)))
			}
			all[i] = strings.TrimSpace(all[i] + " " + fmt.Sprint(value))
		}
	}
	return all
}

// in is a task row's reason and cgroup.
func in(cgroup int, reason string) v { return v{"cgroup_id": cgroup, "reason": reason} }

// moves is a second in which process 20 goes from /a to /b at 500 and back at 800,
// its thread 21 with it, but to /c alone at 900. Its sums are read at 0, 600 and at
// the end; those of its first thread also right after the moves, as programs of format
// 1.3 do.
func moves(told bool) []row {
	rows := []row{
		at(0, "cgroup_path", v{"cgroup_id": 5, "cgroup": "/a", "container": "aaa"}),
		at(0, "cgroup_path", v{"cgroup_id": 6, "cgroup": "/b", "container": "bbb"}),
		at(0, "cgroup_path", v{"cgroup_id": 7, "cgroup": "/c"}),
		at(0, "task", id(20, 20, 1, -10, "mover"), in(5, "snapshot")),
		at(0, "task", id(20, 21, 1, -9, "pool"), in(5, "snapshot")),
		at(500, "task", id(20, 20, 1, -10, "mover"), in(6, "moved")),
	}
	if told {
		rows = append(rows, sum(500, 20, 20, -10, 300, 300, 10, 0, false))
	}
	rows = append(rows,
		sum(600, 20, 20, -10, 340, 340, 12, 0, false),
		sum(600, 20, 21, -9, 60, 60, 6, 0, false),
		at(800, "task", id(20, 20, 1, -10, "mover"), in(5, "moved")),
	)
	if told {
		rows = append(rows, sum(800, 20, 20, -10, 500, 500, 16, 0, false))
	}
	return append(rows,
		at(900, "task", id(20, 21, 1, -9, "pool"), in(7, "moved_alone")),
		sum(1000, 20, 20, -10, 600, 600, 20, 0, false),
		sum(1000, 20, 21, -9, 100, 100, 10, 0, false),
		at(1000, "cpu_sum", v{"cpu": 0, "idle_ns": 400 * ms}), at(1000, "cpu_sum", v{"cpu": 1, "idle_ns": 900 * ms}),
		end)
}

// CPU time belongs to the cgroup that a thread was in when it had it: exactly where
// sums were read at the move, else within bounds, and the whole is the same.
func TestCPUTimeOfMovers(t *testing.T) {
	for name, tc := range map[string]struct {
		told bool
		by   string
		want []string
	}{
		// 20: a 300+100, b 200; 21, 60 in 600 ms and 40 in 400: a 50+10, b 10+20, c 10
		"told":      {true, "cgroup", []string{"/a 2 460 400 500", "/b 2 230 200 300", "/c 1 10 0 40"}},
		"container": {true, "container", []string{"aaa 2 460 400 500", "bbb 2 230 200 300", "(none) 1 10 0 40"}},
		// 20: 340 in 600, of which at most 100 in b: 283+57; 260 in 400: a 130 b 130, each 60 to 200
		"readings": {false, "cgroup", []string{"/a 2 473 300 640", "/b 2 217 60 400", "/c 1 10 0 40"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, write(t, moves(tc.told)...), "cputime", analyze.Options{By: tc.by})
			got := inMS(t, r, "comm", "threads", "cpu_time_ms", "cpu_time_min_ms", "cpu_time_max_ms")
			if diff := cmp.Diff(tc.want, got[:len(tc.want)]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var all uint64
			for _, n := range column(t, r, "cpu_time_ns") { // idle has none
				all += n.(uint64)
			}
			if all != uint64(700*ms) {
				t.Errorf("the cgroups have %d ns together, the process has 700 ms", all)
			}
		})
	}
}

// With switches, a span of time is divided at the moves to the nanosecond.
func TestSpanOfMovers(t *testing.T) {
	c := write(t,
		at(0, "cgroup_path", v{"cgroup_id": 5, "cgroup": "/a"}),
		at(0, "cgroup_path", v{"cgroup_id": 6, "cgroup": "/b"}),
		at(0, "task", id(20, 20, 1, -10, "mover"), in(5, "snapshot")),
		at(0, "task", id(20, 21, 1, -9, "pool"), in(5, "snapshot")),
		hop(100, 0, 0, 20, 0, "R"),
		hop(300, 1, 0, 21, 0, "R"),
		at(500, "task", id(20, 20, 1, -10, "mover"), in(6, "moved")),
		hop(700, 0, 20, 0, 0, "S"),
		hop(800, 1, 21, 0, 0, "S"),
		sum(1000, 20, 20, -10, 600, 600, 1, 0, false),
		sum(1000, 20, 21, -9, 500, 500, 1, 0, false),
		at(1000, "cpu_sum", v{"cpu": 0, "idle_ns": 400 * ms}), at(1000, "cpu_sum", v{"cpu": 1, "idle_ns": 500 * ms}),
		end)
	o := analyze.Options{By: "cgroup", From: begin.Add(200 * time.Millisecond).UnixNano(), To: begin.Add(900 * time.Millisecond).UnixNano()}
	r := run(t, c, "cputime", o)
	if diff := cmp.Diff([]string{"/a 500", "/b 500"}, inMS(t, r, "comm", "on_cpu_ms")[:2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o.Interval, o.From, o.To = 500*time.Millisecond, 0, 0
	if diff := cmp.Diff([]string{"0 /a 600", "500 /b 500"}, over(run(t, c, "cputime", o))); diff != "" {
		t.Errorf("over time (-want +got):\n%s", diff)
	}
}

// byCgroup is a capture with a filter that processes come to and leave.
var byCgroup = capture{meta: func(m *format.Metadata) { m.Filter = "processes in cgroup a" }}

// visits is a process that is in the cgroup from 200 to 500, on CPU 0 until 300 and
// from 400 on, and again from 700 on; and one that is there all the time.
func visits() []row {
	return []row{
		at(0, "task", id(10, 10, 1, -20, "stays"), in(5, "snapshot")),
		at(200, "task", id(20, 20, 1, -10, "visits"), in(5, "moved")),
		hop(300, 0, 20, 10, 0, "S"),
		hop(400, 0, 10, 20, 0, "S"),
		at(500, "task", id(20, 20, 1, -10, "visits"), in(1, "left")),
		hop(600, 0, 20, 10, 0, "R"),
		hop(650, 0, 10, 20, 0, "S"), // as a stranger
		at(700, "task", id(20, 20, 1, -10, "visits"), in(5, "moved")),
		hop(800, 0, 20, 10, 0, "S"),
		end,
	}
}

// A process is one of those recorded while it is in the cgroup.
func TestVisits(t *testing.T) {
	c := byCgroup.write(t, visits()...)
	whole := analyze.Options{From: begin.Add(time.Millisecond).UnixNano()}
	for name, tc := range map[string]struct {
		o       analyze.Options
		columns []string
		want    []string
	}{
		"cputime": {whole, []string{"comm", "on_cpu_ms"}, []string{"stays 350", "visits 300"}},
		// of visits, 300 to 400 is sleep; it has no wall time from 500 to 700
		"offcpu": {analyze.Options{Sort: "pid"}, []string{"comm", "wall_ms", "on_cpu_ms", "sleeping_ms"}, []string{"stays 1000 350 350", "visits 600 300 300"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c, name, tc.o)
			if diff := cmp.Diff(tc.want, inMS(t, r, tc.columns...)[:2]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A process that left is neither running nor ended, and comes back as the same.
func TestLeft(t *testing.T) {
	c := byCgroup.write(t, visits()...)
	columns := []string{"comm", "lifetime_ms", "exit_code", "state"}
	if diff := cmp.Diff([]string{"stays 1020 <nil> running", "visits 1010 <nil> running"}, inMS(t, run(t, c, "lifetimes", analyze.Options{}), columns...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	until := analyze.Options{To: begin.Add(600 * time.Millisecond).UnixNano()}
	if diff := cmp.Diff([]string{"stays 620 <nil> running", "visits 510 <nil> left"}, inMS(t, run(t, c, "lifetimes", until), columns...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	until.Tree = true
	if diff := cmp.Diff([]string{"running", "left"}, inMS(t, run(t, c, "lifetimes", until), "status")); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	between := analyze.Options{From: begin.Add(550 * time.Millisecond).UnixNano(), To: begin.Add(600 * time.Millisecond).UnixNano()}
	if diff := cmp.Diff([]string{"stays 620 <nil> running"}, inMS(t, run(t, c, "lifetimes", between), columns...)); diff != "" {
		t.Errorf("between (-want +got):\n%s", diff)
	}
}

// Waits are those of the cgroup that the thread was in then, also of the threads of a
// process that moved as one.
func TestWaitsOfMovers(t *testing.T) {
	r := run(t, write(t,
		at(0, "cgroup_path", v{"cgroup_id": 5, "cgroup": "/a"}),
		at(0, "cgroup_path", v{"cgroup_id": 6, "cgroup": "/b"}),
		at(0, "task", id(20, 20, 1, -10, "mover"), in(5, "snapshot")),
		at(0, "task", id(20, 21, 1, -9, "pool"), in(5, "snapshot")),
		hop(100, 0, 0, 21, 0, "R"),
		hop(200, 0, 21, 0, 30, "S"),
		at(500, "task", id(20, 20, 1, -10, "mover"), in(6, "moved")),
		hop(600, 0, 0, 21, 0, "R"),
		hop(700, 0, 21, 0, 50, "S"),
		end), "runqlat", analyze.Options{By: "cgroup"})
	if diff := cmp.Diff([]string{"all 2 80", "/b 1 50", "/a 1 30"}, inMS(t, r, "comm", "waits", "total_ms")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Frozen threads neither run nor wait for a CPU.
func TestFrozen(t *testing.T) {
	r := run(t, write(t,
		at(0, "task", id(20, 20, 1, -10, "paused"), in(5, "snapshot")),
		hop(100, 0, 20, 0, 0, "F"),
		hop(600, 0, 0, 20, 0, "R"),
		hop(700, 0, 20, 0, 0, "S"),
		end), "offcpu", analyze.Options{})
	if diff := cmp.Diff([]string{"paused 200 0 500 300 2"}, inMS(t, r, "comm", "on_cpu_ms", "runnable_ms", "stopped_ms", "sleeping_ms", "voluntary")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
