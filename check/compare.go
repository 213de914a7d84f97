// SPDX-License-Identifier: Apache-2.0

package check

import (
	"maps"
	"slices"
)

// compare holds the sums against the switches. One kernel program makes both
// with one reading of the clock, so they agree to the nanosecond, and each
// switch is counted in both. Switches know threads by number only.
func (s *sums) compare() {
	h := s.chain
	if !s.r.records("sched_switch") || s.r.changing() {
		return
	}
	if s.r.lost.ever("sched") {
		s.v.says("switches were lost: the sums are not held against them")
		return
	}
	if s.r.reordered > 0 { // they carry another time than their own
		s.v.says("switches came too late for their time: the sums are not held against them")
		return
	}
	h.close(s.end)
	by := s.byNumber()
	threads := 0
	for _, tid := range slices.Sorted(maps.Keys(h.runs)) {
		t := by[tid]
		if t == nil && !s.r.everybody() {
			continue // of a process that is not recorded
		}
		if t == nil {
			t = &row{}
		}
		threads++
		s.compareThread(tid, h.runs[tid], t)
	}
	s.v.says("%d compared with the switches", threads)
	if s.r.everybody() {
		s.compareCPUs()
	}
}

func (s *sums) byNumber() map[uint32]*row {
	by := map[uint32]*row{}
	for id, t := range s.threads {
		if by[id.tid] == nil {
			by[id.tid] = &row{}
		}
		total := t.total()
		by[id.tid].add(&total)
	}
	return by
}

func (s *sums) compareThread(tid uint32, r *runs, t *row) {
	if r.voluntary != t[voluntaryAt] || r.involuntary != t[involuntaryAt] {
		s.v.find("thread %d has %d voluntary and %d involuntary switches, its sums count %d and %d",
			tid, r.voluntary, r.involuntary, t[voluntaryAt], t[involuntaryAt])
	}
	if off := int64(t[onCPUAt]) - r.onCPU; off != 0 && !r.unsure {
		s.v.find("thread %d was on a CPU for %d ns by its switches, its sums have %+d ns", tid, r.onCPU, off)
	}
	off := int64(t[runQueueAt] - r.waited)
	if off != 0 && !((r.open || r.longer) && off > 0) && !r.unsure && !s.partWaits() {
		s.v.find("thread %d waited for %d ns by its switches, its sums have %+d ns", tid, r.waited, off)
	}
}

// partWaits tells whether switches lack the part of a wait that was before the
// thread was moved to another CPU's queue.
func (s *sums) partWaits() bool {
	return s.r.Meta().Before12()
}

func (s *sums) compareCPUs() {
	for _, number := range slices.Sorted(maps.Keys(s.chain.cpus)) {
		c, sum := s.chain.cpus[number], s.cpus[number]
		switch {
		case sum == nil:
			s.v.find("CPU %d has switches and no sums", number)
		case c.switches != sum.switches:
			s.v.find("CPU %d has %d switches, its sums count %d", number, c.switches, sum.switches)
		case c.idle != int64(sum.idle) && s.chain.breaks == 0 && !c.unsure:
			s.v.find("CPU %d was idle for %d ns by its switches, its sums have %+d ns", number, c.idle, int64(sum.idle)-c.idle)
		}
	}
}
