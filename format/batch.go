// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Scan says what to read.
type Scan struct {
	Kinds    []string // only these; nil: all
	Columns  []Col    // only these and time and kind; nil: all
	From, To int64    // only rows of these Unix times in ns, both included; 0: open
}

// Batch is some rows of a capture. One group's rows are in time order.
//
// Batches come in windows: within one the groups' numbers increase, and
// windows follow each other in time. Merging the batches of one window by time
// therefore gives the order of the whole. A group that repeats (more rows of
// one instant than a batch holds) begins a window of its own.
type Batch struct {
	capture *Capture
	columns []arrow.Array // nil where not asked for
	times   []arrow.Timestamp
	kinds   []int // by index of the dictionary: index of the capture's kind, -1 for one it does not list
	kind    *array.Dictionary
	keep    []int // rows that the scan asked for; nil: all
	group   int
}

// Batches iterates over the batches with rows that a scan asks for, in file
// order. After an error it ends.
func (c *Capture) Batches(s Scan) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		src, err := c.source()
		if err != nil {
			yield(nil, err)
			return
		}
		defer src.close()
		for i := 0; ; i++ {
			rec, err := src.read()
			if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) && c.cut != nil {
				return // the end, or where the recording was cut
			}
			var b *Batch
			if err == nil {
				b, err = c.batch(rec, s)
			}
			if err != nil {
				yield(nil, fmt.Errorf("read capture: batch %d: %w", i, err))
				return
			}
			if b.Len() > 0 && !yield(b, nil) {
				return
			}
		}
	}
}

func (c *Capture) batch(rec arrow.Record, s Scan) (b *Batch, err error) {
	defer recovered(&err)
	if int(rec.NumCols()) != len(c.columns) {
		return nil, errors.New("its columns differ from the schema's")
	}
	for i := range c.columns {
		if int64(rec.Column(i).Len()) != rec.NumRows() {
			return nil, fmt.Errorf("column %s has %d of %d rows", c.columns[i].Name, rec.Column(i).Len(), rec.NumRows())
		}
	}
	b = &Batch{capture: c, columns: make([]arrow.Array, len(c.columns))}
	for i := range c.columns {
		if s.Columns != nil && !slices.Contains(s.Columns, Col(i)) {
			continue
		}
		b.columns[i] = rec.Column(i)
		if err := validate(b.columns[i]); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.columns[i].Name, err)
		}
	}
	times, ok := rec.Column(int(c.Col(ColumnTime))).(*array.Timestamp)
	if !ok {
		return nil, errors.New("its times are no timestamps")
	}
	b.times = times.TimestampValues()
	if b.kind, ok = rec.Column(int(c.Col(ColumnKind))).(*array.Dictionary); !ok {
		return nil, errors.New("its kinds are no dictionary")
	}
	if err := b.resolveKinds(); err != nil {
		return nil, err
	}
	b.restrict(s)
	return b, nil
}

// resolveKinds maps the kind column's dictionary to the capture's kinds.
func (b *Batch) resolveKinds() error {
	names, ok := b.kind.Dictionary().(*array.String)
	if !ok {
		return errors.New("its kinds are no strings")
	}
	for i := range names.Len() {
		b.kinds = append(b.kinds, slices.IndexFunc(b.capture.kinds, func(k Kind) bool { return k.Name == names.Value(i) }))
	}
	for i := range b.kind.Len() {
		if k := b.kind.GetValueIndex(i); k < 0 || k >= len(b.kinds) || b.kind.IsNull(i) {
			return fmt.Errorf("row %d is of no known kind", i)
		}
	}
	if len(b.times) > 0 {
		b.group = b.groupOf(b.kinds[b.kind.GetValueIndex(0)])
	}
	return nil
}

// groupOf numbers the series of batches that a kind's rows are in.
func (b *Batch) groupOf(kind int) int {
	if kind < 0 || !b.capture.kinds[kind].Hot {
		return 0
	}
	n := 0
	for i := range kind + 1 {
		if b.capture.kinds[i].Hot {
			n++
		}
	}
	return n
}

func (b *Batch) restrict(s Scan) {
	wanted := make([]bool, len(b.kinds))
	all := s.From == 0 && s.To == 0
	for i, k := range b.kinds {
		wanted[i] = k >= 0 && (s.Kinds == nil || slices.Contains(s.Kinds, b.capture.kinds[k].Name))
		all = all && wanted[i]
	}
	if all {
		return
	}
	b.keep = []int{}
	for i, t := range b.times {
		if wanted[b.kind.GetValueIndex(i)] && (s.From == 0 || int64(t) >= s.From) && (s.To == 0 || int64(t) <= s.To) {
			b.keep = append(b.keep, i)
		}
	}
}

// Retain keeps the batch valid beyond the iteration that it came from, for as
// long as it is referenced.
func (b *Batch) Retain() {
	for _, a := range b.columns {
		if a != nil {
			a.Retain()
		}
	}
	b.kind.Retain()
}

func (b *Batch) at(i int) int {
	if b.keep == nil {
		return i
	}
	return b.keep[i]
}

// Len is the number of rows.
func (b *Batch) Len() int {
	if b.keep == nil {
		return len(b.times)
	}
	return len(b.keep)
}

// Group is the series of batches that this one belongs to: 0 for the one that
// most kinds share, above for the hot kinds.
func (b *Batch) Group() int { return b.group }

// Time is a row's Unix time in nanoseconds.
func (b *Batch) Time(i int) int64 { return int64(b.times[b.at(i)]) }

// Kind is a row's kind.
func (b *Batch) Kind(i int) *Kind {
	return &b.capture.kinds[b.kinds[b.kind.GetValueIndex(b.at(i))]]
}

func (b *Batch) array(c Col) arrow.Array {
	if c < 0 || int(c) >= len(b.columns) {
		return nil
	}
	return b.columns[c]
}

// Null tells whether a row has no value in a column.
func (b *Batch) Null(c Col, i int) bool {
	a := b.array(c)
	return a == nil || a.IsNull(b.at(i))
}

// Uint is a row's value in a numeric column; 0 when null. Of a Timestamp it is
// the Unix time in nanoseconds.
func (b *Batch) Uint(c Col, i int) uint64 { return uint64(b.Int(c, i)) }

// Int is a row's value in a numeric column; 0 when null.
func (b *Batch) Int(c Col, i int) int64 {
	a := b.array(c)
	i = b.at(i)
	if a == nil || a.IsNull(i) {
		return 0
	}
	switch a := a.(type) {
	case *array.Uint64:
		return int64(a.Value(i))
	case *array.Uint32:
		return int64(a.Value(i))
	case *array.Uint16:
		return int64(a.Value(i))
	case *array.Uint8:
		return int64(a.Value(i))
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	}
	return 0
}

// Str is a row's text in a String, Address or Enum column; empty when null.
func (b *Batch) Str(c Col, i int) string {
	a := b.array(c)
	i = b.at(i)
	if a == nil || a.IsNull(i) {
		return ""
	}
	switch a := a.(type) {
	case *array.String:
		return strings.Clone(a.Value(i))
	case *array.Dictionary:
		values, ok := a.Dictionary().(*array.String)
		if k := a.GetValueIndex(i); ok && k >= 0 && k < values.Len() {
			return strings.Clone(values.Value(k))
		}
	}
	return ""
}
