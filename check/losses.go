// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// mostSpans is how many spans are kept for a source and CPU; beyond that the
// last one grows, which excuses more than it should.
const mostSpans = 4096

// losses are what the loss rows say. They come behind what they tell of, so
// they are read first.
type losses struct {
	total    uint64
	by       map[cause]uint64
	spans    map[place][]span
	earliest map[string]int64 // by source, when the first span begins of what a recorder lost
	unseen   uint64           // of the total, never handed to the recorder
}

type cause struct{ source, reason string }

type place struct {
	source string
	cpu    int
}

// span is a time in which events may be missing, both ends included.
type span struct{ from, to int64 }

func readLosses(c *format.Capture) (*losses, error) {
	l := &losses{by: map[cause]uint64{}, spans: map[place][]span{}, earliest: map[string]int64{}}
	if c.Kind("loss") == nil {
		return l, nil
	}
	cpu, lost, since := c.Col(format.ColumnCPU), c.Col("lost"), c.Col("since")
	source, reason := c.Col("loss_source"), c.Col("loss_reason")
	for b, err := range c.Batches(format.Scan{Kinds: []string{"loss"}, Columns: []format.Col{cpu, lost, since, source, reason}}) {
		if err != nil {
			return l, err
		}
		for i := range b.Len() {
			l.total += b.Uint(lost, i)
			why := cause{b.Str(source, i), b.Str(reason, i)}
			l.by[why] += b.Uint(lost, i)
			at, s := place{why.source, int(b.Uint(cpu, i))}, span{b.Int(since, i), b.Time(i)}
			if why.reason == replay.UnseenReason {
				l.unseen += b.Uint(lost, i)
			}
			if why.reason == replay.UnseenReason && at.cpu != replay.AnyCPU {
				l.keep(at, s)
			} else {
				l.add(at, s)
			}
		}
	}
	return l, nil
}

// add notes the span of a loss. The counters are read a little after the time
// that the row carries, and the program that counts may be a little ahead of
// what it counts: so the events may belong to the interval before or after,
// which are about as long as this one.
func (l *losses) add(at place, s span) {
	slack := max(0, s.to-s.from)
	s = span{s.from - slack, s.to + slack}
	if first, ok := l.earliest[at.source]; !ok || s.from < first {
		l.earliest[at.source] = s.from
	}
	l.keep(at, s)
}

// keep notes a span that is exact.
func (l *losses) keep(at place, s span) {
	all := l.spans[at]
	if n := len(all); n > 0 && (s.from <= all[n-1].to || n == mostSpans) {
		all[n-1] = span{min(s.from, all[n-1].from), max(s.to, all[n-1].to)}
		return
	}
	l.spans[at] = append(all, s)
}

// between tells whether events of a source on a CPU may be missing between two
// instants.
func (l *losses) between(source string, cpu int, from, to int64) bool {
	for _, at := range []place{{source, cpu}, {source, replay.AnyCPU}} {
		if slices.ContainsFunc(l.spans[at], func(s span) bool { return s.from <= to && s.to >= from }) {
			return true
		}
	}
	return false
}

// before tells whether events of a source may be missing up to an instant.
func (l *losses) before(t int64, sources ...string) bool {
	for _, s := range sources {
		if first, ok := l.earliest[s]; ok && first <= t {
			return true
		}
	}
	return false
}

// ever tells whether a source lost anything.
func (l *losses) ever(sources ...string) bool { return l.before(math.MaxInt64, sources...) }

// String lists what was lost: "12 sched ring_full, 3 cpu map_full".
func (l *losses) String() string {
	var parts []string
	for _, why := range slices.SortedFunc(maps.Keys(l.by), func(a, b cause) int {
		return strings.Compare(a.source+" "+a.reason, b.source+" "+b.reason)
	}) {
		parts = append(parts, fmt.Sprintf("%d %s %s", l.by[why], why.source, why.reason))
	}
	return strings.Join(parts, ", ")
}
