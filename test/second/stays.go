// SPDX-License-Identifier: Apache-2.0

package second

import "slices"

// stay is a time on a CPU that ended with a switch.
type stay struct {
	tid       uint32 // that came; where switches are missing, that left
	left      uint32 // its number as it left: another when it executed a file meanwhile
	cpu       uint64
	from, to  int64
	first     bool // the CPU's first: nobody saw it come
	broken    bool // another had come
	expected  uint32
	next      uint32
	before    uint32
	wait      uint64
	state     string
	preempted bool
}

// calls is who was woken when.
type calls map[uint32]struct {
	at, came           int64 // last wakeup; that of the time on a CPU; 0: not known
	on, falling, waits bool  // on a CPU, about to leave it, preempted
}

// take notes a wakeup. One of a thread on a CPU is of the sleep that it falls into, and
// one that was preempted waits whoever wakes it.
func (c calls) take(e *event) {
	w := c[e.id("woken_tid")]
	switch {
	case w.on:
		w.falling = true
	case !w.waits:
		w.at = e.at
	}
	c[e.id("woken_tid")] = w
}

// limit is how long a thread that came to a CPU had waited at most: since it was woken.
func (c calls) limit(s *stay, lost bool) {
	if w := c[s.tid]; w.came != 0 && !lost {
		s.wait = min(s.wait, uint64(max(0, s.from-w.came)))
	}
	delete(c, s.tid)
	w := c[s.left]
	w.at, w.came, w.on, w.falling, w.waits = 0, 0, false, false, s.preempted
	c[s.left] = w
	if s.next != 0 {
		w := c[s.next]
		w.came, w.at, w.on, w.waits = w.at, 0, true, false
		c[s.next] = w
	}
}

// stays are those of all CPUs, in the order in which they ended.
func (r *recording) stays() (all []stay) {
	last, woken := map[uint64]*event{}, calls{}
	for _, e := range r.of("sched_switch", "sched_waking") {
		if e.kind == "sched_waking" {
			woken.take(e)
			continue
		}
		cpu := e.n("cpu")
		s := stay{tid: e.id("tid"), left: e.id("tid"), cpu: cpu, from: r.begin, to: e.at, next: e.id("next_tid"), wait: e.n("delay_ns"), state: e.s("prev_state"), preempted: e.n("preempted") != 0}
		if came := last[cpu]; came == nil {
			s.first, s.expected = true, s.tid
		} else {
			s.from, s.expected, s.before = came.at, came.id("next_tid"), came.id("tid")
		}
		switch {
		case r.unseen[[2]int64{int64(cpu), e.at}]:
			s.broken = true
		case s.tid == s.expected:
		case r.renumbered(s.expected, s.tid, e.at) && !r.lostIn(s.from, s.to):
			s.tid = s.expected
		default:
			s.broken = true
		}
		woken.limit(&s, !r.lossless())
		all = append(all, s)
		last[cpu] = e
	}
	return all
}

// renumbered tells whether a thread took its process's number.
func (r *recording) renumbered(was, now uint32, at int64) bool {
	one, ok := r.who(was, at)
	two, known := r.who(now, at)
	return ok && known && r.people.at(one, at).pid == now && r.people.at(two, at).pid == now
}

// open is who is on each CPU at the end, and since when.
func (r *recording) open() map[uint64]*event {
	last := map[uint64]*event{}
	for _, e := range r.of("sched_switch") {
		last[e.n("cpu")] = e
	}
	return last
}

// lastUnseen tells whether switches of a CPU went unseen around the end of the span, so
// that nobody knows until when who came was there.
func (r *recording) lastUnseen(cpu uint64) bool {
	return slices.ContainsFunc(r.lost, func(e *event) bool {
		return e.s("loss_reason") == "unseen" && e.n("cpu") == cpu && e.i("since") < r.last() && e.at >= r.last()
	})
}

// lostIn tells whether switches may be lost of an interval.
func (r *recording) lostIn(from, to int64) bool {
	for _, e := range r.lost {
		if e.s("loss_reason") != "unseen" && e.i("since") <= to && e.at >= from {
			return true
		}
	}
	return false
}
