// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// shiftSums are the shifts with sums read at 0, 450 and 1000.
func shiftSums() []row {
	used := func(atMS int64, tid, start, cpuMS int) row {
		return row{at: atMS * ms, kind: "task_sum", values: v{"pid": tid - tid%10, "tid": tid, "start": start * ms, "cpu_time_ns": cpuMS * ms}}
	}
	idle := func(atMS int64) []row {
		return []row{at(atMS, "cpu_sum", v{"cpu": 0}), at(atMS, "cpu_sum", v{"cpu": 1})}
	}
	var merged []row
	sums := append(idle(1), idle(450)...)
	sums = append(sums, used(450, 10, -5000, 199), used(450, 20, -4000, 198), used(450, 21, 150, 249))
	sums = append(sums, append(idle(999), used(999, 10, -5000, 499), used(999, 20, -4000, 497), used(999, 21, 150, 299))...)
	for _, r := range shifts() {
		for len(sums) > 0 && sums[0].at < r.at {
			merged, sums = append(merged, sums[0]), sums[1:]
		}
		merged = append(merged, r)
	}
	return merged
}

// A span is measured by its switches, wherever it begins and ends.
func TestCPUTimeOfSpan(t *testing.T) {
	begin := begin.UnixNano()
	for name, test := range map[string]struct {
		from, to int64 // ms
	}{
		"between switches": {250, 350}, "from the start": {0, 450}, "to the end": {650, 1000},
		"one slice": {320, 330}, "at switches": {300, 600},
	} {
		t.Run(name, func(t *testing.T) {
			c := write(t, shiftSums()...)
			o := analyze.Options{Sort: "pid", To: begin + test.to*ms}
			if test.from > 0 {
				o.From = begin + test.from*ms
			}
			r := run(t, c, "cputime", o)
			want := map[string]int64{}
			for _, s := range []struct {
				comm     string
				from, to int64
			}{
				{"cc", 0, 100}, {"as", 100, 300}, {"cc", 300, 400}, {"idle/0", 400, 600}, {"as", 600, 900}, {"idle/0", 900, 1000},
				{"idle/1", 0, 200}, {"as", 200, 500}, {"idle/1", 500, 700}, {"cc", 700, 1000},
			} {
				if n := min(s.to, test.to) - max(s.from, test.from); n > 0 {
					want[s.comm] += n * ms
				}
			}
			got, all := map[string]int64{}, int64(0)
			for _, table := range r.Tables {
				for _, row := range table.Rows {
					name, ns := row[2].(string), int64(row[7].(uint64))
					if all += ns; ns > 0 {
						got[name] = ns
					}
					least, used, most := row[5].(uint64), row[4].(uint64), row[6].(uint64)
					if least > used || used > most {
						t.Errorf("%s: %d is not between %d and %d", name, used, least, most)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if all != 2*(test.to-test.from)*ms {
				t.Errorf("it adds up to %d ns of 2 CPUs x %d ms", all, test.to-test.from)
			}
		})
	}
}

// The bounds of a span's CPU time are what was read around its ends.
func TestCPUTimeBoundsOfSpan(t *testing.T) {
	begin := begin.UnixNano()
	c := write(t, shiftSums()...)
	for span, want := range map[[2]int64][]string{
		{250, 350}: {"10 50000000 0 199000000", "20 150000000 0 447000000"},
		{440, 999}: {"10 300000000 300000000 499000000", "20 360000000 349000000 796000000"},
		{460, 999}: {"10 299000000 0 300000000", "20 339000000 0 349000000"},
	} {
		r := run(t, c, "cputime", analyze.Options{Sort: "pid", From: begin + span[0]*ms, To: begin + span[1]*ms})
		got := rows(t, &analyze.Result{Tables: r.Tables[:1], Columns: r.Columns}, "pid", "cpu_time_ns", "cpu_time_min_ns", "cpu_time_max_ns")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", span, diff)
		}
	}
}

// Spans that follow each other add up to the whole, to the nanosecond, in real
// recordings.
func TestExactSpansAddUp(t *testing.T) {
	c := capturetest.Open(t, "../testdata/sched/trace.arrow")
	whole := run(t, c, "cputime", analyze.Options{})
	begin, end := whole.Capture.Start.UnixNano(), whole.Capture.End.UnixNano()
	random := rand.New(rand.NewPCG(3, 4))
	cuts := []int64{begin}
	for at := begin; at < end; at += 1 + random.Int64N((end-begin)/5) {
		if at > begin {
			cuts = append(cuts, at)
		}
	}
	cuts = append(cuts, end)
	got := map[string]uint64{}
	for i := range cuts[1:] {
		o := analyze.Options{From: cuts[i], To: cuts[i+1]}
		add(got, run(t, c, "cputime", o), "on_cpu_ns")
		add(got, run(t, c, "cputime", o), "switches")
	}
	want := map[string]uint64{}
	add(want, whole, "on_cpu_ns")
	add(want, whole, "switches")
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 5 || len(cuts) < 4 {
		t.Errorf("%d spans (-want +got):\n%s", len(cuts)-1, diff)
	}
}

// add adds a column up by process, idle left out: it is there with a filter only
// where somebody came.
func add(to map[string]uint64, r *analyze.Result, column string) {
	for _, table := range r.Tables[:2] {
		for _, row := range table.Rows {
			for i := range table.Columns {
				if n, ok := row[i].(uint64); ok && table.Columns[i].Name == column && n > 0 {
					to[fmt.Sprint(row[0], column)] += n
				}
			}
		}
	}
}

// Where switches were lost, a span is that of the sums, and says so.
func TestSpanWithLostSwitches(t *testing.T) {
	all := shiftSums()
	all = append(all[:len(all)-1], at(999, "loss", v{"since": 0, "lost": 3, "loss_source": "sched", "loss_reason": "ring_full"}), end)
	begin := begin.UnixNano()
	r := run(t, write(t, all...), "cputime", analyze.Options{From: begin + 460*ms, To: begin + 1000*ms})
	if r.Capture.DurationNS != 549*ms {
		t.Errorf("the span has %d ns, want that from reading to reading", r.Capture.DurationNS)
	}
}

// By CPU, what is not idle is somebody's.
func TestCPUTimeByCPU(t *testing.T) {
	c := capture{meta: func(m *format.Metadata) { m.CPUs = 2 }}.write(t,
		at(1000, "cpu_sum", v{"cpu": 0, "idle_ns": 300 * ms}), at(1000, "cpu_sum", v{"cpu": 1, "idle_ns": 400 * ms}), end)
	r := run(t, c, "cputime", analyze.Options{By: "cpu"})
	want := []string{"CPU 0 700000000 70 cpu", "CPU 1 600000000 60 cpu"}
	if diff := cmp.Diff(want, rows(t, &analyze.Result{Tables: r.Tables[:1], Columns: r.Columns}, "comm", "on_cpu_ns", "cpu_percent", "class")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Only the rows of some processes, or of some names.
func TestPicks(t *testing.T) {
	for want, o := range map[string]analyze.Options{
		"[10 sh]":          {PIDs: []uint32{10}},
		"[20 make 20 cat]": {PIDs: []uint32{20}},
		"[20 cat]":         {PIDs: []uint32{20}, Comms: []string{"cat"}},
		"[]":               {Comms: []string{"nobody"}},
	} {
		if got := fmt.Sprint(rows(t, run(t, write(t, machine()...), "cputime", o), "pid", "comm")); got != want {
			t.Errorf("%+v: got %s, want %s", o, got, want)
		}
	}
	for _, o := range []analyze.Options{{PIDs: []uint32{1}, By: "cgroup"}, {PIDs: []uint32{1}, By: "comm"}} {
		if _, err := analyze.Run(t.Context(), write(t, machine()...), find(t, "cputime"), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
