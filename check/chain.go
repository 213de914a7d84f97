// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// chain follows the switches of each CPU: who leaves is who came before. A
// break is events that are missing; it is a finding when no loss was counted.
type chain struct {
	v        Verdict
	recorded bool
	filtered bool
	cpus     map[int]*cpu
	where    map[uint32]int // the CPU that a thread was switched to last
	switches map[uint32]*ran
	rows     int
	breaks   int
	lost     uint64

	next, state, count, source format.Col
}

// cpu is what a CPU has been doing.
type cpu struct {
	tid   uint32 // that runs
	since int64
}

// ran is what the switches say of a thread.
type ran struct {
	onCPU                  int64 // ns, of slices whose both ends are there
	voluntary, involuntary uint64
}

func newChain(c *format.Capture) *chain {
	return &chain{
		v:        Verdict{Check: "switches", Does: "on each CPU the thread that leaves is the one that came, and runs nowhere else"},
		recorded: c.Kind("sched_switch") != nil, filtered: c.Meta().Filter != "",
		cpus: map[int]*cpu{}, where: map[uint32]int{}, switches: map[uint32]*ran{},
		next: c.Col("next_tid"), state: c.Col("prev_state"), count: c.Col("lost"), source: c.Col("loss_source"),
	}
}

func (h *chain) event(e replay.Event) {
	switch e.Kind().Name {
	case "loss":
		if e.Str(h.source) == "sched" {
			h.lost += e.Uint(h.count)
		}
	case "sched_switch":
		h.rows++
		h.leave(e)
		h.come(e)
	}
}

func (h *chain) leave(e replay.Event) {
	c := h.cpus[e.CPU()]
	tid := e.TID()
	if c != nil && c.tid != tid && !h.filtered {
		if h.breaks++; h.breaks <= mostFindings {
			h.v.Findings = append(h.v.Findings, fmt.Sprintf("CPU %d at %s: thread %d leaves, but %d was there", e.CPU(), at(e.Time()), tid, c.tid))
		}
	}
	if tid == 0 {
		return
	}
	r := h.switches[tid]
	if r == nil {
		r = &ran{}
		h.switches[tid] = r
	}
	if c != nil && c.tid == tid {
		r.onCPU += e.Time() - c.since
	}
	if e.Str(h.state) == "R" {
		r.involuntary++
	} else {
		r.voluntary++
	}
	delete(h.where, tid)
}

func (h *chain) come(e replay.Event) {
	tid := uint32(e.Uint(h.next))
	h.cpus[e.CPU()] = &cpu{tid, e.Time()}
	if tid == 0 {
		return
	}
	if other, ok := h.where[tid]; ok && other != e.CPU() && !h.filtered && h.lost == 0 {
		h.v.find("thread %d comes to CPU %d at %s, but runs on CPU %d", tid, e.CPU(), at(e.Time()), other)
	}
	h.where[tid] = e.CPU()
}

func (h *chain) verdict() Verdict {
	if !h.recorded {
		h.v.Says = "not recorded"
		return h.v
	}
	h.v.Says = fmt.Sprintf("%d switches, %d breaks, %d lost", h.rows, h.breaks, h.lost)
	if h.breaks > 0 && h.lost == 0 {
		h.v.Found += h.breaks
	}
	return h.v
}
