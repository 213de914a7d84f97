// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"slices"
)

// builder gathers raw records into the columns of record batches.
type builder struct {
	layout *layout
	offset int64 // boot time to Unix time
	arena  arena
	zeros  zeros

	// The rows of the block in work, one behind the other.
	keys   []key
	raw    []byte
	starts []int32     // of each row in raw
	kind   int         // the kind of all rows of the batch, -1 when there are several
	cols   []gathering // columns with values
}

// buffers is a record batch as Arrow lays it out. Its memory may be used again
// once the batch is written.
type buffers struct {
	rows    int
	brief   brief
	events  []int // rows that are events, by index of the kind
	columns []columnBuffers
}

// columnBuffers is a column of a batch. What it points to is its memory, or
// zeros that are shared.
type columnBuffers struct {
	nulls             int
	none              bool   // no row has a value: all is zero
	valid, ends, data []byte // valid is empty when every row has a value

	memory struct{ valid, ends, data []byte }
}

func newBuffers(l *layout) *buffers { return &buffers{columns: make([]columnBuffers, len(l.columns))} }

// blockRows is how many rows are gathered at a time: few enough that they are
// in the processor's cache when the second and all later columns read them.
const blockRows = 512

// build makes a record batch of the rows of keys.
func (b *builder) build(keys []key, to *buffers) {
	b.begin(keys, to)
	for from := 0; from < len(keys); from += blockRows {
		b.copyRows(keys[from:min(from+blockRows, len(keys))])
		for i := range b.cols {
			b.cols[i].gather(from)
		}
	}
	for i := range b.cols {
		b.cols[i].end(&to.columns[b.cols[i].col])
	}
}

// begin readies the columns that any of the rows has a value in; the others
// are null.
func (b *builder) begin(keys []key, to *buffers) {
	to.rows = len(keys)
	b.kind = int(keys[0].kind)
	if slices.ContainsFunc(keys, func(k key) bool { return int(k.kind) != b.kind }) {
		b.kind = -1
	}
	b.cols = b.cols[:0]
	for c := range to.columns {
		if b.layout.columns[c].Name == ColumnKind || b.present(c, to.brief.rows) {
			b.cols = append(b.cols, b.gathering(c, len(keys), &to.columns[c]))
		} else {
			b.zeros.fill(&to.columns[c], &b.layout.columns[c], len(keys))
		}
	}
}

// copyRows puts the rows of a block one behind the other, without their tails.
func (b *builder) copyRows(keys []key) {
	b.keys, b.raw, b.starts = keys, b.raw[:0], b.starts[:0]
	if b.kind >= 0 {
		b.copySame(keys, b.layout.kinds[b.kind].fixed())
		return
	}
	for i := range keys {
		b.starts = append(b.starts, int32(len(b.raw)))
		b.raw = append(b.raw, b.arena.from(keys[i].at)[:b.layout.kinds[keys[i].kind].fixed()]...)
	}
}

// copySame copies rows of one size, eight bytes at a time.
func (b *builder) copySame(keys []key, size int) {
	b.raw = resize(b.raw, blockRows*size+8)
	for i := range keys {
		b.starts = append(b.starts, int32(i*size))
		from, to := b.arena.from(keys[i].at), b.raw[i*size:]
		if len(from) < size+8 {
			copy(to, from[:size])
			continue
		}
		for at := 0; at < size; at += 8 { // the next row overwrites what is too much
			binary.LittleEndian.PutUint64(to[at:], binary.LittleEndian.Uint64(from[at:]))
		}
	}
}

// present tells whether a kind of which there are rows has a column.
func (b *builder) present(c int, rows []int) bool {
	for kind, n := range rows {
		if n > 0 && b.layout.fields[kind][c] != nil {
			return true
		}
	}
	return false
}

// forget drops rows that are written.
func (b *builder) forget(keys []key) { b.arena.forget(keys) }

// zeros is memory for columns without a value. It is never written to.
type zeros []byte

// fill makes a column in which none of n rows has a value.
func (z *zeros) fill(to *columnBuffers, col *Column, n int) {
	if need := 8 * (n + 1); len(*z) < need {
		*z = make([]byte, max(need, 8*(batchRows+1)))
	}
	*to = columnBuffers{nulls: n, none: true, valid: (*z)[:(n+7)/8], memory: to.memory}
	if col.isText() {
		to.ends = (*z)[:4*(n+1)]
	} else {
		to.data = (*z)[:n*col.width()]
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
