// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"iter"
	"math"

	"github.com/ebrec/ebrec/format"
)

// maxGroups bounds a window. The writer makes one group for each hot kind and
// one for the rest; only a damaged file has more.
const maxGroups = 64

// A cursor is the next row of a batch.
type cursor struct {
	batch *format.Batch
	row   int
}

func (c *cursor) done() bool  { return c.row >= c.batch.Len() }
func (c *cursor) time() int64 { return c.batch.Time(c.row) }

// merged ranges over the rows of a scan by time. Batches of one window have
// increasing groups, and windows follow each other in time, so holding one
// window is enough.
func merged(c *format.Capture, scan format.Scan, v *view) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var window []cursor
		for b, err := range c.Batches(scan) {
			if err != nil {
				if drain(window, v, yield) {
					yield(Event{}, err)
				}
				return
			}
			if begins(window, b) {
				if !drain(window, v, yield) {
					return
				}
				window = window[:0]
			}
			b.Retain()
			window = append(window, cursor{batch: b})
		}
		drain(window, v, yield)
	}
}

// begins tells whether b opens a window. Only when more happened at one instant
// than a batch holds do two batches of one group share a window.
func begins(window []cursor, b *format.Batch) bool {
	n := len(window)
	if n == 0 || n >= maxGroups {
		return n > 0
	}
	last := window[n-1].batch
	same := b.Group() == last.Group() && b.Time(0) == last.Time(last.Len()-1)
	return b.Group() <= last.Group() && !same
}

// drain yields the rows of a window by time; rows of the same instant in the
// order of the batches. It reports whether to go on.
func drain(window []cursor, v *view, yield func(Event, error) bool) bool {
	for {
		i := earliest(window)
		if i < 0 {
			return true
		}
		// Rows come in runs: stay with this batch until another is due.
		c, until := &window[i], due(window, i)
		for first := true; !c.done() && (first || c.time() <= until); first = false {
			e := Event{batch: c.batch, view: v, row: c.row}
			c.row++
			if !yield(e, nil) {
				return false
			}
		}
	}
}

// earliest is the index of the cursor whose row comes next, -1 when all are done.
func earliest(window []cursor) int {
	best, at := -1, int64(0)
	for i := range window {
		if c := &window[i]; !c.done() && (best < 0 || c.time() < at) {
			best, at = i, c.time()
		}
	}
	return best
}

// due is the last instant at which cursor i still goes before all others.
func due(window []cursor, i int) int64 {
	until := int64(math.MaxInt64)
	for j := range window {
		c := &window[j]
		if j == i || c.done() {
			continue
		}
		t := c.time()
		if j < i {
			t--
		}
		until = min(until, t)
	}
	return until
}
