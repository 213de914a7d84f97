// SPDX-License-Identifier: Apache-2.0

package second

import (
	"math"
	"slices"
)

// spent is a time on a CPU that a thread is known to have had.
type spent struct {
	id       identity
	from, to int64
	cgroup   uint64 // where that was asked for
}

// overTime is time on a CPU by interval.
func overTime(r *recording, by string, interval int64) (rows [][]any) {
	type key struct {
		at      int64
		process identity
		thread  identity
		name    string
		kernel  bool
	}
	cells := map[key]int64{}
	spent := r.spent()
	if by == "cgroup" || by == "container" {
		spent = r.spentInCgroups(spent)
	}
	for _, s := range spent {
		process := s.id
		if r.people[s.id] != nil {
			process = r.processOf(s.id, r.people.at(s.id, s.to).pid)
		}
		for from := max(s.from, r.first()); from < min(s.to, r.last()); {
			n := (from - r.first()) / interval
			to := min(s.to, r.last(), r.first()+(n+1)*interval)
			k := key{at: r.first() + n*interval}
			switch by {
			case "process":
				k.process = process
			case "thread":
				k.process, k.thread = identity{tid: process.tid}, s.id
			case "cgroup", "container":
				k.name = r.place(s.cgroup, by)
				if r.people[process] != nil {
					k.kernel = r.people.at(process, r.last()).kernel
				}
			case "comm":
				k.name = "(none)"
				if r.people[process] != nil {
					leader := r.people.at(process, r.last())
					k.name, k.kernel = leader.comm, leader.kernel
				}
			}
			cells[k] += to - from
			from = to
		}
	}
	for k, ns := range cells {
		name, who := any(k.name), k.thread
		if who.tid == 0 {
			who = k.process
		}
		if who.tid != 0 {
			name = nil
		}
		if r.people[who] != nil {
			name = r.people.at(who, r.last()).comm
		}
		rows = append(rows, []any{k.at, some(k.process.tid), some(k.thread.tid), name, uint64(ns), math.Round(float64(ns)/float64(interval)*100_000) / 1000})
	}
	return rows
}

// spent are the times on CPUs by the switches, those that had not ended too.
func (r *recording) spent() (all []spent) {
	for _, s := range r.stays() {
		if s.tid != 0 && !s.broken {
			all = append(all, spent{id: r.someone(s.tid, s.to), from: s.from, to: s.to})
		}
	}
	for cpu, tid := range r.still() {
		if tid != 0 && !r.lastUnseen(cpu) {
			all = append(all, spent{id: r.someone(tid, r.last()), from: r.begin, to: r.last()})
		}
	}
	for cpu, e := range r.open() {
		if !r.lastUnseen(cpu) && e.n("next_tid") != 0 {
			all = append(all, spent{id: r.someone(e.id("next_tid"), r.last()), from: e.at, to: r.last()})
		}
	}
	return all
}

// someone is who has a number, or, where no row told of that until then, only the number:
// a thread that ended before it was listed is named by its end.
func (r *recording) someone(tid uint32, at int64) identity {
	if id, known := r.who(tid, at); known {
		return id
	}
	return identity{tid: tid}
}

// lossless tells whether all switches are there.
func (r *recording) lossless() bool {
	return !slices.ContainsFunc(r.lost, func(e *event) bool { return e.s("loss_reason") != "unseen" })
}
