// SPDX-License-Identifier: Apache-2.0

package second

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Places, in the order of the columns.
const (
	onCPU = iota
	runnable
	asleep
	uninterruptible
	stopped
	other
	unknown
	places
)

var placeOf = map[string]int{"R": runnable, "S": asleep, "I": asleep, "D": uninterruptible, "T": stopped, "t": stopped, "X": other, "Z": other, "P": other}

// whereabouts are those of a thread.
type whereabouts struct {
	r                           *recording
	upTo                        int64 // it is known where it was up to here
	place                       int   // since then
	cpu                         int64
	left                        int64
	ran, ended                  bool
	spent                       [places]int64
	voluntary, preempted, moves uint64
	by                          map[string]uint64
}

// spend gives the time up to an instant to a place, as far as it counts.
func (w *whereabouts) spend(place int, until int64) {
	from, to := max(w.upTo, w.r.first()), min(until, w.r.last())
	w.spent[place] += max(0, to-from)
	w.upTo = max(w.upTo, until)
}

// offcpu is where the time of threads went.
func offcpu(r *recording, by string) (rows [][]any) {
	all := map[identity]*whereabouts{}
	for id := range r.people {
		if id.tid != 0 && (r.people[id][0].at <= r.to || r.people[id][0].listed()) {
			w := &whereabouts{r: r, upTo: max(id.start, r.begin), place: unknown, cpu: -1, by: map[string]uint64{}}
			if id.start >= r.begin {
				w.place = runnable
			}
			all[id] = w
		}
	}
	for _, s := range r.stays() {
		r.follow(all, &s)
	}
	open := slices.SortedFunc(maps.Values(r.open()), func(a, b *event) int { return cmp.Compare(a.at, b.at) })
	for i, e := range open {
		id, known := r.who(e.id("next_tid"), r.last())
		w := all[id]
		if !known || w == nil {
			continue
		}
		if w.ran = true; w.left > e.at { // it went from there unseen
			continue
		}
		w.spend(w.place, e.at)
		if w.place = unknown; !slices.ContainsFunc(open[i+1:], func(o *event) bool { return o.id("next_tid") == id.tid }) {
			w.spend(onCPU, r.last())
		}
	}
	type key struct {
		process identity
		tid     uint32
		start   int64
	}
	grouped := map[key][]identity{}
	for id, w := range all {
		if !w.ended {
			w.spend(w.place, r.last())
		}
		k := key{process: r.processOf(id, r.people.at(id, r.last()).pid)}
		if by == "thread" {
			k = key{tid: id.tid, start: id.start}
		}
		if w.ran {
			grouped[k] = append(grouped[k], id)
		}
	}
	for k, ids := range grouped {
		who := k.process
		if by == "thread" || r.people[who] == nil {
			who = slices.MinFunc(ids, func(a, b identity) int { return cmp.Or(cmp.Compare(a.tid, b.tid), cmp.Compare(a.start, b.start)) })
		}
		rows = append(rows, r.offcpuRow(all, ids, who, k.tid))
	}
	return rows
}

// follow takes a time on a CPU.
func (r *recording) follow(all map[identity]*whereabouts, s *stay) {
	if s.broken && s.expected != 0 {
		if id, known := r.who(s.expected, s.to); known && all[id] != nil && all[id].left <= s.from {
			w := all[id]
			w.spend(w.place, s.from)
			w.spend(unknown, s.to)
			w.place = unknown
		}
	}
	id, known := r.who(s.tid, s.to)
	w := all[id]
	if !known || w == nil || s.tid == 0 {
		return
	}
	if s.broken {
		w.spend(unknown, s.to)
	} else {
		w.spend(w.place, s.from-int64(s.wait))
		w.spend(runnable, s.from)
		w.spend(onCPU, s.to)
	}
	if r.counts(s.to) {
		r.count(w, s)
	}
	w.left, w.cpu, w.place, w.ended = s.to, int64(s.cpu), placeAfter(s), s.state == "X"
	if s.left != s.tid { // it has its process's number from now on
		w.ended = true
		if id, known := r.who(s.left, s.to); known && all[id] != nil {
			first := all[id]
			first.spend(first.place, s.to)
			first.left, first.cpu, first.place, first.ended = s.to, int64(s.cpu), placeAfter(s), s.state == "X"
		}
	}
}

func placeAfter(s *stay) int {
	if s.preempted {
		return runnable
	}
	return placeOf[s.state]
}

// count takes a switch within the span.
func (r *recording) count(w *whereabouts, s *stay) {
	w.ran = true
	if w.cpu >= 0 && w.cpu != int64(s.cpu) {
		w.moves++
	}
	if !s.preempted {
		w.voluntary++
		return
	}
	w.preempted++
	if s.next == 0 {
		return
	}
	name := "?"
	if id, known := r.who(s.next, s.to); known {
		name = r.people.at(id, s.to).comm
	}
	w.by[name]++
}

func (r *recording) offcpuRow(all map[identity]*whereabouts, ids []identity, who identity, tid uint32) []any {
	var sum whereabouts
	by, wall := map[string]uint64{}, int64(0)
	for _, id := range ids {
		w := all[id]
		for i, ns := range w.spent {
			sum.spent[i] += ns
			wall += ns
		}
		sum.voluntary += w.voluntary
		sum.preempted += w.preempted
		sum.moves += w.moves
		for name, n := range w.by {
			by[name] += n
		}
	}
	row := []any{uint64(r.people.at(who, r.last()).pid), some(tid), r.people.at(who, r.last()).comm, uint64(len(ids)), uint64(wall)}
	for _, ns := range sum.spent {
		row = append(row, uint64(ns))
	}
	row = append(row, sum.voluntary, sum.preempted, sum.moves)
	if len(by) == 0 {
		return append(row, nil, nil)
	}
	var names []string
	for name := range by {
		names = append(names, name)
	}
	slices.Sort(names)
	most := names[0]
	for _, name := range names {
		if by[name] > by[most] {
			most = name
		}
	}
	return append(row, most, math.Round(float64(by[most])/float64(sum.preempted)*100_000)/1000)
}
