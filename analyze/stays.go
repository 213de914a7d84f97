// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// A Stay is one time of a thread on a CPU, with the wait for it.
type Stay struct {
	TID       uint32 // 0: the idle task
	CPU       int
	From, To  int64  // Unix ns
	Wait      uint64 // ns in a run queue before it
	WaitKnown bool   // not of the first stay of a CPU that is seen
	Preempted bool   // it left while runnable
	Broken    bool   // switches are missing in it: nobody knows since when, or until when if it is open, nor how long it waited
	Open      bool   // it has not ended
}

// Stays makes stays of switches, for analyses of other packages: what runqlat,
// offcpu and the sums of a span count.
type Stays struct {
	timeline *timeline
	stay     Stay
}

// StayNeeds are the rows that stays are made of.
func StayNeeds() []Need {
	return []Need{
		{Kind: "sched_switch", Columns: switchColumns, Source: "sched"},
		{Kind: "sched_waking", Columns: wakingColumns, Source: "wakeups", Optional: true},
	}
}

// NewStays follows the CPUs of a capture. The tasks are the caller's, who keeps
// them up to date.
func NewStays(c *format.Capture, tasks *replay.Tasks) *Stays {
	s := &Stays{timeline: newTimeline(c, tasks)}
	s.timeline.occupy(c, c.Meta().Window.To)
	return s
}

// Waking takes a row of kind sched_waking.
func (s *Stays) Waking(e replay.Event) { s.timeline.wake(e) }

// Switches visits the stays that the switches of a run end, in order, each with
// the switch. A stay is valid until visit returns.
func (s *Stays) Switches(r replay.Run, visit func(*Stay, replay.Event)) {
	s.timeline.stays(r, func(t *stay, e replay.Event) { visit(s.of(t), e) })
}

// Switch is the stay that one switch ends, valid until the next one.
func (s *Stays) Switch(e replay.Event) *Stay { return s.of(s.timeline.stay(e)) }

func (s *Stays) of(t *stay) *Stay {
	s.stay = Stay{TID: t.tid, CPU: t.cpu, From: t.from, To: t.to, Wait: t.wait, WaitKnown: t.waitKnown, Preempted: t.preempted, Broken: t.broken}
	return &s.stay
}

// Open visits who is on a CPU now, until then, in the order of the CPUs.
func (s *Stays) Open(until int64, visit func(*Stay)) {
	for _, cpu := range s.timeline.cpus.Numbers() {
		seat := s.timeline.cpus.Get(cpu)
		s.stay = Stay{TID: seat.tid, CPU: int(cpu), From: min(seat.since, until), To: until, Open: true, Broken: s.timeline.unseen.Covers(int(cpu), until)}
		visit(&s.stay)
	}
}
