// SPDX-License-Identifier: Apache-2.0

package second

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// membership is a time in which a thread was in a cgroup.
type membership struct {
	cgroup   uint64
	from, to int64
}

// memberships are those of a thread, from its start on or that of the recording: what
// rows of it say, and what rows say of its process when all threads moved.
func (r *recording) memberships(id identity) (all []membership) {
	said := slices.Clone(r.people[id])
	if len(said) == 0 {
		return []membership{{0, r.begin, math.MaxInt64}}
	}
	first := said[0]
	leader := r.processOf(id, first.pid)
	for _, s := range r.people[leader] {
		if leader != id && s.at > id.start && (s.reason == "moved" || s.at < first.at) {
			said = append(said, s)
		}
	}
	slices.SortStableFunc(said, func(a, b saying) int { return cmp.Compare(a.at, b.at) })
	for _, s := range said {
		if n := len(all); n > 0 && all[n-1].cgroup == s.cgroup {
			continue
		} else if n > 0 {
			all[n-1].to = s.at
		}
		all = append(all, membership{s.cgroup, s.at, math.MaxInt64})
	}
	all[0].from = min(all[0].from, max(id.start, r.begin))
	return all
}

// piece is what a thread had in a cgroup.
type piece struct {
	id     identity
	cgroup uint64
}

// pieces are what threads had in cgroups, and by how much the CPU time of each may be
// more or less, because nobody read it at the move.
type pieces struct {
	*usage
	of         map[piece]*used
	less, more map[piece]uint64
	late       map[identity]uint64 // what the task clock may lack of the time before the last row, if that was divided
}

func (u *usage) pieces() *pieces {
	return &pieces{u, map[piece]*used{}, map[piece]uint64{}, map[piece]uint64{}, map[identity]uint64{}}
}

func (p *pieces) get(id identity, cgroup uint64) *used {
	k := piece{id, cgroup}
	if p.of[k] == nil {
		p.of[k] = &used{}
	}
	return p.of[k]
}

// divided are the threads of a usage by cgroup, without what they had yet.
func (u *usage) divided(from, to int64) *pieces {
	p := u.pieces()
	series := u.r.span(0, 0).series()
	for id := range u.threads {
		there := from
		if over(series[id], from) && !u.r.resumed(u.r.people[id], series[id], from) { // it had ended: only a row of its process tells of it again
			for _, s := range slices.Backward(u.r.people[id]) {
				if s.at > from {
					there = s.at
				}
			}
		}
		for _, m := range u.r.memberships(id) {
			if m.to > there && m.from < to {
				p.get(id, m.cgroup)
			}
		}
	}
	return p
}

// piecesBySums divides what rows of sums add evenly among the cgroups in which the thread
// was since the row before.
func (r *recording) piecesBySums() *pieces {
	u := r.bySums()
	since, until := int64(0), int64(math.MaxInt64)
	if !r.whole() {
		since, until = u.from, u.to
	}
	p := u.divided(since, u.named) // who is told of up to the next reading was there
	for id, series := range r.span(0, 0).series() {
		if u.threads[id] == nil {
			continue
		}
		for i, e := range series {
			if e.at <= since || e.at > until {
				continue
			}
			from := max(since, r.begin, id.start)
			if i > 0 {
				from = max(from, series[i-1].at)
			}
			p.divide(id, series[:i], series[:i+1], from)
		}
	}
	for k, g := range p.of {
		g.unread = u.threads[k.id].unread
	}
	return p
}

