// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// splitColumns are those of the table of where the time went, behind what names
// a row.
var splitColumns = []ColumnSpec{
	{Name: "turns", Unit: unitCount, Doc: "reads of what had arrived since the process sent"},
	{Name: "network_ns", Unit: unitNS, Some: true, Doc: "of the time to all responses what the least round-trip time explains; active connections only, and none where no row tells that of one of them"},
	{Name: "peer_ns", Unit: unitNS, Some: true, Doc: "the rest of it: the other side's time, queues on the way and what was sent again; active connections only"},
	{Name: "waking_ns", Unit: unitNS, Some: true, Doc: "from the arrival of bytes until the thread that read them waited for a CPU; none without the source sched"},
	{Name: "run_queue_ns", Unit: unitNS, Some: true, Doc: "while it waited for a CPU; none without the source sched"},
	{Name: "application_ns", Unit: unitNS, Doc: "from when it was on a CPU until it had read, and of passive connections from there to the answer (think_ns); without the source sched from the arrival"},
	{Name: "verdict", Text: true, Doc: "where most of the time went: network, peer, scheduler (waking and run queue) or application; none when there was none, or when that is network or peer and nobody knows which"},
}

// split is where the time of a connection's turns went, ns.
type split struct {
	network, peer                 uint64
	active                        bool // there are active connections
	undivided                     bool // of one no row tells the round-trip time: peer has its network
	waking, runQueue, application uint64
}

// settle divides the time to responses, and says whose thinking counts: that of
// who answers.
func (s *split) settle(c *conn, t *turns) {
	switch c.direction {
	case "active":
		s.active = true
		s.undivided = c.told == 0 && t.responses.count > 0
		s.network = min(t.responses.sum, t.responses.count*c.last[minRTTAt])
		s.peer = t.responses.sum - s.network
	case "passive":
		s.application += t.thinks.sum
	}
}

func (s *split) merge(o *split) {
	s.network += o.network
	s.peer += o.peer
	s.waking += o.waking
	s.runQueue += o.runQueue
	s.application += o.application
	s.active = s.active || o.active
	s.undivided = s.undivided || o.undivided
}

// reading is a read whose thread has not left its CPU yet: only then it is known
// how long it had waited for that.
type reading struct {
	of          *split
	arrived, at int64
}

// splitter finds out what threads did between the arrival of bytes and the read.
type splitter struct {
	timeline *timeline
	pending  replay.ByNumber[[]reading] // by tid
	sched    bool                       // there are switches
}

func newSplitter(c *format.Capture, tasks *replay.Tasks) *splitter {
	return &splitter{timeline: newTimeline(c, tasks), sched: c.Kind("sched_switch") != nil && recorded(c, "sched")}
}

// read takes a read of what had arrived so long before.
func (p *splitter) read(s *split, e replay.Event, ns uint64) {
	r := reading{s, e.Time() - int64(min(ns, uint64(max(0, e.Time())))), e.Time()}
	if !p.sched {
		r.toApplication()
		return
	}
	all := p.pending.Get(e.TID())
	if all == nil {
		all = &[]reading{}
		p.pending.Set(e.TID(), all)
	}
	if len(*all) == mostPending {
		p.settle(all)
	}
	*all = append(*all, r)
}

// mostPending is how many reads wait for a switch of their thread at most.
const mostPending = 1024

// settle is for reads of which the wait before them will not be known.
func (p *splitter) settle(all *[]reading) {
	for _, r := range *all {
		r.toApplication()
	}
	*all = (*all)[:0]
}

// switches takes switches that follow each other.
func (p *splitter) switches(r replay.Run) { p.timeline.stays(r, p.stay) }

func (p *splitter) stay(s *stay, _ replay.Event) {
	p.during(s, s.tid)
	if s.left != s.tid { // it took its process's number, and may have read behind that
		p.during(s, s.left)
	}
}

// during is for the reads of a number within a stay.
func (p *splitter) during(s *stay, tid uint32) {
	all := p.pending.Get(tid)
	if all == nil || len(*all) == 0 {
		return
	}
	for _, r := range *all {
		r.during(s)
	}
	*all = (*all)[:0]
}

// during is for a read within a stay on a CPU.
func (r reading) during(s *stay) {
	if s.broken || !s.waitKnown || r.at < s.from || r.at > s.to || s.from <= r.arrived {
		r.toApplication() // switches are missing, or it was on the CPU already
		return
	}
	before := uint64(s.from - r.arrived)
	waited := min(s.wait, before)
	r.of.waking += before - waited
	r.of.runQueue += waited
	r.of.application += uint64(r.at - s.from)
}

func (r reading) toApplication() { r.of.application += uint64(r.at - r.arrived) }

// end is for reads by threads that are on a CPU at the end.
func (p *splitter) end() {
	p.pending.All(func(_ uint32, all *[]reading) { p.settle(all) })
}

// values are the cells of splitColumns.
func (s *split) values(turns uint64, sched bool) []Value {
	row := []Value{turns, nil, nil, nil, nil, s.application, nil}
	if s.active && !s.undivided {
		row[1], row[2] = s.network, s.peer
	}
	if sched {
		row[3], row[4] = s.waking, s.runQueue
	}
	row[6] = s.verdict()
	return row
}

// verdict is the largest part; nil: there is none, or that is what nobody can divide.
func (s *split) verdict() (verdict Value) {
	type part struct {
		name Value
		ns   uint64
	}
	parts := []part{{"network", s.network}, {"peer", s.peer}, {"scheduler", s.waking + s.runQueue}, {"application", s.application}}
	if s.undivided {
		parts = slices.Replace(parts, 0, 2, part{nil, s.network + s.peer})
	}
	most := uint64(0)
	for _, one := range parts {
		if one.ns > most {
			most, verdict = one.ns, one.name
		}
	}
	return verdict
}

func (s *split) total() uint64 { return s.network + s.peer + s.waking + s.runQueue + s.application }
