// SPDX-License-Identifier: Apache-2.0

package second

// threadLives are the lives of the threads of processes that have rows.
func threadLives(r *recording) (rows [][]any) {
	for id, all := range r.people {
		first := all[0]
		if first.at > r.to {
			continue
		}
		process := r.processOf(id, first.pid)
		life := r.life(process)
		over := r.overOf(id, process)
		if life == nil || over != 0 && over <= r.from {
			continue
		}
		row := append([]any{}, life...)
		row[1], row[12] = uint64(id.tid), r.threadCPU(id)
		if id != process {
			copy(row[4:9], []any{r.people.at(id, r.to).comm, nil, nil, nil, id.start})
			row[10], row[11], row[14] = nil, nil, uint64(bit(id.start < r.first() || r.from > 0 && id.start <= r.from))
		}
		switch end := process.start + int64(life[9].(uint64)); {
		case over != 0 && life[13] == "running" || over != 0 && over < end:
			row[9], row[13] = uint64(max(0, over-id.start)), "exited"
		default: // with its process
			row[9] = uint64(max(0, end-id.start))
		}
		rows = append(rows, row)
	}
	return rows
}

// overOf is when a thread exited, or its process executed a file, which only the first
// thread outlives: whoever did it gave its number up for that. 0: it did not. So a
// first thread that had exited is there again.
func (r *recording) overOf(id, process identity) (at int64) {
	for _, e := range r.of("thread_exit", "exec") {
		switch who := (identity{e.id("tid"), e.i("start")}); {
		case e.kind == "exec" && who == id:
			at = 0
		case at == 0 && (e.kind == "thread_exit" && who == id || e.kind == "exec" && who == process && e.at > id.start):
			at = e.at
		}
	}
	return at
}

// threadCPU is a thread's own CPU time since it started; nil: it had none.
func (r *recording) threadCPU(id identity) any {
	n := r.snapshotCPU(id)
	series := r.series()[id]
	if n += total(series, "cpu_time_ns"); n == 0 && len(series) == 0 {
		return nil
	}
	return n
}
