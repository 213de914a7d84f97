// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// maxOverlap is how many batches may overlap in time. ebrec's own files have as
// many as they have hot kinds, and more only when one instant fills several.
const maxOverlap = 256

// A cursor is the next row of a batch.
type cursor struct {
	batch *format.Batch
	row   int
}

func (c *cursor) done() bool  { return c.row >= c.batch.Len() }
func (c *cursor) time() int64 { return c.batch.Time(c.row) }

// merged ranges over the rows of a scan by time, those of a batch that follow
// each other together. It holds the batches that later ones may still overlap.
func merged(c *format.Capture, scan format.Scan, v *view) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		var held []cursor
		for b, err := range c.Batches(scan) {
			if err == nil && len(held) == maxOverlap {
				err = &OrderError{Path: c.Path()}
			}
			if err != nil {
				if drain(held, math.MaxInt64, v, yield) {
					yield(Run{}, err)
				}
				return
			}
			b.Retain()
			held = append(held, cursor{batch: b})
			if !drain(held, b.Next(), v, yield) {
				return
			}
			held = slices.DeleteFunc(held, func(c cursor) bool { return c.done() })
		}
		drain(held, math.MaxInt64, v, yield)
	}
}

// An OrderError says that the rows of a file that another program wrote are too
// far from time order to be read in bounded memory.
type OrderError struct{ Path string }

func (e *OrderError) Error() string {
	return fmt.Sprintf("read capture %s: its rows are not in time order", e.Path)
}

// drain yields the rows up to a time in order; rows of the same instant in the
// order of the batches. It reports whether to go on.
func drain(held []cursor, limit int64, v *view, yield func(Run, error) bool) bool {
	for {
		i := earliest(held)
		if i < 0 || held[i].time() > limit {
			return true
		}
		c, until := &held[i], min(limit, due(held, i))
		run := Run{first: Event{batch: c.batch, view: v, row: c.row}, n: max(1, c.batch.Until(c.row, until))}
		c.row += run.n
		if !yield(run, nil) {
			return false
		}
	}
}

// earliest is the index of the cursor whose row comes next, -1 when all are done.
func earliest(held []cursor) int {
	best, at := -1, int64(0)
	for i := range held {
		if c := &held[i]; !c.done() && (best < 0 || c.time() < at) {
			best, at = i, c.time()
		}
	}
	return best
}

// due is the last instant at which cursor i still goes before all others.
func due(held []cursor, i int) int64 {
	until := int64(math.MaxInt64)
	for j := range held {
		c := &held[j]
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
