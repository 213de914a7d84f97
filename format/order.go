// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// row is a raw record that waits to be written.
type row struct {
	time uint64 // boot time
	raw  []byte
	kind int // index in the layout
}

// group is the pending rows of one series of batches.
type group struct {
	rows   []row
	arena  []byte
	sorted bool // rows are in time order
	taken  int  // rows given out by take since the last forget
}

const arenaSize = 1 << 20

// add copies a record in, with its time raised to floor; it tells whether that
// was needed.
func (g *group) add(record []byte, kind int, floor uint64) (late bool) {
	if cap(g.arena)-len(g.arena) < len(record) {
		g.arena = make([]byte, 0, max(arenaSize, len(record)))
	}
	at := len(g.arena)
	g.arena = append(g.arena, record...)
	r := row{time: binary.LittleEndian.Uint64(record[rawTimeAt:]), raw: g.arena[at:len(g.arena):len(g.arena)], kind: kind}
	if late = r.time < floor; late {
		r.time = floor
	}
	if n := len(g.rows); n == 0 {
		g.sorted = true
	} else if r.time < g.rows[n-1].time {
		g.sorted = false
	}
	g.rows = append(g.rows, r)
	return late
}

// sort puts the rows in time order; equal times keep the order of adding.
func (g *group) sort() {
	if !g.sorted {
		slices.SortStableFunc(g.rows, func(a, b row) int { return cmp.Compare(a.time, b.time) })
		g.sorted = true
	}
}

// edge is the time up to which a batch can be filled when there are more rows
// up to until than one batch holds; full is false when there are not. Rows of
// one time stay in one window.
func (g *group) edge(until uint64) (edge uint64, full bool) {
	if len(g.rows) <= batchRows || g.rows[batchRows].time > until {
		return until, false
	}
	cut := g.rows[batchRows].time
	i, _ := slices.BinarySearchFunc(g.rows[:batchRows], cut, func(r row, t uint64) int { return cmp.Compare(r.time, t) })
	if i == 0 { // more of one instant than a batch holds
		return cut, true
	}
	return g.rows[i-1].time, true
}

// take returns the sorted rows up to a time. They are valid until forget.
func (g *group) take(until uint64) []row {
	g.taken, _ = slices.BinarySearchFunc(g.rows, until, func(r row, t uint64) int {
		if r.time <= t {
			return -1
		}
		return 1
	})
	return g.rows[:g.taken]
}

// forget drops what take returned.
func (g *group) forget() {
	n := copy(g.rows, g.rows[g.taken:])
	clear(g.rows[n:])
	g.rows = g.rows[:n]
	g.taken = 0
	if n == 0 {
		g.arena = g.arena[:0]
	}
}
