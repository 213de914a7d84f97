// SPDX-License-Identifier: Apache-2.0

package second

// waited are the stays whose waits count.
func (r *recording) waited() (all []stay) {
	for _, s := range r.stays() {
		if s.tid != 0 && !s.first && !s.broken && r.counts(s.to) {
			all = append(all, s)
		}
	}
	return all
}

func (r *recording) allWaits() (d durations) {
	for _, s := range r.waited() {
		d = append(d, s.wait)
	}
	return d
}

// everyWait is the row of everything.
func everyWait(r *recording, _ string) [][]any {
	d := r.allWaits()
	return [][]any{{nil, nil, "all", uint64(len(d)), d.sum(), d.average(), d.rank(50), d.rank(90), d.rank(99), d.rank(100)}}
}

func waitsByLength(r *recording, _ string) [][]any { return byLength(r.allWaits()) }

// longestWaits are all, of which the table has the longest.
func longestWaits(r *recording, _ string) (rows [][]any) {
	renumbered := map[int64]bool{} // when threads left that had taken another number
	for _, s := range r.stays() {
		renumbered[s.to] = renumbered[s.to] || s.left != s.tid
	}
	for _, s := range r.waited() {
		row := []any{s.from, s.wait, uint64(s.tid), r.called(s.tid, s.to), s.cpu, uint64(s.before), r.called(s.before, s.from), nil, nil}
		if row[3] == nil {
			row[3] = ""
		}
		if e := r.wakeup(s, renumbered); e != nil {
			row[7], row[8] = e.n("tid"), r.called(e.id("tid"), e.at)
		}
		rows = append(rows, row)
	}
	return rows
}

// called is the name of who had a number at an instant; nil: it is not known.
func (r *recording) called(tid uint32, at int64) any {
	if tid == 0 {
		return "idle"
	}
	if id, known := r.who(tid, at); known {
		return r.people.at(id, at).comm
	}
	return nil
}

// wakeup is what woke a thread to come: the last wakeup before. It may have come before
// the thread had left the CPU to sleep, where it is known to have left it so. One that was
// preempted waits whoever wakes it.
func (r *recording) wakeup(s stay, renumbered map[int64]bool) (woke *event) {
	var falling *event
	on, preempted := false, false
	for _, e := range r.of("sched_waking", "sched_switch") {
		switch {
		case e.at >= s.from:
			return woke
		case e.kind == "sched_waking" && e.id("woken_tid") != s.tid:
		case e.kind == "sched_waking" && on:
			falling = e
		case e.kind == "sched_waking" && !preempted:
			woke = e
		case e.kind == "sched_waking":
		case e.id("next_tid") == s.tid:
			on, preempted, woke, falling = true, false, nil, nil
		case e.id("tid") == s.tid:
			on, preempted = false, e.n("preempted") != 0
			if falling != nil {
				woke = falling
			}
			if falling = nil; preempted || renumbered[e.at] {
				woke = nil
			}
		}
	}
	return woke
}
