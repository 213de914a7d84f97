// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"strings"
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

// A process that was about to end when it was listed has ended, nobody knows how,
// unless a row of its exit follows after all.
func TestExiting(t *testing.T) {
	listed := v{"reason": "exiting"}
	c := write(t,
		at(1, "task", id(20, 20, 1, -100, "gone"), listed),
		at(1, "task", id(30, 30, 1, -200, "told"), listed),
		at(2, "exit", id(30, 30, 1, -200, "told"), v{"lifetime_ns": 202 * ms, "exit_code": 4}),
		end,
	)
	want := []string{"told 202000000 4 0 exited", "gone 101000000 <nil> <nil> exited"}
	if diff := cmp.Diff(want, rows(t, run(t, c, "lifetimes", analyze.Options{}), "comm", "lifetime_ns", "exit_code", "signal", "state")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tree := run(t, c, "lifetimes", analyze.Options{Tree: true})
	if diff := cmp.Diff([]string{"exit 4", "exited"}, rows(t, tree, "status")); diff != "" {
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

// family is a shell that starts two makes with one number after the other, of
// which the second starts a thread and a child that outlives it.
func family() []row {
	return []row{
		at(0, "task", id(10, 10, 1, -5000, "sh"), v{"reason": "snapshot"}),
		at(100, "fork", id(20, 20, 10, 100, "sh")),
		at(110, "exec_args", v{"pid": 20, "tid": 20, "args": "make -j2"}),
		at(110, "exec", id(20, 20, 10, 100, "make"), v{"filename": "/bin/make"}),
		at(200, "exit", id(20, 20, 10, 100, "make"), v{"lifetime_ns": 100 * ms, "exit_code": 2}),
		at(300, "fork", id(20, 20, 10, 300, "sh")),
		at(310, "exec", id(20, 20, 10, 300, "env"), v{"filename": "/bin/env"}),
		at(320, "exec", id(20, 20, 10, 300, "make"), v{"filename": "/bin/make"}),
		at(330, "thread_start", id(20, 22, 10, 330, "job")),
		at(340, "fork", id(23, 23, 20, 340, "make")),
		at(400, "thread_exit", id(20, 22, 10, 330, "job"), v{"lifetime_ns": 70 * ms}),
		sum(400, 20, 22, 330, 30, 30, 1, 0, true),
		sum(499, 20, 20, 300, 50, 50, 1, 0, true),
		at(500, "exit", id(20, 20, 10, 300, "make"), v{"lifetime_ns": 200 * ms, "total_cpu_ns": 60 * ms}),
		at(900, "exit", id(23, 23, 1, 340, "cc"), v{"lifetime_ns": 560 * ms, "signal": 9}),
		end,
	}
}

func TestLifetimesOfThreads(t *testing.T) {
	r := run(t, write(t, family()...), "lifetimes", analyze.Options{By: "thread"})
	want := []string{
		"10 10 sh 6000000000 0 running <nil>",
		"20 20 make 100000000 1 exited <nil>",
		"20 20 make 200000000 2 exited 50000000",
		"20 22 job 70000000 <nil> exited 30000000",
		"23 23 cc 560000000 0 exited <nil>",
	}
	got := rows(t, r, "pid", "tid", "comm", "lifetime_ns", "execs", "state", "cpu_time_ns")
	if diff := cmp.Diff(want, got[:5]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFailedLifetimes(t *testing.T) {
	r := run(t, write(t, family()...), "lifetimes", analyze.Options{Failed: true})
	want := []string{"20 10 <nil> make make -j2 2 0", "23 20 1 cc <nil> 0 9"}
	if diff := cmp.Diff(want, rows(t, r, "pid", "ppid", "new_ppid", "comm", "args", "exit_code", "signal")[:2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The child is below the process that started it, not the earlier one that had
// the same number.
func TestProcessTree(t *testing.T) {
	r := run(t, write(t, family()...), "lifetimes", analyze.Options{Tree: true})
	var got []string
	for _, row := range r.Tables[0].Rows {
		got = append(got, fmt.Sprint(row[0], " ", row[1], " ", row[2], " ", row[5]))
	}
	want := []string{"10 0 sh running", "20 1 ├─ make exit 2", "20 1 └─ make exit 0", "23 2    └─ cc signal 9"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// However long a line of descent is, no row is wider than it has to be; and those
// that are said to have started each other have a row, too.
func TestDeepProcessTree(t *testing.T) {
	var all []row
	for i := range 1000 {
		all = append(all, at(int64(i), "fork", id(100+i, 100+i, 99+i, i, "sh")))
	}
	all = append(all, at(2000, "fork", id(5000, 5000, 5001, 2000, "egg")), at(2000, "fork", id(5001, 5001, 5000, 2000, "hen")))
	r := run(t, write(t, append(all, end)...), "lifetimes", analyze.Options{Tree: true})
	widest := 0
	var last []string
	for i, row := range r.Tables[0].Rows {
		tree := fmt.Sprint(row[2])
		widest = max(widest, len([]rune(tree)))
		if depth := fmt.Sprint(row[1]); i < 1000 && depth != fmt.Sprint(i) {
			t.Fatalf("generation %d has depth %s", i, depth)
		} else if i >= 1000 {
			last = append(last, depth+" "+tree)
		}
	}
	if widest != 64*3+len("sh") {
		t.Errorf("the widest row has %d characters", widest)
	}
	if diff := cmp.Diff([]string{"0 egg", "1 └─ hen"}, last); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whoever began and ended counts for its parent and its file.
func TestShortLives(t *testing.T) {
	r := run(t, write(t, family()...), "lifetimes", analyze.Options{})
	var got []string
	for _, table := range r.Tables[1:] {
		for _, row := range table.Rows {
			got = append(got, strings.Trim(fmt.Sprint(row), "[]"))
		}
	}
	want := []string{
		"sh 2 2 1 100000000 200000000 80000000", "make 1 1 1 560000000 560000000 0",
		"/bin/make 2 2 1 100000000 200000000 80000000", "<nil> 1 1 1 560000000 560000000 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
