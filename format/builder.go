// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// builder gathers raw records into the columns of record batches.
type builder struct {
	layout *layout
	schema *arrow.Schema
	offset int64 // boot time to Unix time
	dicts  []arrow.Array
	zeros  []byte // for columns without a value; never written to

	// The rows of the batch in work.
	keys   []key
	raw    []byte
	starts []int32 // of each row in raw
	kind   int     // the kind of all rows, -1 when there are several
}

// buffers is the memory of one record batch, by column. It may be used again
// once the batch is written.
type buffers struct {
	valid, data, ends [][]byte
}

func newBuffers(l *layout) *buffers {
	n := len(l.columns)
	return &buffers{valid: make([][]byte, n), data: make([][]byte, n), ends: make([][]byte, n)}
}

func newBuilder(l *layout, schema *arrow.Schema, offset int64) *builder {
	b := &builder{layout: l, schema: schema, offset: offset, dicts: make([]arrow.Array, len(l.columns))}
	for i := range l.columns {
		if l.columns[i].Type == Enum {
			b.dicts[i] = dictionary(l.columns[i].Values)
		}
	}
	return b
}

// build makes a record batch of the rows of keys, its values in bufs.
func (b *builder) build(keys []key, a *arena, bufs *buffers) arrow.Record {
	b.copyRows(keys, a)
	columns := make([]arrow.Array, len(b.layout.columns))
	for c := range columns {
		columns[c] = b.column(c, bufs)
	}
	rec := array.NewRecord(b.schema, columns, int64(len(keys)))
	for _, c := range columns {
		c.Release()
	}
	return rec
}

// copyRows puts the rows one behind the other, so that gathering a column
// walks through memory.
func (b *builder) copyRows(keys []key, a *arena) {
	b.keys, b.raw, b.starts = keys, b.raw[:0], b.starts[:0]
	b.kind = -1
	if len(keys) > 0 {
		b.kind = int(keys[0].kind)
	}
	for i := range keys {
		if int(keys[i].kind) != b.kind {
			b.kind = -1
		}
		b.starts = append(b.starts, int32(len(b.raw)))
		b.raw = append(b.raw, a.from(keys[i].at)[:b.layout.kinds[keys[i].kind].Size]...)
	}
}

func (b *builder) column(c int, bufs *buffers) arrow.Array {
	col, n := &b.layout.columns[c], len(b.keys)
	if col.Name != ColumnKind && !b.present(c) {
		return b.nulls(c)
	}
	bufs.valid[c] = resize(bufs.valid[c], (n+7)/8)
	bufs.data[c] = resize(bufs.data[c], n*col.width())
	g := gathering{builder: b, col: c, data: bufs.data[c], valid: bufs.valid[c], ends: bufs.ends[c][:0]}
	g.gather()
	bufs.data[c], bufs.ends[c] = g.data, g.ends
	var valid *memory.Buffer
	if g.nulls > 0 {
		valid = memory.NewBufferBytes(g.valid)
	}
	if col.isText() {
		return b.array(c, g.nulls, valid, memory.NewBufferBytes(g.ends), memory.NewBufferBytes(g.data))
	}
	return b.array(c, g.nulls, valid, memory.NewBufferBytes(g.data))
}

// present tells whether any of the rows' kinds has a column.
func (b *builder) present(c int) bool {
	if b.kind >= 0 {
		return b.layout.fields[b.kind][c] != nil
	}
	return slices.ContainsFunc(b.keys, func(k key) bool { return b.layout.fields[k.kind][c] != nil })
}

// nulls is a column in which no row has a value.
func (b *builder) nulls(c int) arrow.Array {
	n := len(b.keys)
	if need := 8 * (n + 1); len(b.zeros) < need {
		b.zeros = make([]byte, max(need, 8*(batchRows+1)))
	}
	valid := memory.NewBufferBytes(b.zeros[:(n+7)/8])
	if col := &b.layout.columns[c]; !col.isText() {
		return b.array(c, n, valid, memory.NewBufferBytes(b.zeros[:n*col.width()]))
	}
	return b.array(c, n, valid, memory.NewBufferBytes(b.zeros[:4*(n+1)]), memory.NewBufferBytes(nil))
}

func (b *builder) array(c, nulls int, buffers ...*memory.Buffer) arrow.Array {
	typ, n := arrowType(&b.layout.columns[c]), len(b.keys)
	if dict := b.dicts[c]; dict != nil {
		data := array.NewDataWithDictionary(typ, n, buffers, nulls, 0, dict.Data().(*array.Data))
		defer data.Release()
		return array.NewDictionaryData(data)
	}
	data := array.NewData(typ, n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
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
