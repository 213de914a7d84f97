// SPDX-License-Identifier: Apache-2.0

package second

import "fmt"

// runqlat are the waits for a CPU by row.
func runqlat(r *recording, by string) (rows [][]any) {
	type key struct {
		pid, tid uint32
		start    int64
		name     string
	}
	waits, names := map[key]durations{}, map[key]any{}
	for _, s := range r.stays() {
		if s.tid == 0 || s.first || s.broken || !r.counts(s.to) {
			continue
		}
		id, known := r.who(s.tid, s.to)
		k, name := key{tid: s.tid}, any("")
		if known {
			now := r.people.at(id, s.to)
			leader, led := r.leader(id, s.to)
			k = key{pid: now.pid}
			switch {
			case by == "thread":
				k = key{pid: now.pid, tid: id.tid, start: id.start}
				name = r.people.at(id, r.last()).comm
			case led:
				k.start = leader.start
				name = r.people.at(leader, r.last()).comm
			case names[k] == nil:
				name = now.comm
			default:
				name = names[k]
			}
			if !led {
				leader = id
			}
			switch by {
			case "comm":
				k = key{name: r.people.at(leader, r.last()).comm}
				name = k.name
			case "cgroup":
				k = key{name: r.cgroup(r.people.at(leader, s.to).cgroup, s.to)}
				name = k.name
			}
		} else if by == "comm" {
			k = key{}
		} else if by == "cgroup" {
			k = key{name: "cgroup 0"}
			name = k.name
		}
		if by == "cpu" {
			k = key{name: fmt.Sprint("CPU ", s.cpu)}
			name = k.name
		}
		waits[k], names[k] = append(waits[k], s.wait), name
	}
	for k, d := range waits {
		rows = append(rows, []any{some(k.pid), some(k.tid), names[k], uint64(len(d)), d.sum(), d.average(), d.rank(50), d.rank(90), d.rank(99), d.rank(100)})
	}
	return rows
}

// some is nil for 0.
func some(n uint32) any {
	if n == 0 {
		return nil
	}
	return uint64(n)
}

// cgroup is the path of a cgroup, as far as it was told by then.
func (r *recording) cgroup(id uint64, at int64) string {
	path := fmt.Sprint("cgroup ", id)
	for _, e := range r.of("cgroup_path") {
		if e.n("cgroup_id") == id && e.at <= at {
			path = e.s("cgroup")
		}
	}
	return path
}
