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
	given  int  // keys given out by take since the last forget
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
	g.given, _ = slices.BinarySearchFunc(g.keys, until, func(k key, t uint64) int {
		if k.time <= t {
			return -1
		}
		return 1
	})
	return g.taken()
}

// taken is what take returned.
func (g *group) taken() []key { return g.keys[:g.given] }

// forget drops what take returned.
func (g *group) forget() {
	g.keys = g.keys[:copy(g.keys, g.keys[g.given:])]
	g.given = 0
}

// sorter puts keys in time order; equal times keep the order of adding. It
// keeps its scratch memory.
type sorter struct {
	keys        []key
	from, spare []uint64
}

const (
	digitBits = 11
	digits    = 1 << digitBits
	fewKeys   = 512
)

func (s *sorter) sort(keys []key) {
	if len(keys) < fewKeys {
		sortFew(keys)
		return
	}
	if s.insertRuns(keys) {
		return
	}
	least, most := keys[0].time, keys[0].time
	for i := range keys {
		least, most = min(least, keys[i].time), max(most, keys[i].time)
	}
	indexBits, timeBits := bits.Len(uint(len(keys))), bits.Len64(most-least)
	if indexBits+timeBits > 64 { // hours at once
		sortFew(keys)
		return
	}
	s.resize(len(keys))
	for i := range keys {
		s.from[i] = (keys[i].time-least)<<indexBits | uint64(i)
	}
	// Least significant digit first: rows of some seconds take three passes.
	for shift := indexBits; shift < indexBits+timeBits; shift += digitBits {
		byDigit(s.spare, s.from, shift)
		s.from, s.spare = s.spare, s.from
	}
	copy(s.keys, keys)
	for i, x := range s.from {
		keys[i] = s.keys[x&(1<<indexBits-1)]
	}
}

const (
	mostRun   = 1 << 10
	mostMoves = 12 // of a key, on average: beyond that, digits are faster
)

// insertRuns sorts keys that come in runs that overlap little, as the batches
// of few CPUs do: each run is merged into what is before it, from the end. It
// gives up when that moves too many keys; what it did so far does no harm.
func (s *sorter) insertRuns(keys []key) bool {
	moves := mostMoves * len(keys)
	var run [mostRun]key
	for from := 1; from < len(keys); {
		if keys[from].time >= keys[from-1].time {
			from++
			continue
		}
		to := from + 1
		for to < len(keys) && to-from < mostRun && keys[to].time >= keys[to-1].time {
			to++
		}
		n := copy(run[:], keys[from:to])
		i, end := from-1, to-1
		for n > 0 {
			if i >= 0 && keys[i].time > run[n-1].time {
				keys[end] = keys[i]
				i--
			} else {
				n--
				keys[end] = run[n]
			}
			end--
		}
		if moves -= from - 1 - i; moves < 0 {
			return false
		}
		from = to
	}
	return true
}

func sortFew(keys []key) {
	slices.SortStableFunc(keys, func(a, b key) int { return cmp.Compare(a.time, b.time) })
}

func (s *sorter) resize(n int) {
	if cap(s.from) < n {
		room := n + n/4
		s.from, s.spare, s.keys = make([]uint64, room), make([]uint64, room), make([]key, room)
	}
	s.from, s.spare, s.keys = s.from[:n], s.spare[:n], s.keys[:n]
}

func byDigit(to, from []uint64, shift int) {
	var next [digits]int
	for _, x := range from {
		next[x>>shift&(digits-1)]++
	}
	sum := 0
	for d, n := range next {
		next[d] = sum
		sum += n
	}
	for _, x := range from {
		d := x >> shift & (digits - 1)
		to[next[d]] = x
		next[d]++
	}
}
