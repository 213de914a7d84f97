// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"slices"
)

// builder gathers raw records into the columns of record batches.
type builder struct {
	layout *layout
	offset int64  // boot time to Unix time
	zeros  []byte // for columns without a value; never written to

	// The rows of the batch in work.
	keys   []key
	raw    []byte
	starts []int32 // of each row in raw
	kind   int     // the kind of all rows, -1 when there are several
}

// buffers is a record batch as Arrow lays it out. Its memory may be used again
// once the batch is written.
type buffers struct {
	rows    int
	columns []columnBuffers
}

// columnBuffers is a column of a batch. What it points to is its memory, or
// the builder's zeros.
type columnBuffers struct {
	nulls             int
	none              bool   // no row has a value: all is zero
	valid, ends, data []byte // valid is empty when every row has a value

	memory struct{ valid, ends, data []byte }
}

func newBuffers(l *layout) *buffers { return &buffers{columns: make([]columnBuffers, len(l.columns))} }

// build makes a record batch of the rows of keys.
func (b *builder) build(keys []key, a *arena, to *buffers) {
	b.copyRows(keys, a)
	to.rows = len(keys)
	for c := range to.columns {
		if b.layout.columns[c].Name == ColumnKind || b.present(c) {
			b.column(c, &to.columns[c])
		} else {
			b.nulls(c, &to.columns[c])
		}
	}
}

// copyRows puts the rows one behind the other, so that gathering a column
// walks through memory.
func (b *builder) copyRows(keys []key, a *arena) {
	b.keys, b.raw, b.starts = keys, b.raw[:0], b.starts[:0]
	b.kind = int(keys[0].kind)
	for i := range keys {
		if int(keys[i].kind) != b.kind {
			b.kind = -1
		}
		b.starts = append(b.starts, int32(len(b.raw)))
		b.raw = append(b.raw, a.from(keys[i].at)[:b.layout.kinds[keys[i].kind].Size]...)
	}
}

func (b *builder) column(c int, to *columnBuffers) {
	m, n := &to.memory, len(b.keys)
	m.valid = resize(m.valid, (n+7)/8)
	m.data = resize(m.data, n*b.layout.columns[c].width())
	g := gathering{builder: b, col: c, data: m.data, valid: m.valid, ends: m.ends[:0]}
	g.gather()
	m.data, m.ends = g.data, g.ends
	*to = columnBuffers{nulls: g.nulls, valid: g.valid, data: g.data, ends: g.ends, memory: *m}
	if g.nulls == 0 {
		to.valid = nil
	}
}

// present tells whether any of the rows' kinds has a column.
func (b *builder) present(c int) bool {
	if b.kind >= 0 {
		return b.layout.fields[b.kind][c] != nil
	}
	return slices.ContainsFunc(b.keys, func(k key) bool { return b.layout.fields[k.kind][c] != nil })
}

// nulls is a column in which no row has a value.
func (b *builder) nulls(c int, to *columnBuffers) {
	n := len(b.keys)
	if need := 8 * (n + 1); len(b.zeros) < need {
		b.zeros = make([]byte, max(need, 8*(batchRows+1)))
	}
	*to = columnBuffers{nulls: n, none: true, valid: b.zeros[:(n+7)/8], memory: to.memory}
	if col := &b.layout.columns[c]; col.isText() {
		to.ends = b.zeros[:4*(n+1)]
	} else {
		to.data = b.zeros[:n*col.width()]
	}
}

// isText tells whether the column is one of strings in the file.
func (c *Column) isText() bool { return c.Type == String || c.Type == Address }

// width is the bytes of a value in the file, 0 for text.
func (c *Column) width() int {
	switch c.Type {
	case String, Address:
		return 0
	case Uint8:
		return 1
	case Uint16:
		return 2
	case Uint32, Int32:
		return 4
	case Enum:
		if len(c.Values) > 128 {
			return 2
		}
		return 1
	}
	return 8
}

func putNumber(b []byte, width int, v uint64) {
	switch width {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, v)
	}
}
