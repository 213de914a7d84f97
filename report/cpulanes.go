// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"

	"github.com/ebrec/ebrec/replay"
)

// How finely a CPU's time is divided: mostBuckets of it at most, and less when
// many CPUs have mostBucketCells together.
const (
	mostBuckets     = 8192
	leastBuckets    = 256
	mostBucketCells = 1 << 18
	overflow        = 4 // times mostBucketCells are the most that there are
	coarser         = 4 // a level has so many times fewer buckets than the next finer one
)

// topProcesses is how many processes a bucket names; the others are a rest.
const topProcesses = 3

// bucket is who had a CPU within a bucket: those who had it longest.
type bucket struct {
	proc [topProcesses]int32
	ns   [topProcesses]int64
	busy int64 // ns of all
}

// use is time of a process on a CPU.
type use struct {
	proc int32
	ns   int64
}

// cpuLanes divide the time of CPUs into buckets, at levels of which each is
// coarser than the one before it.
type cpuLanes struct {
	widths  []int64 // of a bucket by level, ns, finest first
	counts  []int   // of buckets by level
	byCPU   replay.ByNumber[cpuLane]
	n, more int // CPUs, and those that have no lane
}

// cpuLane is one CPU. Its buckets are filled in time order.
type cpuLane struct {
	levels [][]bucket
	open   []openBucket // of each level
}

// openBucket is the bucket that time is being given to.
type openBucket struct {
	at   int
	uses []use
}

func newCPULanes(ns int64, cpus int) cpuLanes {
	n := mostBuckets
	for n > leastBuckets && n*cpus > mostBucketCells {
		n /= 2
	}
	var l cpuLanes
	for ; n >= leastBuckets; n /= coarser {
		width := max(1, (ns+int64(n)-1)/int64(n))
		l.widths = append(l.widths, width)
		l.counts = append(l.counts, int((ns+width-1)/width))
	}
	return l
}

func (l *cpuLanes) lane(cpu int) *cpuLane {
	c := l.byCPU.Get(uint32(cpu))
	if c != nil {
		return c
	}
	c = &cpuLane{}
	l.byCPU.Set(uint32(cpu), c)
	if l.n == mostCPULanes || (l.n+1)*l.counts[0] > overflow*mostBucketCells { // a capture may have more than it says

		l.more++
		return c
	}
	l.n++
	c.open = make([]openBucket, len(l.widths))
	for _, n := range l.counts {
		c.levels = append(c.levels, make([]bucket, n))
	}
	return c
}

// add gives a process the time of a CPU from one instant to another. They come
// in time order.
func (l *cpuLanes) add(cpu int, proc int32, from, to int64) {
	c := l.lane(cpu)
	if len(c.levels) == 0 {
		return
	}
	width, open := l.widths[0], &c.open[0]
	for from < to {
		i := int(from / width)
		if i >= l.counts[0] {
			return
		}
		if i != open.at {
			l.shut(c, 0)
			open.at = i
		}
		end := min(to, int64(i+1)*width)
		if n := len(open.uses); n > 0 && open.uses[n-1].proc == proc {
			open.uses[n-1].ns += end - from
		} else {
			open.take(use{proc, end - from})
		}
		from = end
	}
}

// mostUses is how many uses are kept before those of one process are added up.
const mostUses = 4096

func (o *openBucket) take(u use) {
	if o.uses = append(o.uses, u); len(o.uses)%mostUses == 0 {
		o.sum()
	}
}

// sum adds up by process.
func (o *openBucket) sum() {
	slices.SortFunc(o.uses, func(a, b use) int { return cmp.Compare(a.proc, b.proc) })
	n := 0
	for _, u := range o.uses {
		if n > 0 && o.uses[n-1].proc == u.proc {
			o.uses[n-1].ns += u.ns
			continue
		}
		o.uses[n] = u
		n++
	}
	o.uses = o.uses[:n]
}

// shut writes the open bucket of a level, and gives what is in it to the next
// coarser one.
func (l *cpuLanes) shut(c *cpuLane, level int) {
	open := &c.open[level]
	if len(open.uses) == 0 {
		return
	}
	open.sum()
	if level+1 < len(l.widths) {
		up := &c.open[level+1]
		at := min(int(int64(open.at)*l.widths[level]/l.widths[level+1]), l.counts[level+1]-1)
		if at != up.at {
			l.shut(c, level+1)
			up.at = at
		}
		for _, u := range open.uses {
			up.take(u)
		}
	}
	c.levels[level][open.at] = top(open.uses)
	open.uses = open.uses[:0]
}

// top names those who had most.
func top(uses []use) (b bucket) {
	for _, u := range uses {
		b.busy += u.ns
		for i := range b.ns {
			if u.ns > b.ns[i] {
				copy(b.ns[i+1:], b.ns[i:])
				copy(b.proc[i+1:], b.proc[i:])
				b.ns[i], b.proc[i] = u.ns, u.proc
				break
			}
		}
	}
	return b
}

// end shuts everything.
func (l *cpuLanes) end() {
	for _, cpu := range l.byCPU.Numbers() {
		if c := l.byCPU.Get(cpu); len(c.levels) > 0 {
			for level := range l.widths {
				l.shut(c, level)
			}
		}
	}
}
