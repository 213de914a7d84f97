// SPDX-License-Identifier: Apache-2.0

package second

// series are the rows of sums of each thread.
func (r *recording) series() map[identity][]*event {
	all := map[identity][]*event{}
	for _, e := range r.of("task_sum") {
		id := identity{e.id("tid"), e.i("start")}
		all[id] = append(all[id], e)
	}
	return all
}

// total is what a column of a thread's rows adds up to: the rows are cumulative,
// and a new series begins behind one that exited.
func total(rows []*event, column string) (n uint64) {
	for i, e := range rows {
		if i == len(rows)-1 || e.n("exited") != 0 {
			n += e.n(column)
		}
	}
	return n
}

// processOf is the first thread of the process that a thread was of: the one that
// had the process's number while the thread lived. Where no row tells of it, only
// the number is known.
func (r *recording) processOf(id identity, pid uint32) identity {
	if id.tid == pid {
		return id
	}
	best := identity{tid: pid}
	for leader, all := range r.people {
		if leader.tid == pid && all[0].pid == pid && leader.start <= id.start && leader.start > best.start {
			best = leader
		}
	}
	return best
}
