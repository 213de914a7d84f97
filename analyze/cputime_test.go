// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// column is a column of all rows.
func column(t testing.TB, r *analyze.Result, name string) []analyze.Value {
	t.Helper()
	for i, c := range r.Columns {
		if c.Name != name {
			continue
		}
		var all []analyze.Value
		for _, table := range r.Tables {
			for _, row := range table.Rows {
				if !table.Own {
					all = append(all, row[i])
				}
			}
		}
		return all
	}
	t.Fatalf("no column %s", name)
	return nil
}

// rows are some columns of all rows as text.
func rows(t testing.TB, r *analyze.Result, names ...string) []string {
	t.Helper()
	var all []string
	for _, name := range names {
		for i, value := range column(t, r, name) {
			if i == len(all) {
				all = append(all, "")
			}
			all[i] = strings.TrimSpace(all[i] + " " + fmt.Sprint(value))
		}
	}
	return all
}

func total(t testing.TB, r *analyze.Result, name string) (n uint64) {
	t.Helper()
	for _, value := range column(t, r, name) {
		if value != nil {
			n += value.(uint64)
		}
	}
	return n
}

func TestCPUTime(t *testing.T) {
	r := run(t, write(t, machine()...), "cputime", analyze.Options{})
	want := []string{
		"21 =cmd() 1 200000000 201000000 20 30 0 user",
		"10 sh 1 100000000 101000000 10 30 10 user",
		"20 make 2 80000000 83000000 8 13 9 user",
		"20 cat 1 20000000 20000000 2 2 1 user",
		"30 \x1b[2J\n\u202ex\\xff 1 7000000 7000000 0.7 1 1 user",
		"2 kthreadd 1 3000000 3000000 0.3 9 9 kernel",
		"31 kworker/0:1 1 1000000 1000000 0.1 2 2 kernel",
		"0 idle/1 <nil> 0 884000000 <nil> <nil> <nil> idle",
		"0 idle/0 <nil> 0 700000000 <nil> <nil> <nil> idle",
	}
	got := rows(t, r, "pid", "comm", "threads", "cpu_time_ns", "on_cpu_ns", "cpu_percent", "switches", "voluntary", "class")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := total(t, r, "on_cpu_ns"); n != 2_000*ms {
		t.Errorf("on_cpu_ns adds up to %d, want 2 s", n)
	}
}

// A thread that executes a file takes over its leader's id and start: a second
// series of sums begins, and none of the two may be dropped.
func TestExecByAThread(t *testing.T) {
	r := run(t, write(t,
		at(0, "task", id(20, 20, 1, -10, "go"), v{"reason": "snapshot"}),
		at(0, "task", id(20, 21, 1, -5, "go"), v{"reason": "snapshot"}),
		sum(100, 20, 20, -10, 10, 10, 1, 0, false),
		sum(100, 20, 21, -5, 20, 20, 1, 0, false),
		sum(200, 20, 20, -10, 11, 11, 2, 0, true), // the leader ends
		at(201, "exec", id(20, 20, 1, -10, "ls"), v{"filename": "/bin/ls"}),
		sum(300, 20, 21, -5, 20, 20, 1, 0, false), // not touched any more
		sum(300, 20, 20, -10, 5, 5, 1, 0, false),
		sum(400, 20, 20, -10, 12, 12, 2, 0, true),
		sum(500, 20, 20, -10, 12, 12, 2, 0, true), // its last row again
		end,
	), "cputime", analyze.Options{})
	if diff := cmp.Diff([]string{"20 ls 2 43000000 5"}, rows(t, r, "pid", "comm", "threads", "cpu_time_ns", "switches")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever the machine does, the rows add up to CPUs x time.
func TestCPUTimeAddsUp(t *testing.T) {
	const cpus, duration = 4, int64(1_000_000_007)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		left := cpus * duration
		var all []row
		for p := range 30 {
			pid := 100 + rng.IntN(20) // so that some come back
			start := 1 + p
			all = append(all, row{at: int64(p), kind: "fork", values: v{"pid": pid, "tid": pid, "start": start}})
			for thread := range 1 + rng.IntN(3) {
				on := rng.Int64N(left / 20)
				left -= on
				tid := pid + 1000*thread
				for i := range int64(3) {
					all = append(all, row{at: int64(p) + i*duration/3, kind: "task_sum",
						values: v{"pid": pid, "tid": tid, "start": start, "on_cpu_ns": on * (i + 1) / 3}})
				}
			}
		}
		for cpu := range cpus {
			all = append(all, row{at: duration, kind: "cpu_sum", values: v{"cpu": cpu, "idle_ns": left / cpus}})
		}
		left -= left / cpus * cpus
		all = append(all, row{at: duration, kind: "summary", values: v{"since": 0}})
		c := capture{meta: func(m *format.Metadata) { m.CPUs = cpus }}.write(t, all...)
		r := run(t, c, "cputime", analyze.Options{})
		if got := int64(total(t, r, "on_cpu_ns")) + left; got != cpus*duration {
			t.Errorf("seed %d: on_cpu_ns adds up to %d, want %d", seed, got, cpus*duration)
		}
	}
}

func TestTopIsPerTable(t *testing.T) {
	r := run(t, write(t, machine()...), "cputime", analyze.Options{Top: 1, Sort: "switches"})
	want := []string{"10 sh 30", "2 kthreadd 9", "0 idle/0 <nil>"}
	if diff := cmp.Diff(want, rows(t, r, "pid", "comm", "switches")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Tables[0].Hidden != 4 {
		t.Errorf("hidden %d, want 4", r.Tables[0].Hidden)
	}
}
