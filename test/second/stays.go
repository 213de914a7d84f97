// SPDX-License-Identifier: Apache-2.0

package second

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

// stays are those of all CPUs, in the order in which they ended.
func (r *recording) stays() (all []stay) {
	last := map[uint64]*event{}
	for _, e := range r.of("sched_switch") {
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

// lostIn tells whether switches may be lost of an interval.
func (r *recording) lostIn(from, to int64) bool {
	for _, e := range r.lost {
		if e.i("since") <= to && e.at >= from {
			return true
		}
	}
	return false
}
