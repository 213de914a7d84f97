// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// sums checks that sums only grow, that they add up to the time of all CPUs,
// and that the switches say the same.
type sums struct {
	v        Verdict
	chain    *chain
	recorded bool
	whole    bool // the file has all rows of a recording of the whole machine
	cpus     int
	begin    int64
	end      int64
	threads  map[sumKey]*sum
	idle     map[int]uint64

	start, cpuTime, onCPU, runQueue, voluntary, involuntary, migrations, exited, idleNS format.Col
}

type sumKey struct {
	tid   uint32
	start int64
}

// sum is the last row of a thread, and those of series that ended before.
type sum struct {
	last   [6]uint64
	past   uint64 // on-CPU time, ns
	exited bool
}

func newSums(c *format.Capture, h *chain, complete bool) *sums {
	m := c.Meta()
	return &sums{
		v:     Verdict{Check: "sums", Does: "sums only grow, and with idle they add up to the time of all CPUs"},
		chain: h, recorded: c.Kind("task_sum") != nil && c.Kind("cpu_sum") != nil,
		whole: complete && m.Filter == "" && m.Window == (format.Window{}) && m.Repair == nil, cpus: m.CPUs,
		begin: m.Start.UnixNano(), threads: map[sumKey]*sum{}, idle: map[int]uint64{},
		start: c.Col("start"), cpuTime: c.Col("cpu_time_ns"), onCPU: c.Col("on_cpu_ns"), runQueue: c.Col("run_queue_ns"),
		voluntary: c.Col("voluntary"), involuntary: c.Col("involuntary"), migrations: c.Col("migrations"),
		exited: c.Col("exited"), idleNS: c.Col("idle_ns"),
	}
}

const onCPUAt, voluntaryAt, involuntaryAt = 1, 3, 4

func (s *sums) event(e replay.Event) {
	switch e.Kind().Name {
	case "task_sum":
		s.thread(e)
	case "cpu_sum":
		if n := e.Uint(s.idleNS); n < s.idle[e.CPU()] {
			s.v.find("idle time of CPU %d shrinks at %s", e.CPU(), at(e.Time()))
		} else {
			s.idle[e.CPU()] = n
		}
	case "summary":
		s.end = e.Time()
	}
}

func (s *sums) thread(e replay.Event) {
	key := sumKey{e.TID(), e.Int(s.start)}
	t := s.threads[key]
	if t == nil {
		t = &sum{}
		s.threads[key] = t
	}
	var row [6]uint64
	for i, c := range []format.Col{s.cpuTime, s.onCPU, s.runQueue, s.voluntary, s.involuntary, s.migrations} {
		row[i] = e.Uint(c)
	}
	if t.exited && row != t.last {
		t.past += t.last[onCPUAt] // another thread executed a file and took this one's place
	} else {
		for i, name := range []string{"cpu_time_ns", "on_cpu_ns", "run_queue_ns", "voluntary", "involuntary", "migrations"} {
			if row[i] < t.last[i] {
				s.v.find("%s of thread %d shrinks from %d to %d at %s", name, key.tid, t.last[i], row[i], at(e.Time()))
			}
		}
	}
	t.last, t.exited = row, e.Uint(s.exited) != 0
}

func (s *sums) verdict() Verdict {
	if !s.recorded {
		s.v.Says = "not recorded"
		return s.v
	}
	s.v.Says = fmt.Sprintf("%d threads", len(s.threads))
	if s.whole && s.end > s.begin {
		s.total()
		s.compare()
	}
	return s.v
}

// total compares the sums with the wall clock. The recorder makes them exact at
// the end; what is not is a finding.
func (s *sums) total() {
	var all uint64
	for _, t := range s.threads {
		all += t.past + t.last[onCPUAt]
	}
	for _, n := range s.idle {
		all += n
	}
	want := uint64(s.cpus) * uint64(s.end-s.begin)
	off := int64(all - want)
	s.v.Says += fmt.Sprintf(", %d ns on a CPU or idle, %+d ns of %d CPUs x %d ns", all, off, s.cpus, s.end-s.begin)
	if ppm := float64(off) / float64(want) * 1e6; ppm > 1000 || ppm < -1000 {
		s.v.find("they are off by %.0f millionths of the time of all CPUs", ppm)
	}
}

// compare holds the sums against the switches: each switch is counted in both.
func (s *sums) compare() {
	if !s.chain.recorded || s.chain.lost > 0 {
		return
	}
	byTID := map[uint32]*[2]uint64{}
	for key, t := range s.threads {
		n := byTID[key.tid]
		if n == nil {
			n = &[2]uint64{}
			byTID[key.tid] = n
		}
		n[0] += t.last[voluntaryAt]
		n[1] += t.last[involuntaryAt]
	}
	for _, tid := range slices.Sorted(maps.Keys(s.chain.switches)) {
		r, n := s.chain.switches[tid], byTID[tid]
		if n == nil {
			n = &[2]uint64{}
		}
		if r.voluntary+r.involuntary != n[0]+n[1] {
			s.v.find("thread %d has %d switches, its sums count %d", tid, r.voluntary+r.involuntary, n[0]+n[1])
		}
	}
}
