// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// mostRows is how many rows of many captures are kept of a table, the first in the
// order that they are shown in: memory is bounded however many captures there are.
const mostRows = 100_000

// mostWords is how many different texts are kept once only.
const mostWords = 100_000

// gather puts the rows of captures together, in whatever order they come: what comes
// out is the same. Its methods may be called by several goroutines.
type gather struct {
	mu     sync.Mutex
	f      *fleet
	tables map[string]*gathered // by title
	own    []string             // titles of tables that are left out
	sums   map[string]*summed   // by host
	chosen []int                // by assertion: how many rows it was about
	sort   int                  // column; -1: rows are in the order that captures have them in
	done   int64                // captures
	words  map[string]Value
}

// gathered is a table on its way.
type gathered struct {
	title  string
	place  int // among the tables of a capture
	rows   []placed
	hidden int
}

// placed is a row with where it comes from, which decides among equals.
type placed struct {
	row        []Value
	member, at int
}

// summed is a host on its way.
type summed struct {
	sum      sum
	captures uint64
	recorded uint64 // ns
}

func newGather(f *fleet) (*gather, error) {
	g := &gather{f: f, tables: map[string]*gathered{}, sums: map[string]*summed{}, chosen: make([]int, len(f.many.Assert)), sort: -1, words: map[string]Value{}}
	if f.options.Tree || f.options.Interval > 0 {
		return g, nil
	}
	by := f.analysis.Sort
	if f.many.By != "" {
		by = wholes[f.analysis.Name].sort
	}
	var err error
	g.sort, err = indexOf(f.columns, cmp.Or(f.options.Sort, by))
	return g, err
}

// add takes the tables of a capture.
func (g *gather) add(m *member, tables []Table) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for place := range tables {
		t := &tables[place]
		if t.Own {
			if !slices.Contains(g.own, t.Title) {
				g.own = append(g.own, t.Title)
			}
			continue
		}
		for i, row := range t.Rows {
			t.Rows[i] = g.prefixed(row, m.Host, m.Name)
		}
		g.keep(t.Title, place, m, t.Rows, t.Hidden)
	}
	g.count()
}

// prefixed is a row with cells in front. Texts that are the same are kept once.
func (g *gather) prefixed(row []Value, front ...Value) []Value {
	row = slices.Concat(front, row)
	for i, v := range row {
		s, ok := v.(string)
		if !ok {
			continue
		}
		if known, ok := g.words[s]; ok {
			row[i] = known
		} else if len(g.words) < mostWords {
			g.words[s] = v
		}
	}
	return row
}

// keep adds rows to a table, or those that do not meet an assertion to one for it.
func (g *gather) keep(title string, place int, m *member, rows [][]Value, hidden int) {
	if len(g.f.many.Assert) == 0 {
		g.table(title, place).take(g, m.Index, rows, hidden)
		return
	}
	for i, a := range g.f.many.Assert {
		chosen, failed := a.judge(rows)
		g.chosen[i] += chosen
		if len(failed) > 0 {
			g.table(a.failedTitle(), i).take(g, m.Index, failed, 0)
		}
	}
}

func (g *gather) table(title string, place int) *gathered {
	t := g.tables[title]
	if t == nil {
		t = &gathered{title: title, place: place}
		g.tables[title] = t
	}
	return t
}

// count tells that one more capture is done.
func (g *gather) count() {
	if g.done++; g.f.many.Progress != nil {
		g.f.many.Progress(g.done, int64(len(g.f.members)))
	}
}

func (t *gathered) take(g *gather, member int, rows [][]Value, hidden int) {
	from := len(t.rows)
	for i, row := range rows {
		t.rows = append(t.rows, placed{row, member, from + i})
	}
	t.hidden += hidden
	if limit := g.limit(); len(t.rows) > limit+limit/4+1000 {
		t.cut(g, limit)
	}
}

// limit is how many rows of a table are kept.
func (g *gather) limit() int {
	if top := g.f.options.Top; top > 0 && g.sort >= 0 {
		return min(top, mostRows)
	}
	return mostRows
}

// cut sorts the rows and leaves out those behind the first n.
func (t *gathered) cut(g *gather, n int) {
	column := &g.f.columns[max(g.sort, 0)]
	rising := column.Unit == unitInstant || column.Unit == ""
	slices.SortFunc(t.rows, func(a, b placed) int {
		c := 0
		if g.sort >= 0 {
			c = compare(a.row[g.sort], b.row[g.sort], rising)
		}
		return cmp.Or(c, cmp.Compare(a.member, b.member), cmp.Compare(a.at, b.at))
	})
	if len(t.rows) > n {
		t.hidden += len(t.rows) - n
		clear(t.rows[n:])
		t.rows = t.rows[:n]
	}
}

// sum adds what a capture is added up to its host, or makes a row of it.
func (g *gather) sum(m *member, s sum) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count()
	ns := m.Capture.DurationNS
	if g.f.many.By == "capture" {
		g.keep("Captures", 0, m, [][]Value{append([]Value{m.Host, m.Name, ns}, s.values(ns)...)}, 0)
		return
	}
	h := g.sums[m.Host]
	if h == nil {
		g.sums[m.Host] = &summed{s, 1, ns}
		return
	}
	h.sum.add(s)
	h.captures++
	h.recorded += ns
}

// result are the tables, in the order of those of one capture.
func (g *gather) result() ([]Table, error) {
	for i, host := range slices.Sorted(maps.Keys(g.sums)) {
		h := g.sums[host]
		row := append([]Value{host, h.captures, h.recorded}, h.sum.values(h.recorded)...)
		g.keep("Hosts", 0, &member{Member: Member{Index: i}}, [][]Value{row}, 0)
	}
	for i, n := range g.chosen {
		if n == 0 {
			return nil, g.f.many.Assert[i].about()
		}
	}
	all := slices.SortedFunc(maps.Values(g.tables), func(a, b *gathered) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.title, b.title))
	})
	var tables []Table
	for _, t := range all {
		t.cut(g, g.limit())
		table := Table{Title: t.title, Columns: g.f.columns, Hidden: t.hidden}
		for _, p := range t.rows {
			table.Rows = append(table.Rows, p.row)
		}
		if t.hidden > 0 && len(t.rows) == mostRows {
			table.Notes = append(table.Notes, fmt.Sprintf("%d further rows of %q are not kept: fewer captures at a time have fewer.", t.hidden, t.title))
		}
		tables = append(tables, table)
	}
	return tables, nil
}