// divide gives what a row adds to the cgroups.
func (p *pieces) divide(id identity, before, rows []*event, from int64) {
	at := rows[len(rows)-1].at
	var in []membership
	for _, m := range p.r.memberships(id) {
		if m.to > from && m.from < at {
			in = append(in, membership{m.cgroup, max(m.from, from), min(m.to, at)})
		}
	}
	if len(in) == 0 {
		in = []membership{{p.r.memberships(id)[0].cgroup, from, at}}
	}
	grew := func(column string) uint64 { return total(rows, column) - total(before, column) }
	upTo := func(column string, to int64) uint64 {
		if at == from {
			return grew(column)
		}
		return uint64(math.Round(float64(grew(column)) * (float64(to-from) / float64(at-from))))
	}
	p.behind(id, in, grew("on_cpu_ns"), grew("cpu_time_ns"))
	from0 := from
	for _, m := range in {
		part := func(column string) uint64 {
			switch all := grew(column); {
			case len(in) == 1, int64(all) < 0 && m.to == at: // a reading had told too much
				return all
			case int64(all) < 0:
				return 0
			}
			n := upTo(column, m.to)
			if m.from > from0 {
				n -= min(n, upTo(column, m.from))
			}
			return n
		}
		t := &used{cpuTime: part("cpu_time_ns"), onCPU: part("on_cpu_ns"), queued: part("run_queue_ns"), own: part("voluntary"),
			other: part("involuntary"), moves: part("migrations"), unknown: part("cpu_unknown_ns")}
		t.ran = *t != used{}
		g := p.get(id, m.cgroup)
		g.add(t)
		g.threads = 0
		if len(in) > 1 {
			all, long, here := grew("cpu_time_ns"), uint64(at-from), uint64(m.to-m.from)
			least, most := all-min(all, long-here), min(all, here)
			k := piece{id, m.cgroup}
			p.less[k] += t.cpuTime - min(t.cpuTime, least)
			p.more[k] += most - min(most, t.cpuTime)
		}
	}
}

// behind takes into account that the task clock of a running thread may have been behind as
// a row was divided: what it then lacked came with the next row, to the last cgroup.
func (p *pieces) behind(id identity, in []membership, onCPU, cpuTime uint64) {
	late := min(p.late[id], cpuTime)
	if delete(p.late, id); len(in) > 1 {
		p.late[id] = onCPU - min(onCPU, cpuTime)
		return
	}
	before := in[0].cgroup
	for _, m := range p.r.memberships(id) {
		if m.to <= in[0].from && m.cgroup != in[0].cgroup {
			before = m.cgroup
		}
	}
	if late > 0 {
		p.less[piece{id, in[0].cgroup}] += late
		p.more[piece{id, before}] += late
	}
}

// piecesBySwitches divides times on a CPU at the moves.
func (r *recording) piecesBySwitches() *pieces {
	u := r.bySwitches()
	p := u.divided(u.from, u.to)
	_, first := around(r.readings(), r.to)
	_, second := around(r.readings(), first)
	series := r.span(0, 0).series()
	for id := range u.threads {
		for _, m := range r.memberships(id) {
			if m.to > u.from && m.from < u.to && p.of[piece{id, m.cgroup}] != nil {
				p.inCgroup(id, m, series[id], second)
			}
		}
	}
	on := map[identity]uint64{}
	for _, s := range r.stays() {
		p.switched(&s, on)
	}
	for cpu, e := range r.open() {
		id, known := r.who(e.id("next_tid"), r.last())
		if known && e.id("next_tid") != 0 && !r.lastUnseen(cpu) && e.at > u.from && e.at < u.to && u.threads[id] != nil {
			p.at(id, e.at).moved(on, id, cpu)
		}
	}
	return p
}

// inCgroup finds a thread's time on a CPU while it was in a cgroup, and its bounds by the
// task clock.
func (p *pieces) inCgroup(id identity, m membership, series []*event, second int64) {
	g := p.get(id, m.cgroup)
	from, to := max(m.from, p.from), min(m.to, p.to)
	onCPU := uint64(0)
	for _, s := range p.r.spent() {
		if s.id == id && s.to > p.from && s.from < p.to {
			onCPU += uint64(max(0, min(s.to, to)-max(s.from, from)))
		}
	}
	span := p.r.span(p.r.from, p.r.to)
	if m.from > p.from {
		span.from = m.from
	}
	if m.to < p.to {
		span.to = m.to
	}
	least, most := span.clocks(series, second)
	g.onCPU += onCPU
	g.ran = g.ran || onCPU > 0
	g.least += least
	g.most += most
	g.cpuTime += min(max(onCPU, least), most)
}

