// SPDX-License-Identifier: Apache-2.0

package record

import (
	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// folds turns what the programs count of turns that are too many for rows of
// their own into rows: one for each duration that occurred within an interval.
// The programs only add, so a row has the difference to the reading before.
type folds struct {
	programs *bpf.Programs
	writer   *format.Writer
	since    uint64
	last     map[bpf.FoldKey]bpf.Fold
	// closed are those that came through the ring since the reading before
	// last: the program removes them only after that, so they may still be met.
	closed, closedBefore map[bpf.FoldKey]bool
}

func newFolds(p *bpf.Programs, w *format.Writer, opens uint64) *folds {
	return &folds{programs: p, writer: w, since: opens, last: map[bpf.FoldKey]bpf.Fold{}, closed: map[bpf.FoldKey]bool{}}
}

func keyOf(f *bpf.Fold) bpf.FoldKey { return bpf.FoldKey{Conn: f.Conn, Part: f.Part} }

// close takes what the ring brings of a connection that closed.
func (c *folds) close(f *bpf.Fold) error {
	k := keyOf(f)
	before := c.last[k]
	delete(c.last, k)
	c.closed[k] = true
	return c.add(f, &before, f.H.Time)
}

// write adds what was counted up to an instant, which is just now or the end.
func (c *folds) write(at uint64) error {
	var gone []bpf.FoldKey
	err := c.programs.Folds(func(f *bpf.Fold) error {
		k := keyOf(f)
		if c.closed[k] || c.closedBefore[k] {
			return nil
		}
		before := c.last[k]
		c.last[k] = *f
		if f.Closed != 0 {
			gone = append(gone, k)
		}
		return c.add(f, &before, at)
	})
	c.since, c.closedBefore, c.closed = at, c.closed, map[bpf.FoldKey]bool{}
	for _, k := range gone {
		delete(c.last, k)
		if err == nil {
			err = c.programs.RemoveFold(k)
		}
	}
	return err
}

// add makes rows of the difference of two readings.
func (c *folds) add(f, before *bpf.Fold, at uint64) error {
	for b, n := range f.Turns {
		if n == before.Turns[b] {
			continue
		}
		row := bpf.TCPFold{
			H: bpf.Header{Time: at, Kind: kindFold, PID: f.H.PID, TID: f.H.TID}, Conn: f.Conn, Since: min(c.since, at),
			FromNS: foldFrom(b), SumNS: f.SumNS[b] - before.SumNS[b], Turns: uint64(n - before.Turns[b]), TurnPart: f.Part,
		}
		if foldOf(f.LargestNS) == b && f.LargestNS != before.LargestNS {
			row.LargestNS = f.LargestNS
		}
		if err := c.writer.AddReading(bpf.Bytes(&row)); err != nil {
			return err
		}
	}
	return nil
}

// Buckets of a fold: 0 is below the first power of two, which has four behind
// it, as each one has (tcp.bpf.c, bucket_of).
const (
	foldFirst   = 10
	foldBuckets = len(bpf.Fold{}.Turns)
)

// foldFrom is the least duration of a bucket, ns.
func foldFrom(b int) uint64 {
	if b == 0 {
		return 0
	}
	return uint64(4+(b-1)%4) << (foldFirst - 2 + (b-1)/4)
}

// foldOf is the bucket of a duration.
func foldOf(ns uint64) int {
	for b := foldBuckets - 1; b > 0; b-- {
		if ns >= foldFrom(b) {
			return b
		}
	}
	return 0
}
