// SPDX-License-Identifier: Apache-2.0

package second

import "math"

// bySwitches is what switches tell of a span.
func (r *recording) bySwitches() *usage {
	u := &usage{r: r, from: r.first(), to: r.last(), named: r.last(), threads: map[identity]*used{}, idle: map[uint64]uint64{}, unseen: map[uint64]uint64{}}
	_, first := around(r.readings(), r.to)
	_, second := around(r.readings(), first)
	all := r.span(0, 0).series()
	for id, said := range r.people {
		if r.there(said, all[id], r.from, r.last()) {
			u.threads[id] = &used{}
		}
	}
	on := map[identity]uint64{} // where it was last
	for cpu, tid := range r.still() {
		u.spend(cpu, tid, r.begin, r.last(), r.lastUnseen(cpu))
	}
	for _, s := range r.stays() {
		u.stay(&s, on)
	}
	for cpu, e := range r.open() {
		t := u.spend(cpu, e.id("next_tid"), e.at, r.last(), r.lastUnseen(cpu))
		if id, _ := r.who(e.id("next_tid"), r.last()); t != nil && e.at > u.from && e.at < u.to { // it ran there
			t.moved(on, id, cpu)
		}
	}
	for id, t := range u.threads {
		t.least, t.most = r.clocks(all[id], second)
		t.cpuTime = min(max(t.onCPU, t.least), t.most)
	}
	return u
}

// stay takes a time on a CPU that ended.
func (u *usage) stay(s *stay, on map[identity]uint64) {
	t := u.spend(s.cpu, s.tid, s.from, s.to, s.broken)
	id, known := u.r.who(s.tid, s.to)
	if !known || s.tid == 0 {
		return
	}
	if t == nil || s.from <= u.from {
		t = &used{}
	}
	t.moved(on, id, s.cpu)
	if first, known := u.r.who(s.left, s.to); known {
		on[first] = s.cpu // where it took its process's number
	}
	if t = u.threads[id]; t == nil || s.broken || !u.r.counts(s.to) {
		return
	}
	if s.preempted {
		t.other++
	} else {
		t.own++
	}
	if s.from > u.r.from && !s.first {
		t.queued += s.wait
	}
}

// moved counts a move to another CPU.
func (t *used) moved(on map[identity]uint64, id identity, cpu uint64) {
	if was, came := on[id]; came && was != cpu {
		t.moves++
	}
	on[id] = cpu
}

// spend takes time on a CPU, as far as it is in the span, and returns whose it is;
// nil: no thread's.
func (u *usage) spend(cpu uint64, tid uint32, from, to int64, broken bool) *used {
	ns := uint64(max(0, min(to, u.to)-max(from, u.from)))
	if ns > 0 && u.idle[cpu] == 0 {
		u.idle[cpu] = 0 // it has a row
	}
	id := u.r.someone(tid, min(to, u.to))
	if id.start == 0 && tid != 0 && u.threads[id] == nil && to > u.from {
		u.threads[id] = &used{}
	}
	switch {
	case broken:
		u.unseen[cpu] += ns
	case tid == 0:
		u.idle[cpu] += ns
	case u.threads[id] != nil:
		u.threads[id].onCPU += ns
		u.threads[id].ran = u.threads[id].ran || ns > 0
		return u.threads[id]
	}
	return nil
}

// clocks are the bounds of a thread's CPU time in the span: what its task clock said
// when it was read before and after its ends. The first reading after the span has each
// thread whose clock went on until then, so that a row of a later one, from second on,
// is of later.
func (r *recording) clocks(series []*event, second int64) (least, most uint64) {
	at := func(instant int64) uint64 { return total(sumRows(series, instant), "cpu_time_ns") }
	after := func(instant, until int64) uint64 { // as it was read next
		for _, e := range series {
			if e.at > instant && e.at < until {
				return at(e.at)
			}
		}
		return at(instant)
	}
	least0, most0 := at(r.from), after(r.from, math.MaxInt64)
	least1, most1 := at(r.to), after(r.to, second)
	return least1 - min(least1, most0), most1 - least0
}