// at is the piece of a thread at an instant.
func (p *pieces) at(id identity, at int64) *used {
	all := p.r.memberships(id)
	cgroup := all[0].cgroup
	for _, m := range all {
		if m.from < at {
			cgroup = m.cgroup
		}
	}
	return p.get(id, cgroup)
}

// switched counts a time on a CPU that ended: its wait and its move to another CPU where
// the thread was when it came, the switch where it was when it left.
func (p *pieces) switched(s *stay, on map[identity]uint64) {
	id, known := p.r.who(s.tid, s.to)
	if !known || s.tid == 0 {
		return
	}
	there := p.threads[id] != nil && !s.broken && p.r.counts(s.to)
	came := &used{}
	if there && s.from > p.from {
		came = p.at(id, s.from)
	}
	came.moved(on, id, s.cpu)
	if first, known := p.r.who(s.left, s.to); known {
		on[first] = s.cpu
	}
	if !there {
		return
	}
	if left := p.at(id, s.to); s.preempted {
		left.other++
	} else {
		left.own++
	}
	if s.from > p.r.from && !s.first {
		came.queued += s.wait
	}
}

// spentInCgroups divides times on a CPU at the moves.
func (r *recording) spentInCgroups(all []spent) (divided []spent) {
	for _, s := range all {
		for _, m := range r.memberships(s.id) {
			if from, to := max(s.from, m.from), min(s.to, m.to); from < to {
				divided = append(divided, spent{s.id, from, to, m.cgroup})
			}
		}
	}
	return divided
}

// byCgroup are the rows of cgroups, or of containers.
func (r *recording) byCgroup(by string) [][]any {
	bounded := r.bounded()
	var p *pieces
	if bounded {
		p = r.piecesBySums()
	} else {
		p = r.piecesBySwitches()
	}
	all, less, more := map[whose]*used{}, map[whose]uint64{}, map[whose]uint64{}
	threads := map[whose]map[identity]bool{}
	for k, t := range p.of {
		g := p.inside(k, by)
		if all[g] == nil {
			all[g], threads[g] = &used{}, map[identity]bool{}
		}
		t.queued = uint64(max(0, int64(t.queued))) // a reading had told too much
		all[g].add(t)
		threads[g][k.id] = true
		less[g] += p.less[k]
		more[g] += p.more[k]
	}
	missing := bounded && p.bound(all)
	rows := p.ownRows()
	for k, g := range all {
		g.threads = uint64(len(threads[k]))
		if bounded {
			g.least -= min(g.least, less[k])
			g.most += more[k]
		}
		if g.ran || missing {
			rows = append(rows, p.row(k, g))
		}
	}
	return rows
}

// inside is what a row is of.
func (p *pieces) inside(k piece, by string) whose {
	process := p.r.processOf(k.id, p.pid(k.id))
	kernel := false
	if p.r.people[process] != nil {
		kernel = p.r.people.at(process, p.named).kernel
	}
	return whose{name: p.r.place(k.cgroup, by), kernel: kernel}
}

// place is the name of a cgroup, or of the container that it is of.
func (r *recording) place(cgroup uint64, by string) string {
	for i := range r.all {
		e := &r.all[i]
		if e.kind != "cgroup_path" || e.n("cgroup_id") != cgroup {
			continue
		}
		if by == "container" {
			return cmp.Or(e.s("container"), "(none)")
		}
		return e.s("cgroup")
	}
	if by == "container" {
		return "(none)"
	}
	return fmt.Sprintf("cgroup %d", cgroup)
}
