// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"math/bits"
	"slices"
)

// group is the pending rows of one series of batches.
type group struct {
	keys   []key
	sorted bool // keys are in time order
	taken  int  // keys given out by take since the last forget
}

// add notes a row, with its time raised to floor; it tells whether that was
// needed.
func (g *group) add(k key, floor uint64) (late bool) {
	if late = k.time < floor; late {
		k.time = floor
	}
	if n := len(g.keys); n == 0 {
		g.sorted = true
	} else if k.time < g.keys[n-1].time {
		g.sorted = false
	}
	g.keys = append(g.keys, k)
	return late
}

// edge is the time up to which a batch can be filled when there are more rows
// up to until than one batch holds; full is false when there are not. Rows of
// one instant stay together.
func (g *group) edge(until uint64) (edge uint64, full bool) {
	if len(g.keys) <= batchRows || g.keys[batchRows].time > until {
		return until, false
	}
	next := g.keys[batchRows].time
	i, _ := slices.BinarySearchFunc(g.keys[:batchRows], next, func(k key, t uint64) int { return cmp.Compare(k.time, t) })
	if i == 0 { // more of one instant than a batch should hold
		return next, true
	}
	return g.keys[i-1].time, true
}

// take returns the sorted keys up to a time. They are valid until forget.
func (g *group) take(until uint64) []key {
	g.taken, _ = slices.BinarySearchFunc(g.keys, until, func(k key, t uint64) int {
		if k.time <= t {
			return -1
		}
		return 1
	})
	return g.keys[:g.taken]
}

// forget drops what take returned.
func (g *group) forget(a *arena) {
	for i := range g.keys[:g.taken] {
		a.forget(g.keys[i].at)
	}
	g.keys = g.keys[:copy(g.keys, g.keys[g.taken:])]
	g.taken = 0
}

// sorter puts keys in time order; equal times keep the order of adding. It
// keeps its scratch memory.
type sorter struct{ spare []key }

const (
	digitBits = 11
	fewKeys   = 512
)

func (s *sorter) sort(keys []key) {
	if len(keys) < fewKeys {
		slices.SortStableFunc(keys, func(a, b key) int { return cmp.Compare(a.time, b.time) })
		return
	}
	least, most := keys[0].time, keys[0].time
	for i := range keys {
		least, most = min(least, keys[i].time), max(most, keys[i].time)
	}
	if cap(s.spare) < len(keys) {
		s.spare = make([]key, len(keys)+len(keys)/4)
	}
	// Least significant digit first: rows of some seconds take three passes.
	from, to := keys, s.spare[:len(keys)]
	for shift := 0; shift < bits.Len64(most-least); shift += digitBits {
		byDigit(to, from, least, shift)
		from, to = to, from
	}
	if &from[0] != &keys[0] {
		copy(keys, from)
	}
}

func byDigit(to, from []key, least uint64, shift int) {
	var next [1 << digitBits]int
	for i := range from {
		next[(from[i].time-least)>>shift&(1<<digitBits-1)]++
	}
	sum := 0
	for d, n := range next {
		next[d] = sum
		sum += n
	}
	for i := range from {
		d := (from[i].time - least) >> shift & (1<<digitBits - 1)
		to[next[d]] = from[i]
		next[d]++
	}
}
