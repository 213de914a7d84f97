// SPDX-License-Identifier: Apache-2.0

package second

import (
	"math"
	"slices"
)

// bySums is what sums tell: of a span it is from one reading of the sums to another.
func (r *recording) bySums() *usage {
	u := &usage{r: r, from: r.begin, to: r.end, named: math.MaxInt64, threads: map[identity]*used{}, idle: map[uint64]uint64{}, unseen: map[uint64]uint64{}}
	since, until := int64(0), int64(math.MaxInt64)
	if !r.whole() {
		since, _ = around(r.readings(), r.from)
		until, u.named = around(r.readings(), r.to)
		u.named--
		u.from, u.to = max(u.from, since), min(u.to, until)
	}
	all := r.span(0, 0).series()
	for id, rows := range all {
		u.sum(id, rows, since, until)
	}
	for id, said := range r.people {
		if u.threads[id] == nil && r.there(said, all[id], since, u.named) {
			u.threads[id] = &used{unread: true}
		} else if u.threads[id] != nil && r.resumed(said, all[id], u.named) {
			u.threads[id].unread = true
		}
	}
	for i := range r.all {
		if e := &r.all[i]; e.kind == "cpu_sum" && e.at <= until {
			u.idle[e.n("cpu")], u.unseen[e.n("cpu")] = r.cpuGrew(e, since)
		}
	}
	return u
}

// there tells whether there was a thread in a span: it had not ended before, or rows
// tell of its number again, which is that of its process.
func (r *recording) there(said []saying, series []*event, since, until int64) bool {
	ended := int64(0)
	if over(series, since) {
		rows := sumRows(series, since)
		ended = rows[len(rows)-1].at
	}
	for _, s := range said {
		if s.at <= until && (s.at > since || s.at > ended && (ended == 0 || s.kind == "exec")) {
			return true
		}
	}
	return ended == 0 && said[0].listed()
}

// resumed tells whether the number of a thread that ended, that of its process, is another's
// since then, of whom there are no sums.
func (r *recording) resumed(said []saying, series []*event, until int64) bool {
	rows := sumRows(series, until)
	if len(rows) == 0 || rows[len(rows)-1].n("exited") == 0 {
		return false
	}
	return slices.ContainsFunc(said, func(s saying) bool { return s.kind == "exec" && s.at > rows[len(rows)-1].at && s.at <= until })
}

// over tells whether a thread had ended.
func over(series []*event, at int64) bool {
	rows := sumRows(series, at)
	return len(rows) > 0 && rows[len(rows)-1].n("exited") != 0
}

// sum takes what a thread's rows of a span add.
func (u *usage) sum(id identity, series []*event, since, until int64) {
	before, rows := sumRows(series, since), sumRows(series, until)
	if len(rows) == 0 || len(rows) == len(before) && over(series, since) {
		return
	}
	of := func(column string) uint64 { // a time that a reading estimated may turn out to be less
		return total(rows, column) - min(total(rows, column), total(before, column))
	}
	t := &used{cpuTime: of("cpu_time_ns"), onCPU: of("on_cpu_ns"), queued: of("run_queue_ns"), own: of("voluntary"), other: of("involuntary"),
		moves: of("migrations"), unknown: of("cpu_unknown_ns")}
	t.ran = *t != used{}
	u.threads[id] = t
}

// cpuGrew is by how much idle and unseen time of a CPU grew since they were read at an
// instant. What that gave to the idle task may turn out later to be nobody's.
func (r *recording) cpuGrew(now *event, since int64) (idle, unseen uint64) {
	idle, unseen = now.n("idle_ns"), now.n("unseen_ns")
	var before *event
	for i := range r.all {
		if e := &r.all[i]; e.kind == "cpu_sum" && e.n("cpu") == now.n("cpu") && e.at <= since {
			before = e
		}
	}
	if before == nil {
		return idle, unseen
	}
	was := before.n("idle_ns")
	unseen -= min(unseen, before.n("unseen_ns"))
	unseen -= min(unseen, was-min(was, idle))
	return idle - min(idle, was), unseen
}
