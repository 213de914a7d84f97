// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"container/heap"
	"math/bits"
	"slices"
)

// heatColumns is how many parts of the recording the heatmap has.
const heatColumns = 120

// heatRows is a row for 0, and one for each power of two, as in the table of
// waits by length.
const heatRows = 65

// heatmap counts waits by when they ended and how long they were.
type heatmap struct {
	width  int64
	counts [][heatRows]uint64
}

func newHeatmap(ns int64) heatmap {
	width := max(1, (ns+heatColumns-1)/heatColumns)
	return heatmap{width, make([][heatRows]uint64, (ns+width-1)/width)}
}

func (h *heatmap) add(at int64, wait uint64) { h.counts[at/h.width][bits.Len64(wait)]++ }

// mostMarks is how many beginnings, executions and ends the timeline has.
const mostMarks = 20_000

type mark struct {
	lane *processLane
	at   int64
	kind string
	text string
}

// marks are the first of those that came.
type marks struct {
	all  []mark
	more int
}

func (m *marks) add(lane *processLane, at int64, kind, text string) {
	if len(m.all) == mostMarks {
		m.more++
		return
	}
	m.all = append(m.all, mark{lane, at, kind, text})
}

// mostTurns is how many parts of TCP turns the timeline has.
const mostTurns = 15_000

// turn is a part of a turn of a TCP connection.
type turn struct {
	lane     *processLane
	kind     string
	from, to int64
	ns       int64
}

// turns are the longest of those that came.
type turns struct {
	all  byLength
	more int
}

func (t *turns) add(one turn) {
	if len(t.all) < mostTurns {
		heap.Push(&t.all, one)
		return
	}
	t.more++
	if one.ns > t.all[0].ns {
		t.all[0] = one
		heap.Fix(&t.all, 0)
	}
}

// longest are the longest so many, in time order.
func (t *turns) longest(most int) []turn {
	all := slices.Clone(t.all)
	inTime := func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.lane.proc, b.lane.proc), cmp.Compare(a.kind, b.kind))
	}
	slices.SortFunc(all, func(a, b turn) int { return cmp.Or(cmp.Compare(b.ns, a.ns), inTime(a, b)) })
	all = all[:min(len(all), most)]
	slices.SortFunc(all, inTime)
	return all
}

// byLength is a heap of which the shortest turn comes first.
type byLength []turn

func (h byLength) Len() int           { return len(h) }
func (h byLength) Less(i, j int) bool { return h[i].ns < h[j].ns }
func (h byLength) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byLength) Push(x any)        { *h = append(*h, x.(turn)) }
func (h *byLength) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
