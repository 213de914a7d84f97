// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Copier writes rows of an open capture to a new one. Close it even after an
// error. Not for concurrent use.
type Copier struct {
	source  *copied
	windows windows
	kinds   []int // of the new file, by index of the capture's kind dictionary; -1 for those left out
}

// What a copier holds before it writes.
const (
	copyRows    = 2 * batchRows
	copyBatches = 12
)

// NewCopier begins a capture with those kinds of another that are named, all
// when kinds is nil, and the columns that these have.
func NewCopier(w io.Writer, c *Capture, meta *Metadata, kinds []string, o WriterOptions) (*Copier, error) {
	var keep []Kind
	for _, k := range c.kinds {
		if k.Name != metadataName && (kinds == nil || slices.Contains(kinds, k.Name)) {
			keep = append(keep, k)
		}
	}
	l, err := newLayout(keep)
	if err != nil {
		return nil, err
	}
	k := newCopier(c, l)
	if err := k.windows.begin(w, meta, o); err != nil {
		return nil, err
	}
	return k, nil
}

// newCopier copies to a layout, the last kind of which is that of the metadata.
func newCopier(c *Capture, l *layout) *Copier {
	k := &Copier{source: newCopied(c, l)}
	for _, name := range c.names {
		k.kinds = append(k.kinds, slices.Index(l.names[:len(l.names)-1], name))
	}
	k.windows = newWindows(l, k.source, 0)
	return k
}

// Add takes a row of a batch of the capture, which must be retained: see
// [Batch.Retain]. Rows come in time order. One of a kind that is left out is
// passed over.
func (k *Copier) Add(b *Batch, i int) error {
	kind := k.kinds[b.kinds.number(b.at(i))]
	if kind < 0 {
		return nil
	}
	if k.source.full(b) {
		if err := k.flush(b.Time(i)); err != nil {
			return err
		}
	}
	return k.add(b, i, kind)
}

func (k *Copier) add(b *Batch, i, kind int) error {
	t := b.Time(i)
	if t < 0 {
		return fmt.Errorf("copy a row of %s from before 1970", b.Kind(i).Name)
	}
	k.windows.add(key{time: uint64(t), at: k.source.add(b, b.at(i)), kind: uint16(kind)})
	return nil
}

// flush writes the rows up to a time: rows come merged, so nothing older will.
func (k *Copier) flush(until int64) error {
	if err := k.windows.flush(uint64(until)); err != nil {
		return err
	}
	k.source.compact(k.windows.groups)
	return nil
}

// Rows counts the rows written, by kind. Call it after Close.
func (k *Copier) Rows() map[string]uint64 { return k.windows.written() }

// Close writes what is pending and the end of the file. It does not close what
// it writes to.
func (k *Copier) Close() error { return k.windows.close() }

// copied is rows of open batches that wait to be written.
type copied struct {
	layout  *layout
	columns []Col // of the capture, by column of the layout
	rows    []copiedRow
	batches []*Batch // that rows refer to
	zeros   zeros
	retext  func(c Col, text []byte) string // nil: text stays
}

type copiedRow struct {
	batch *Batch
	row   int32 // in the file
}

func newCopied(c *Capture, l *layout) *copied {
	s := &copied{layout: l}
	for i := range l.columns {
		s.columns = append(s.columns, c.Col(l.columns[i].Name))
	}
	return s
}

// full tells whether a row of a batch is too much to hold.
func (s *copied) full(b *Batch) bool {
	return len(s.rows) >= copyRows || len(s.batches) >= copyBatches && !slices.Contains(s.batches, b)
}

func (s *copied) add(b *Batch, row int) (at uint32) {
	if n := len(s.batches); n == 0 || s.batches[n-1] != b && !slices.Contains(s.batches, b) {
		s.batches = append(s.batches, b)
	}
	s.rows = append(s.rows, copiedRow{b, int32(row)})
	return uint32(len(s.rows) - 1)
}

// forget has nothing to do: compact does.
func (s *copied) forget([]key) {}

// compact drops the rows that are written.
func (s *copied) compact(groups []group) {
	old := s.rows
	s.rows, s.batches = nil, nil
	for i := range groups {
		for j := range groups[i].keys {
			k := &groups[i].keys[j]
			k.at = s.add(old[k.at].batch, int(old[k.at].row))
		}
	}
}

