// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// stay is one time of a thread on a CPU, with the wait for it.
type stay struct {
	tid       uint32
	cpu       int
	from, to  int64
	wait      uint64 // ns in a run queue before it
	waitKnown bool   // not of the first stay of a CPU that is seen
	before    uint32 // thread that was on the CPU before it; 0: idle
	expected  uint32 // thread that was on the CPU; another than tid where switches are missing
	next      uint32 // thread that comes after it
	state     string // in which it left
	preempted bool
}

// timeline makes stays of switches.
type timeline struct {
	begin int64 // of the recording
	cpus  map[int]*seat

	next, delay, state, preempted format.Col
}

// seat is who is on a CPU, since when and whom it followed.
type seat struct {
	tid, before uint32
	since       int64
	known       bool // its arrival was seen
}

var switchColumns = []string{"next_tid", "delay_ns", "prev_state", "preempted"}

func newTimeline(c *format.Capture) *timeline {
	return &timeline{
		begin: c.Meta().Start.UnixNano(), cpus: map[int]*seat{},
		next: c.Col("next_tid"), delay: c.Col("delay_ns"), state: c.Col("prev_state"), preempted: c.Col("preempted"),
	}
}

// stay is the one that a switch ends. When switches are missing before it, it
// begins where the last one of the CPU that is there was, which is too early.
func (l *timeline) stay(e replay.Event) stay {
	number, t := e.CPU(), e.Time()
	c := l.cpus[number]
	if c == nil { // whoever leaves was there all the time
		c = &seat{tid: e.TID(), since: l.begin}
		l.cpus[number] = c
	}
	s := stay{
		tid: e.TID(), cpu: number, from: c.since, to: t, before: c.before, expected: c.tid, next: uint32(e.Uint(l.next)),
		wait: e.Uint(l.delay), waitKnown: c.known, state: e.Str(l.state), preempted: e.Uint(l.preempted) != 0,
	}
	*c = seat{tid: s.next, before: s.tid, since: t, known: true}
	return s
}

// broken tells whether switches are missing before the stay. Where a filter
// leaves out those between threads that are not recorded, so that nobody knows
// their names, that is no gap.
func (s *stay) broken(tasks *replay.Tasks) bool {
	if s.tid == s.expected {
		return false
	}
	_, left := tasks.Lookup(s.tid)
	_, came := tasks.Lookup(s.expected)
	return left || came
}

// leaderOf is the first thread of a task's process, or, when that is not known,
// the task itself.
func leaderOf(tasks *replay.Tasks, task replay.Task) replay.Task {
	if leader, ok := tasks.Lookup(task.PID); ok {
		return leader
	}
	return task
}
