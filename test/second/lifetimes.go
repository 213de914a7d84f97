// SPDX-License-Identifier: Apache-2.0

package second

// lifetimes are the lives of processes, or of threads.
func lifetimes(r *recording, by string) (rows [][]any) {
	if by == "thread" {
		return threadLives(r)
	}
	for id := range r.people {
		for _, s := range r.people[id] {
			if s.pid == id.tid { // a first thread
				if row := r.life(id); row != nil {
					rows = append(rows, row)
				}
				break
			}
		}
	}
	return rows
}

// life is the row of a process; nil: it has none.
func (r *recording) life(id identity) []any {
	var all []saying
	for _, s := range r.people[id] {
		if s.at <= r.to && s.pid == id.tid && s.kind != "thread_start" && s.kind != "thread_exit" {
			all = append(all, s)
		}
	}
	exit := r.exitOf(id)
	older := id.start < r.first() || r.from > 0 && id.start <= r.from
	if len(all) == 0 || all[0].kernel && older {
		return nil
	}
	first, last := all[0], all[len(all)-1]
	row := []any{uint64(id.tid), nil, uint64(first.ppid), nil, last.comm, nil, uint64(0), nil, id.start, uint64(max(0, r.last()-id.start)), nil, nil, nil, "running", bit(older)}
	if last.ppid != first.ppid {
		row[3] = uint64(last.ppid)
	}
	for _, s := range all {
		if s.reason == "exiting" {
			if s.at <= r.from {
				return nil
			}
			row[9], row[13] = uint64(max(0, s.at-id.start)), "exited"
		}
	}
	for _, e := range r.of("exec") {
		if (identity{e.id("tid"), e.i("start")}) == id {
			row[5], row[7] = e.s("filename"), r.args(e)
			if r.counts(e.at) {
				row[6] = row[6].(uint64) + 1
			}
		}
	}
	if exit != nil {
		if !r.counts(exit.at) {
			return nil
		}
		row[9], row[10], row[11], row[13] = exit.n("lifetime_ns"), exit.n("exit_code"), exit.n("signal"), "exited"
	}
	row[12] = r.lifeCPU(id, older, exit)
	row[14] = uint64(row[14].(int))
	return row
}

// exitOf is the exit of a process; nil: none up to the end of the span.
func (r *recording) exitOf(id identity) *event {
	for _, e := range r.of("exit") {
		if (identity{e.id("tid"), e.i("start")}) == id {
			return e
		}
	}
	return nil
}

// lifeCPU is the CPU time since a process started. Of one that is older than the
// recording the threads that ended before are missing, which its exit knows.
func (r *recording) lifeCPU(id identity, older bool, exit *event) any {
	used, before, some := uint64(0), uint64(0), false
	for thread, series := range r.series() {
		if r.processOf(thread, series[0].id("pid")) == id {
			some = true
			used += total(series, "cpu_time_ns")
		}
	}
	for thread, all := range r.people {
		if r.processOf(thread, all[0].pid) == id {
			before += r.snapshotCPU(thread)
		}
	}
	told := uint64(0)
	if exit != nil {
		told = exit.n("total_cpu_ns")
	}
	switch {
	case older:
		return max(used+before, told)
	case some:
		return used
	case exit != nil:
		return told
	}
	return nil
}

func (r *recording) snapshotCPU(id identity) uint64 {
	for _, e := range r.of("task") {
		if why := e.s("reason"); (identity{e.id("tid"), e.i("start")}) == id && (why == "snapshot" || why == "exiting") {
			return e.n("total_cpu_ns")
		}
	}
	return 0
}