func (s *copied) build(keys []key, to *buffers) {
	to.rows = len(keys)
	for c := range to.columns {
		col, out := &s.layout.columns[c], &to.columns[c]
		g := columnCopy{copied: s, keys: keys, col: col, from: s.columns[c], to: out}
		if col.Name == ColumnKind || g.any() {
			g.copy()
		} else {
			s.zeros.fill(out, col, len(keys))
		}
	}
}

// columnCopy is one column of a batch being copied.
type columnCopy struct {
	*copied
	keys []key
	col  *Column
	from Col
	to   *columnBuffers
}

// value is a row's column and the row there.
func (g *columnCopy) value(i int) (*vector, int) {
	r := g.rows[g.keys[i].at]
	return r.batch.vector(g.from), int(r.row)
}

// any tells whether any row has a value.
func (g *columnCopy) any() bool {
	for i := range g.keys {
		if v, row := g.value(i); v != nil && !v.null(row) {
			return true
		}
	}
	return false
}

func (g *columnCopy) copy() {
	m, n := &g.to.memory, len(g.keys)
	m.valid = resize(m.valid, (n+7)/8)
	clear(m.valid)
	*g.to = columnBuffers{memory: *m, valid: m.valid}
	switch {
	case g.col.Name == ColumnTime:
		g.numbers(func(i int) (uint64, bool) { return g.keys[i].time, true })
	case g.col.Name == ColumnKind:
		g.numbers(func(i int) (uint64, bool) { return uint64(g.keys[i].kind), true })
	case g.col.isText():
		g.text()
	default:
		g.numbers(func(i int) (uint64, bool) {
			v, row := g.value(i)
			if v == nil || v.null(row) {
				return 0, false
			}
			return v.number(row), true
		})
	}
	if g.to.nulls == 0 {
		g.to.valid = nil
	}
}

func (g *columnCopy) numbers(value func(i int) (uint64, bool)) {
	w := g.col.width()
	g.to.memory.data = resize(g.to.memory.data, len(g.keys)*w)
	g.to.data = g.to.memory.data
	for i := range g.keys {
		x, ok := value(i)
		g.mark(i, ok)
		putNumber(g.to.data[i*w:], w, x)
	}
}

func (g *columnCopy) text() {
	g.to.texts(len(g.keys), func(to []byte, i int) ([]byte, bool) {
		v, row := g.value(i)
		switch {
		case v == nil || v.null(row):
			return to, false
		case g.retext != nil:
			return append(to, g.retext(g.from, v.bytes(row))...), true
		}
		return append(to, v.bytes(row)...), true
	})
}

func (g *columnCopy) mark(i int, ok bool) { g.to.mark(i, ok) }

// texts fills in a column of n texts. put appends that of a row, if it has one.
func (b *columnBuffers) texts(n int, put func(to []byte, i int) ([]byte, bool)) {
	data, ends := b.memory.data[:0], binary.LittleEndian.AppendUint32(b.memory.ends[:0], 0)
	for i := range n {
		var ok bool
		data, ok = put(data, i)
		b.mark(i, ok)
		ends = binary.LittleEndian.AppendUint32(ends, uint32(len(data)))
	}
	b.data, b.ends = data, ends
	b.memory.data, b.memory.ends = data, ends
}

// mark says whether a row has a value. No row may be marked twice.
func (b *columnBuffers) mark(i int, ok bool) {
	if ok {
		b.valid[i/8] |= 1 << (i % 8)
	} else {
		b.nulls++
	}
}

// CopyAll copies every row of a capture.
func CopyAll(w io.Writer, c *Capture, meta *Metadata, o WriterOptions) (*Copier, error) {
	k, err := NewCopier(w, c, meta, nil, o)
	if err != nil {
		return nil, err
	}
	return k, k.copyAll(c)
}

// copyAll copies every row and closes.
func (k *Copier) copyAll(c *Capture) error {
	for b, err := range c.Batches(Scan{}) {
		if err == nil {
			err = k.addAll(b)
		}
		if err != nil {
			_ = k.Close() // the first error says why
			return fmt.Errorf("copy: %w", err)
		}
	}
	return k.Close()
}

// addAll takes every row of a batch, which need not be merged with others.
func (k *Copier) addAll(b *Batch) error {
	b.Retain()
	for i := range b.Len() {
		if kind := k.kinds[b.kinds.number(b.at(i))]; kind >= 0 {
			if err := k.add(b, i, kind); err != nil {
				return err
			}
		}
	}
	if len(k.source.rows) >= copyRows || len(k.source.batches) >= copyBatches {
		return k.flush(b.Next())
	}
	return nil
}
