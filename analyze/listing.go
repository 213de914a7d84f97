// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"slices"
)

// mostListed is how many events a list has, and mostNames how many names are
// told apart in a summary: memory is bounded whatever a capture holds.
const (
	mostListed = 100_000
	mostNames  = 100_000
	otherNames = "(others)"
)

// listing is a table of events, the first mostListed of them.
type listing struct {
	rows [][]Value
	more int
}

func (l *listing) add(row ...Value) {
	if len(l.rows) == mostListed {
		l.more++
		return
	}
	l.rows = append(l.rows, row)
}

func (l *listing) table(title string, columns []ColumnSpec, kind string) Table {
	t := Table{Title: title, Columns: columns, Rows: l.rows}
	if l.more > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d later events are not listed; ebrec replay --kind %s has them, and the other tables count them.", l.more, kind))
	}
	return t
}

// tally counts by name.
type tally map[string]*tallied

type tallied struct {
	count, failed, ns uint64
}

func (t tally) add(name string, ns uint64, failed bool) {
	if t[name] == nil {
		if len(t) >= mostNames {
			name = otherNames
		}
		if t[name] == nil {
			t[name] = &tallied{}
		}
	}
	n := t[name]
	n.count++
	n.ns += ns
	n.failed += uint64(boolInt(failed))
}

// tallyRows is how many rows the table of a tally has.
const tallyRows = 10

// table has the names that came most often. Of equals those come first whose other
// figures are larger, so that what is shown but for names does not depend on names.
func (t tally) table(title string, columns []ColumnSpec) Table {
	out := Table{Title: title, Columns: columns, Own: true}
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	shown := len(columns) - 1
	slices.SortFunc(names, func(a, b string) int {
		one, two := t[a].figures(), t[b].figures()
		return cmp.Or(slices.Compare(two[:shown], one[:shown]), cmp.Compare(a, b))
	})
	out.Hidden = max(0, len(names)-tallyRows)
	for _, name := range names[:min(len(names), tallyRows)] {
		row := []Value{name}
		figures := t[name].figures()
		for _, figure := range figures[:shown] {
			row = append(row, figure)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// figures are those of a name's row, of which tables show the first ones.
func (n *tallied) figures() [3]uint64 { return [3]uint64{n.count, n.failed, n.ns / n.count} }
