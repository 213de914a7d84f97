// SPDX-License-Identifier: Apache-2.0

package dataset

import "github.com/ebrec/ebrec/format"

// fill says which names of threads the rows of a kind lack.
type fill struct {
	comm   bool // of tid, in column comm
	sides  bool // of tid and next_tid
	woken  bool // of woken_tid
	idle   bool // tid 0 is the idle task, not an unknown one
	starts bool // the row says when the task started
}

func newFill(k *format.Kind) fill {
	has := func(name string) bool { return k.Field(name) != nil }
	f := fill{sides: has("next_tid"), woken: has("woken_tid"), idle: !has(format.ColumnPID), starts: has("start")}
	f.comm = has(format.ColumnTID) && !has(columnComm) && !f.sides
	return f
}

// namings is how many columns of names there are.
const namings = 4

// A naming finds the names of a column of names.
type naming struct {
	names    *names
	number   int        // of namings: each writes to a place of its own in a holder
	tid      format.Col // whose
	own      format.Col // that a row has itself
	fills    map[*format.Kind]fill
	concerns func(fill) bool

	kind *format.Kind // the last, and what is so of it
	fill fill
	asks bool
}

func newNaming(c *format.Capture, n *names, number int, tid string, concerns func(fill) bool) *naming {
	a := &naming{names: n, number: number, tid: c.Col(tid), own: format.NoCol, fills: map[*format.Kind]fill{}, concerns: concerns}
	kinds := c.Kinds()
	for i := range kinds {
		a.fills[&kinds[i]] = newFill(&kinds[i])
	}
	return a
}

// of sets what is so of a kind.
func (a *naming) of(k *format.Kind) {
	if k != a.kind {
		a.kind, a.fill = k, a.fills[k]
		a.asks = a.concerns(a.fill)
	}
}

// write appends the names of a batch to a chunk.
func (a *naming) write(c *chunk, b *format.Batch) {
	w, said := &c.words, b.Count(a.own) > 0
	if k := b.Alone(); k != nil && !said {
		if a.of(k); !a.asks {
			w.none(b.Len())
			return
		}
	}
	group := c.table.number()
	for i := range b.Len() {
		if said && !b.Null(a.own, i) {
			w.add(w.code(b.Str(a.own, i)))
			continue
		}
		a.of(b.Kind(i))
		h := a.find(b, i)
		if h == nil {
			w.none(1)
			continue
		}
		known := &h.codes[a.number]
		if known.group != group {
			*known = coded{group, w.code(h.comm)}
		}
		w.add(known.code)
	}
}

// find is who a row is about, nil for nobody that is known.
func (a *naming) find(b *format.Batch, i int) *holder {
	if !a.asks || b.Null(a.tid, i) {
		return nil
	}
	tid := uint32(b.Uint(a.tid, i))
	if a.fill.idle {
		if tid == 0 {
			return &a.names.idle
		}
		return a.names.find(tid, b.Time(i))
	}
	h := a.names.find(tid, b.Time(i))
	if h == nil || uint64(h.pid) != b.Uint(a.names.pid, i) || a.fill.starts && h.start != b.Int(a.names.start, i) {
		return nil
	}
	return h
}
