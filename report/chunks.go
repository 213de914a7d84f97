// SPDX-License-Identifier: Apache-2.0

package report

import (
	"container/heap"
	"math"

	"github.com/ebrec/ebrec/analyze"
)

// How many stays a chunk of time has on average, how many it has at most, how
// many are kept at all, and how many chunks there are at most.
const (
	chunkStays     = 4000
	mostChunkStays = 60_000
	mostStays      = 800_000
	mostChunks     = 1 << 15
)

// slice is one time of a thread on a CPU within a chunk, or that part of it that
// lies before the chunk's end.
type slice struct {
	cpu      uint16
	state    byte // in which it left; 0: it had not
	thread   int32
	from, to int64 // since the recording began
	wait     uint64
}

// chunk is all that happened on CPUs within a part of the recording.
type chunk struct {
	number  int
	slices  []slice
	longest uint64 // wait, ns
	dense   bool   // it had too many to show one by one
}

// chunks keep the slices of the parts of a recording in which threads waited
// longest for a CPU: nobody can look at all of them.
type chunks struct {
	width  int64
	count  int
	now    chunk
	kept   byWait
	stays  int // in those kept
	missed int // chunks that are not
}

func newChunks(ns, switches int64, cpus int) chunks {
	each := int64(max(chunkStays, 8*cpus))
	n := min(max(1, switches/each), mostChunks)
	width := max(1, (ns+n-1)/n)
	return chunks{width: width, count: int((ns + width - 1) / width)}
}

// pass shuts the chunks that end before a stay does. Stays come in the order of
// their ends.
func (c *chunks) pass(l *lanes, s *analyze.Stay) {
	for {
		end := int64(c.now.number+1) * c.width
		if c.now.number >= c.count-1 || s.To-l.span.begin < end {
			return
		}
		c.shut(l, l.span.begin+end, s)
	}
}

// shut ends a chunk: whoever is on a CPU then has the time up to it.
func (c *chunks) shut(l *lanes, until int64, leaving *analyze.Stay) {
	if leaving != nil && !leaving.Broken && leaving.TID != 0 && leaving.From < until {
		c.put(slice{uint16(leaving.CPU), 0, l.running(leaving.TID).thread, leaving.From - l.span.begin, until - l.span.begin, 0})
	}
	l.opened(until, leaving)
	c.keep()
	c.now = chunk{number: c.now.number + 1}
}

// opened puts those who are on CPUs at an instant into the chunk that it ends.
// The CPU that somebody is about to leave has the next one in its seat already.
func (l *lanes) opened(until int64, leaving *analyze.Stay) {
	var left analyze.Stay
	if leaving != nil {
		left = *leaving
	}
	l.stays.Open(until, func(s *analyze.Stay) {
		if s.TID == 0 || s.Broken || s.From >= until || leaving != nil && s.CPU == left.CPU {
			return
		}
		l.chunks.put(slice{uint16(s.CPU), 0, l.running(s.TID).thread, s.From - l.span.begin, until - l.span.begin, 0})
	})
	if leaving != nil {
		*leaving = left // which is where Open tells of others
	}
}

// add takes a stay that ended.
func (c *chunks) add(begin int64, s *analyze.Stay, thread int32, state byte) {
	wait := uint64(0)
	if s.WaitKnown {
		wait = s.Wait
	}
	c.now.longest = max(c.now.longest, wait)
	c.put(slice{uint16(s.CPU), state, thread, s.From - begin, s.To - begin, wait})
}

func (c *chunks) put(s slice) {
	if len(c.now.slices) >= mostChunkStays {
		c.now.dense = true
		return
	}
	c.now.slices = append(c.now.slices, s)
}

// keep keeps the chunk, and forgets others when there are too many.
func (c *chunks) keep() {
	if c.now.dense || c.count == 0 {
		c.missed++
		return
	}
	heap.Push(&c.kept, c.now)
	for c.stays += len(c.now.slices); c.stays > mostStays; c.missed++ {
		c.stays -= len(heap.Pop(&c.kept).(chunk).slices)
	}
}

// end shuts the last chunk.
func (c *chunks) end(l *lanes) {
	for c.now.number < c.count {
		c.shut(l, l.span.begin+min(int64(c.now.number+1)*c.width, l.span.ns()), nil)
	}
	c.now = chunk{number: math.MaxInt}
}

// byWait is a heap of which the chunk with the shortest waits comes first, of
// equals the latest.
type byWait []chunk

func (h byWait) Len() int { return len(h) }
func (h byWait) Less(i, j int) bool {
	if h[i].longest != h[j].longest {
		return h[i].longest < h[j].longest
	}
	return h[i].number > h[j].number
}
func (h byWait) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byWait) Push(x any)   { *h = append(*h, x.(chunk)) }
func (h *byWait) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = chunk{}
	*h = old[:len(old)-1]
	return last
}
