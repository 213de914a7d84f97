// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// concerns tells whether a batch may have rows that the scan asks for.
func (d *decoder) concerns(b *brief) bool {
	if d.scan.From != 0 && b.last < d.scan.From || d.scan.To != 0 && b.first > d.scan.To {
		return false
	}
	if b.rows == nil {
		return true
	}
	for kind, n := range b.rows {
		if n > 0 && d.wanted[kind] {
			return true
		}
	}
	return false
}

// valued tells whether a batch has a value in a column that the scan is about.
func (d *decoder) valued(b *recordBatch) bool {
	return d.scan.Valued == nil || slices.ContainsFunc(d.scan.Valued, func(c Col) bool {
		if c == NoCol {
			return false
		}
		rows, nulls := b.node(d.capture.schema.wires[c].node)
		return nulls != rows
	})
}

// loadKeys decodes kinds and times, checks them, and chooses the rows.
func (d *decoder) loadKeys(rb *recordBatch) error {
	c, b := d.capture, d.batch
	if err := d.load(rb, int(c.kind)); err != nil {
		return err
	}
	b.kinds = &b.vectors[c.kind]
	if err := d.byKind(b); err != nil || b.Len() == 0 {
		return err
	}
	if err := d.load(rb, int(c.time)); err != nil {
		return err
	}
	b.times = b.vectors[c.time].data
	if !b.ascending() {
		if c.sealed {
			return errors.New("its rows are out of order")
		}
		b.sort()
	}
	if c.sealed && (b.timeOf(0) != b.brief.first || b.timeOf(b.rows-1) != b.brief.last) {
		return errors.New("its times are not what it says")
	}
	d.byTime(b)
	return nil
}

// byKind keeps the rows of kinds that are wanted.
func (d *decoder) byKind(b *Batch) error {
	if b.rows == 0 {
		return nil
	}
	if first := b.kinds.number(0); b.uniform(first) {
		if b.brief.rows != nil && b.brief.rows[first] != b.rows {
			return errKinds
		}
		b.some = !d.wanted[first]
		return nil
	}
	counts := make([]int, len(d.wanted))
	for i := range b.rows {
		kind := b.kinds.number(i)
		if counts[kind]++; d.wanted[kind] {
			b.keep = append(b.keep, int32(i))
		}
	}
	if b.brief.rows != nil && !slices.Equal(counts, b.brief.rows) {
		return errKinds
	}
	if b.some = len(b.keep) < b.rows; !b.some {
		b.keep = b.keep[:0]
	}
	return nil
}

var errKinds = errors.New("its kinds are not what it says")

// uniform tells whether all rows are of one kind.
func (b *Batch) uniform(kind uint64) bool {
	if v := b.kinds; v.width == 1 {
		for _, x := range v.data[:b.rows] {
			if x != byte(kind) {
				return false
			}
		}
		return true
	}
	for i := range b.rows {
		if b.kinds.number(i) != kind {
			return false
		}
	}
	return true
}

// timeOf is the time of a row of the file.
func (b *Batch) timeOf(row int) int64 { return int64(binary.LittleEndian.Uint64(b.times[8*row:])) }

// ascending tells whether the rows are in time order.
func (b *Batch) ascending() bool {
	last := int64(math.MinInt64)
	for i := range b.rows {
		t := b.timeOf(i)
		if t < last {
			return false
		}
		last = t
	}
	return true
}

// sort puts the rows that are kept in time order.
func (b *Batch) sort() {
	b.keepAll()
	slices.SortStableFunc(b.keep, func(i, j int32) int { return cmp.Compare(b.timeOf(int(i)), b.timeOf(int(j))) })
}

func (b *Batch) keepAll() {
	if b.some {
		return
	}
	b.some = true
	for i := range b.rows {
		b.keep = append(b.keep, int32(i))
	}
}

// byTime drops the rows that lie outside of the scan's times.
func (d *decoder) byTime(b *Batch) {
	from, to := d.scan.From, d.scan.To
	if (from == 0 || b.brief.first >= from) && (to == 0 || b.brief.last <= to) {
		return
	}
	b.keepAll()
	b.keep = slices.DeleteFunc(b.keep, func(i int32) bool {
		t := b.timeOf(int(i))
		return from != 0 && t < from || to != 0 && t > to
	})
}
