// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/check"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

var plans = []plan{
	{switches: 100_000, tasks: 50, cpus: 4, seed: 1},
	{switches: 300_000, tasks: 400, cpus: 2, seed: 2}, // several readings of sums
	{switches: 5000, tasks: 3, cpus: 3, seed: 3},      // hardly anybody to choose from
	{switches: 1000, tasks: 1, cpus: 1, seed: 4},
	{switches: 1, tasks: 1, cpus: 1, seed: 5},
}

func each(t *testing.T, f func(t *testing.T, p plan, path string)) {
	for _, p := range plans {
		t.Run(fmt.Sprintf("%d on %d CPUs", p.switches, p.cpus), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.arrow")
			if err := run(path, p); err != nil {
				t.Fatal(err)
			}
			f(t, p, path)
		})
	}
}

// What is generated is as sound as a recording.
func TestCheck(t *testing.T) {
	each(t, func(t *testing.T, p plan, path string) {
		r, err := check.Run(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Verdicts {
			if v.Found > 0 {
				t.Errorf("%+v", v)
			}
		}
	})
}

// Each kind is in time order over the file, and the switches are as many as
// asked for.
func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, p plan, path string) {
		last, rows := map[string]int64{}, map[string]int{}
		for b, err := range capturetest.Open(t, path).Batches(format.Scan{}) {
			if err != nil {
				t.Fatal(err)
			}
			for i := range b.Len() {
				kind := b.Kind(i).Name
				if b.Time(i) < last[kind] {
					t.Fatalf("a row of kind %s is before the one in front of it", kind)
				}
				last[kind] = b.Time(i)
				rows[kind]++
			}
		}
		if rows["sched_switch"] != p.switches || rows["task"] != p.tasks || rows["fork"] < rows["exit"] || p.switches >= 100_000 && rows["exit"]*rows["tcp_close"] == 0 {
			t.Errorf("rows %v", rows)
		}
	})
}

// CPU time from the sums adds up exactly and is, process by process, what
// follows from the switches alone.
func TestCPUTime(t *testing.T) {
	each(t, func(t *testing.T, p plan, path string) {
		cputime, err := analyze.Find("cputime")
		if err != nil {
			t.Fatal(err)
		}
		c := capturetest.Open(t, path)
		r, err := analyze.Run(t.Context(), c, cputime, analyze.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, total := onCPU(r), uint64(0)
		for _, ns := range got {
			total += ns
		}
		if want := uint64(p.cpus) * r.Capture.DurationNS; total != want {
			t.Errorf("CPU time and idle are %d ns, want %d", total, want)
		}
		delete(got, 0) // idle
		if diff := cmp.Diff(bySwitches(t, c, r.Capture.End.UnixNano()), got); diff != "" {
			t.Errorf("on-CPU time by process (-switches +sums):\n%s", diff)
		}
	})
}

// onCPU is the time on a CPU by process, in ns.
func onCPU(r *analyze.Result) map[uint64]uint64 {
	got := map[uint64]uint64{}
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			var pid, ns uint64
			for i, c := range table.Columns {
				switch c.Name {
				case "pid":
					pid = row[i].(uint64)
				case "on_cpu_ns":
					ns = row[i].(uint64)
				}
			}
			got[pid] += ns
		}
	}
	return got
}

// bySwitches adds up slices, to the end of the recording.
func bySwitches(t *testing.T, c *format.Capture, end int64) map[uint64]uint64 {
	next, used, process := c.Col("next_tid"), map[uint64]uint64{}, map[uint64]uint64{}
	type slice struct {
		tid   uint64
		since int64
	}
	on := map[int]slice{}
	for e, err := range replay.New(c).Events(replay.Select{}) {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind().Name {
		case "sched_switch":
			s := on[e.CPU()]
			used[s.tid] += uint64(e.Time() - s.since)
			on[e.CPU()] = slice{e.Uint(next), e.Time()}
		case "task", "fork":
			process[uint64(e.TID())] = uint64(e.PID())
		}
	}
	for _, s := range on {
		used[s.tid] += uint64(end - s.since)
	}
	delete(used, 0)
	sums := map[uint64]uint64{}
	for tid, ns := range used {
		sums[process[tid]] += ns
	}
	return sums
}

func TestSameBytes(t *testing.T) {
	var all [][]byte
	for _, seed := range []uint64{3, 3, 4} {
		var b bytes.Buffer
		if err := generate(&b, plan{switches: 50_000, tasks: 30, cpus: 2, seed: seed}); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Bytes())
	}
	if !bytes.Equal(all[0], all[1]) || bytes.Equal(all[0], all[2]) {
		t.Error("the seed does not decide on the bytes")
	}
}

func TestArguments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t")
	for _, p := range []plan{{switches: 0, tasks: 1, cpus: 1}, {switches: 1, tasks: 1, cpus: 2}, {switches: 1, tasks: 1}} {
		if run(path, p) == nil {
			t.Errorf("%+v was taken", p)
		}
	}
	if run("", plan{switches: 1, tasks: 1, cpus: 1}) == nil {
		t.Error("no file was taken")
	}
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	if err := generate(io.Discard, plan{switches: b.N, tasks: 400, cpus: 8, seed: 1}); err != nil {
		b.Fatal(err)
	}
}
