// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"iter"
	"sort"
)

// Batch is some rows of a capture, in time order. Batches overlap in time: a
// hot kind has its own. To have all rows in order, hold rows back until a batch
// says by [Batch.Next] that nothing earlier follows.
type Batch struct {
	capture  *Capture
	rows     int // in the file
	brief    brief
	vectors  []vector // by column
	times    []byte   // the time column's numbers
	kinds    *vector
	keep     []int32 // rows that the scan asked for
	some     bool    // only those of keep, in their order
	retained bool
}

// Next is the earliest Unix time in nanoseconds that a row of a later batch may
// have, the largest number when there is no later row.
func (b *Batch) Next() int64 { return b.brief.next }

// Alone is the kind of all rows, nil when the batch has several, or only some of
// its rows were asked for.
func (b *Batch) Alone() *Kind {
	if b.some || b.rows == 0 {
		return nil
	}
	kind := -1
	for i, n := range b.brief.rows {
		if n == 0 {
			continue
		}
		if kind >= 0 {
			return nil
		}
		kind = i
	}
	if kind < 0 {
		return nil
	}
	return b.capture.series[kind]
}

// Until counts the rows from one on that are not later than a time.
func (b *Batch) Until(from int, time int64) int {
	// Most often it is all of them, or few.
	n := b.Len()
	if b.Time(n-1) <= time {
		return n - from
	}
	step := 1
	for from+step < n && b.Time(from+step) <= time {
		step *= 2
	}
	return sort.Search(min(step, n-from), func(i int) bool { return b.Time(from+i) > time })
}

// Retain keeps the batch valid beyond the iteration that it came from, for as
// long as it is referenced and the capture is open.
func (b *Batch) Retain() { b.retained = true }

func (b *Batch) at(i int) int {
	if b.some {
		return int(b.keep[i])
	}
	return i
}

// Len is the number of rows.
func (b *Batch) Len() int {
	if b.some {
		return len(b.keep)
	}
	return b.rows
}

// Time is a row's Unix time in nanoseconds.
func (b *Batch) Time(i int) int64 { return int64(binary.LittleEndian.Uint64(b.times[8*b.at(i):])) }

// Kind is a row's kind.
func (b *Batch) Kind(i int) *Kind { return b.capture.series[b.kinds.number(b.at(i))] }

// vector is a column's, nil when it was not asked for.
func (b *Batch) vector(c Col) *vector {
	if c < 0 || int(c) >= len(b.vectors) {
		return nil
	}
	return &b.vectors[c]
}

// Null tells whether a row has no value in a column, or the column was not
// asked for.
func (b *Batch) Null(c Col, i int) bool {
	v := b.vector(c)
	return v == nil || v.null(b.at(i))
}

// Uint is a row's value in a numeric column; 0 when null. Of a Timestamp it is
// the Unix time in nanoseconds.
func (b *Batch) Uint(c Col, i int) uint64 {
	v := b.vector(c)
	i = b.at(i)
	if v == nil || v.form != formFixed || v.null(i) {
		return 0
	}
	return v.number(i)
}

// Uints sets to to Uint of the rows from one on. It is several times as fast as
// asking row by row.
func (b *Batch) Uints(c Col, from int, to []uint64) {
	v := b.vector(c)
	if b.some || v == nil || v.form != formFixed || v.valid != nil || v.none || v.signed && v.width < 8 {
		for i := range to {
			to[i] = b.Uint(c, from+i)
		}
		return
	}
	v.widen(from, to)
}

// Int is a row's value in a numeric column; 0 when null.
func (b *Batch) Int(c Col, i int) int64 { return int64(b.Uint(c, i)) }

// Str is a row's text in a String, Address or Enum column; empty when null. It
// stays valid after the batch.
func (b *Batch) Str(c Col, i int) string {
	v := b.vector(c)
	i = b.at(i)
	if v == nil || v.null(i) {
		return ""
	}
	return v.text(i)
}

// Texts ranges over the texts of a String, Address or Enum column with their
// rows; rows without one are left out. A text is valid as long as the batch.
func (b *Batch) Texts(c Col) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		v := b.vector(c)
		if v == nil || v.none || v.form == formFixed {
			return
		}
		for i := range b.Len() {
			if at := b.at(i); !v.null(at) && !yield(i, v.bytes(at)) {
				return
			}
		}
	}
}

// Count is how many rows have a value in a column.
func (b *Batch) Count(c Col) (n int) {
	v := b.vector(c)
	switch {
	case v == nil || v.none:
		return 0
	case v.valid == nil:
		return b.Len()
	}
	for i := range b.Len() {
		if !v.null(b.at(i)) {
			n++
		}
	}
	return n
}
