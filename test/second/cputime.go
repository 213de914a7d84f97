// SPDX-License-Identifier: Apache-2.0

package second

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// used is what a thread, or all threads of a row, used within a span of time.
type used struct {
	threads                                                uint64
	ran                                                    bool
	unread                                                 bool // a thread has no sums
	cpuTime, least, most, onCPU, queued, own, other, moves uint64
	unknown                                                uint64
}

func (u *used) add(t *used) {
	u.threads++
	u.ran, u.unread = u.ran || t.ran, u.unread || t.unread
	u.cpuTime += t.cpuTime
	u.least += t.least
	u.most += t.most
	u.onCPU += t.onCPU
	u.queued += t.queued
	u.own += t.own
	u.other += t.other
	u.moves += t.moves
	u.unknown += t.unknown
}

// usage is that of all threads and CPUs.
type usage struct {
	r            *recording
	from, to     int64 // the span that it is of
	named        int64 // names are those of then
	threads      map[identity]*used
	idle, unseen map[uint64]uint64
}

// whole tells whether the span is all of the recording.
func (r *recording) whole() bool { return r.from == 0 && r.to == math.MaxInt64 }

// cputime is who used the CPUs: by the sums, or of a span, where all switches are
// there, by those.
func cputime(r *recording, by string) [][]any {
	if by == "cgroup" || by == "container" {
		return r.byCgroup(by)
	}
	if r.bounded() {
		return r.bySums().rows(by, true)
	}
	return r.bySwitches().rows(by, false)
}

// rows are those of threads and CPUs; bounded says that they are by the sums.
func (u *usage) rows(by string, bounded bool) [][]any {
	rows := u.ownRows()
	if by == "cpu" {
		return append(rows, u.cpuRows()...)
	}
	all := u.grouped(by)
	missing := bounded && u.bound(all)
	for k, g := range all {
		if g.ran || missing {
			rows = append(rows, u.row(k, g))
		}
	}
	return rows
}

// bounded tells whether it is by the sums.
func (r *recording) bounded() bool { return r.whole() || !r.lossless() }

// whose is what a row is of.
type whose struct {
	process identity
	thread  identity
	name    string
	kernel  bool
}

// grouped adds threads up.
func (u *usage) grouped(by string) map[whose]*used {
	all := map[whose]*used{}
	for id, t := range u.threads {
		process := u.r.processOf(id, u.pid(id))
		var leader saying
		if u.r.people[process] != nil {
			leader = u.r.people.at(process, u.named)
		}
		k := whose{process: process, kernel: leader.kernel}
		switch by {
		case "thread":
			k.thread, k.process.start = id, 0
		case "comm":
			k.process, k.name = identity{}, cmp.Or(leader.comm, "(none)")
		}
		if all[k] == nil {
			all[k] = &used{}
		}
		all[k].add(t)
	}
	return all
}

// pid is the number of a thread's process.
func (u *usage) pid(id identity) uint32 {
	if said := u.r.people[id]; said != nil {
		return said[0].pid
	}
	if rows := u.r.span(0, 0).series()[id]; rows != nil {
		return rows[0].id("pid")
	}
	return id.tid
}

func (u *usage) row(k whose, g *used) []any {
	name, class := any(k.name), "user"
	who := k.thread
	if who.tid == 0 {
		who = k.process
	}
	if who.tid != 0 {
		name = nil
	}
	if u.r.people[who] != nil {
		name = u.r.people.at(who, u.named).comm
	}
	if k.kernel {
		class = "kernel"
	}
	return []any{some(k.process.tid), some(k.thread.tid), name, g.threads, g.cpuTime, g.least, g.most, g.onCPU, u.percent(g.cpuTime),
		g.queued, g.own + g.other, g.own, g.other, g.moves, class}
}

func (u *usage) percent(ns uint64) any {
	return math.Round(float64(ns)/float64(u.to-u.from)*100_000) / 1000
}

// ownRows are the times of CPUs that are no thread's.
func (u *usage) ownRows() (rows [][]any) {
	for cpu, ns := range u.idle {
		rows = append(rows, ownRow("idle", cpu, ns))
		if u.unseen[cpu] > 0 {
			rows = append(rows, ownRow("unseen", cpu, u.unseen[cpu]))
		}
	}
	return rows
}

func ownRow(class string, cpu, ns uint64) []any {
	return []any{0, nil, fmt.Sprint(class, "/", cpu), nil, 0, 0, 0, ns, nil, nil, nil, nil, nil, nil, class}
}

// cpuRows are what CPUs did for threads.
func (u *usage) cpuRows() (rows [][]any) {
	for cpu, idle := range u.idle {
		busy := uint64(u.to-u.from) - idle - u.unseen[cpu]
		rows = append(rows, []any{nil, nil, fmt.Sprint("CPU ", cpu), nil, nil, nil, nil, busy, u.percent(busy), nil, nil, nil, nil, nil, "cpu"})
	}
	return rows
}

// bound says between which bounds the CPU time is of what sums tell.
// It tells whether sums are missing, so that any may have had more.
func (u *usage) bound(all map[whose]*used) bool {
	unseen, missing, apart := uint64(0), int64(len(u.idle))*(u.to-u.from), uint64(0)
	for cpu, ns := range u.idle {
		unseen += u.unseen[cpu]
		missing -= int64(ns + u.unseen[cpu])
	}
	for _, g := range all {
		missing -= int64(g.onCPU)
		apart += max(g.onCPU, g.cpuTime) - min(g.onCPU, g.cpuTime)
	}
	anybodys := missing > 0 && (u.r.cut || u.r.whole())
	for _, g := range all {
		g.least, g.most = g.cpuTime, g.cpuTime+g.unknown
		if g.unread {
			g.most += unseen
		}
		if anybodys {
			g.most += uint64(missing+missing/4) + apart
		}
	}
	return anybodys
}

// readings are when sums were read.
func (r *recording) readings() []int64 {
	at := map[int64]bool{}
	for i := range r.all {
		if e := &r.all[i]; e.kind == "cpu_sum" {
			at[e.at] = true
		}
	}
	return slices.Sorted(maps.Keys(at))
}

// around are the readings around an instant: the last one up to it, 0 for none, and
// the one after, as late as can be for none.
func around(readings []int64, instant int64) (last, next int64) {
	for _, at := range readings {
		if at > instant {
			return last, at
		}
		last = at
	}
	return last, math.MaxInt64
}

// sumRows are the rows of sums up to an instant.
func sumRows(series []*event, until int64) (rows []*event) {
	for _, e := range series {
		if e.at <= until {
			rows = append(rows, e)
		}
	}
	return rows
}
