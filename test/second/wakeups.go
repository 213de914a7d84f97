// SPDX-License-Identifier: Apache-2.0

package second

// wakeups are who woke whom, and how long that took to come to a CPU.
func wakeups(r *recording, by string) (rows [][]any) {
	type key struct {
		pid, tid uint32
		start    int64
		name     string
	}
	type edge struct{ from, to key }
	counts, latencies, names := map[edge]uint64{}, map[edge]durations{}, map[key]any{}
	name := func(tid uint32, at int64) key {
		if tid == 0 {
			k := key{name: "idle"}
			names[k] = "idle"
			return k
		}
		id, known := r.who(tid, at)
		if !known {
			return key{tid: tid}
		}
		leader, ok := r.leader(id, at)
		if !ok {
			leader = id
		}
		k, who := key{pid: r.people.at(id, at).pid, start: leader.start}, leader
		if by == "thread" {
			k, who = key{k.pid, tid, id.start, ""}, id
		}
		comm := r.people.at(who, r.last()).comm
		if by == "comm" {
			k = key{name: comm}
		}
		names[k] = comm
		return k
	}
	all := r.of("sched_waking", "sched_switch")
	for i, e := range all {
		if e.kind != "sched_waking" || !r.counts(e.at) {
			continue
		}
		woken := e.id("woken_tid")
		k := edge{name(e.id("tid"), e.at), name(woken, e.at)}
		counts[k]++
		if queued(all[:i], woken) {
			continue
		}
		if at, came := arrival(all[i+1:], woken); came {
			latencies[k] = append(latencies[k], uint64(at-e.at))
		}
	}
	for k, n := range counts {
		row := []any{some(k.from.pid), some(k.from.tid), names[k.from], some(k.to.pid), some(k.to.tid), names[k.to], n, nil, nil, nil, nil, nil}
		if d := latencies[k]; len(d) > 0 {
			copy(row[7:], []any{uint64(len(d)), d.average(), d.rank(50), d.rank(99), d.rank(100)})
		}
		rows = append(rows, row)
	}
	return rows
}

// queued tells whether a thread was preempted the last time that it left a CPU,
// and has not come to one since.
func queued(before []*event, tid uint32) bool {
	for i := len(before) - 1; i >= 0; i-- {
		switch e := before[i]; {
		case e.kind != "sched_switch":
		case e.id("next_tid") == tid:
			return false
		case e.id("tid") == tid:
			return e.n("preempted") != 0
		}
	}
	return false
}

// arrival is when a thread that was woken comes to a CPU. When it is preempted
// before, it was on one, and kept awake; a later wakeup that finds it asleep still is
// the one that counts.
func arrival(after []*event, tid uint32) (int64, bool) {
	for _, e := range after {
		switch {
		case e.kind == "sched_waking" && e.id("woken_tid") == tid:
			return 0, false
		case e.kind != "sched_switch":
		case e.id("next_tid") == tid:
			return e.at, true
		case e.id("tid") == tid && e.n("preempted") != 0:
			return 0, false
		}
	}
	return 0, false
}
