// SPDX-License-Identifier: Apache-2.0

package second

// tallied is what is counted by name.
type tallied struct{ n, failed, ns uint64 }

// tally counts rows of a kind within the span by a name; nil: a row does not count.
func (r *recording) tally(kind string, name func(e *event) any) map[any]*tallied {
	all := map[any]*tallied{}
	for _, e := range r.of(kind) {
		k := name(e)
		if !r.counts(e.at) || k == nil {
			continue
		}
		if all[k] == nil {
			all[k] = &tallied{}
		}
		all[k].n++
		all[k].ns += e.n("open_ns")
		if e.i("error") != 0 {
			all[k].failed++
		}
	}
	return all
}

// how many there were.
func counted(all map[any]*tallied) (rows [][]any) {
	for k, n := range all {
		rows = append(rows, []any{k, n.n})
	}
	return rows
}

// taken is how many there were, how many failed and how long they took.
func taken(all map[any]*tallied) (rows [][]any) {
	for k, n := range all {
		rows = append(rows, []any{k, n.n, n.failed, n.ns / n.n})
	}
	return rows
}

func execsByFile(r *recording, _ string) [][]any {
	return counted(r.tally("exec", func(e *event) any { return e.s("filename") }))
}

func execsByParent(r *recording, _ string) [][]any {
	return counted(r.tally("exec", func(e *event) any {
		if id, known := r.who(e.id("ppid"), e.at); known {
			return r.people.at(id, e.at).comm
		}
		return "?"
	}))
}

func opensByPath(r *recording, _ string) [][]any {
	return taken(r.tally("open", func(e *event) any { return e.s("path") }))
}

func opensByName(r *recording, _ string) [][]any {
	return taken(r.tally("open", func(e *event) any { return e.s("comm") }))
}

func opensByError(r *recording, _ string) [][]any {
	return counted(r.tally("open", func(e *event) any {
		if name, failed := errnos[e.i("error")]; failed {
			return name
		}
		return nil
	}))
}
