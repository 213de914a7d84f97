// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// builder gathers raw records into the columns of a record batch. Buffers are
// reused: a batch is valid until the next one is built.
type builder struct {
	layout *layout
	schema *arrow.Schema
	offset int64 // boot time to Unix time
	dicts  []arrow.Array
	valid  [][]byte // bitmaps, by column
	data   [][]byte // values or indices, by column
	ends   [][]byte // String offsets, by column
	zeros  []byte   // for columns without a value
}

func newBuilder(l *layout, schema *arrow.Schema, offset int64) *builder {
	n := len(l.columns)
	b := &builder{layout: l, schema: schema, offset: offset, dicts: make([]arrow.Array, n),
		valid: make([][]byte, n), data: make([][]byte, n), ends: make([][]byte, n)}
	for i := range l.columns {
		if l.columns[i].Type == Enum {
			b.dicts[i] = dictionary(l.columns[i].Values)
		}
	}
	return b
}

func (b *builder) build(rows []row) arrow.Record {
	columns := make([]arrow.Array, len(b.layout.columns))
	present := b.present(rows)
	for c := range columns {
		if present[c] || b.layout.columns[c].Name == ColumnKind {
			columns[c] = b.column(c, rows)
		} else {
			columns[c] = b.nulls(c, len(rows))
		}
	}
	rec := array.NewRecord(b.schema, columns, int64(len(rows)))
	for _, c := range columns {
		c.Release()
	}
	return rec
}

// present tells which columns any of the rows' kinds has.
func (b *builder) present(rows []row) []bool {
	kinds := make([]bool, len(b.layout.kinds))
	for i := range rows {
		kinds[rows[i].kind] = true
	}
	columns := make([]bool, len(b.layout.columns))
	for k, has := range kinds {
		for c, f := range b.layout.fields[k] {
			columns[c] = columns[c] || has && f != nil
		}
	}
	return columns
}

func (b *builder) nulls(c, n int) arrow.Array {
	if need := (n + 1) * 8; len(b.zeros) < need {
		b.zeros = make([]byte, need)
	}
	typ := arrowType(b.layout.columns[c].Type)
	valid := memory.NewBufferBytes(b.zeros[:(n+7)/8])
	switch b.layout.columns[c].Type {
	case String, Address:
		return newArray(typ, n, n, nil, valid, memory.NewBufferBytes(b.zeros[:4*(n+1)]), memory.NewBufferBytes(nil))
	default:
		return newArray(typ, n, n, b.dicts[c], valid, memory.NewBufferBytes(b.zeros[:n*widthOf(b.layout.columns[c].Type)]))
	}
}

func newArray(typ arrow.DataType, n, nulls int, dict arrow.Array, buffers ...*memory.Buffer) arrow.Array {
	if dict != nil {
		data := array.NewDataWithDictionary(typ, n, buffers, nulls, 0, dict.Data().(*array.Data))
		defer data.Release()
		return array.NewDictionaryData(data)
	}
	data := array.NewData(typ, n, buffers, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// widthOf is the bytes of a value in the file.
func widthOf(t Type) int {
	switch t {
	case Uint8, Enum:
		return 1
	case Uint16:
		return 2
	case Uint32, Int32:
		return 4
	}
	return 8
}

func (b *builder) column(c int, rows []row) arrow.Array {
	b.valid[c] = resize(b.valid[c], (len(rows)+7)/8)
	clear(b.valid[c])
	col := &b.layout.columns[c]
	var nulls int
	switch {
	case col.Type == String || col.Type == Address:
		nulls = b.gatherText(c, rows)
		return newArray(arrowType(col.Type), len(rows), nulls, nil, memory.NewBufferBytes(b.valid[c]),
			memory.NewBufferBytes(b.ends[c]), memory.NewBufferBytes(b.data[c]))
	case col.Name == ColumnKind:
		nulls = b.gatherKinds(c, rows)
	default:
		nulls = b.gather(c, rows)
	}
	return newArray(arrowType(col.Type), len(rows), nulls, b.dicts[c], memory.NewBufferBytes(b.valid[c]), memory.NewBufferBytes(b.data[c]))
}

func (b *builder) gatherKinds(c int, rows []row) int {
	b.data[c] = resize(b.data[c], len(rows))
	for i := range rows {
		b.data[c][i] = byte(rows[i].kind)
		setBit(b.valid[c], i)
	}
	return 0
}

// gather copies a numeric column's values and returns how many are null.
func (b *builder) gather(c int, rows []row) (nulls int) {
	col := &b.layout.columns[c]
	width := widthOf(col.Type)
	data := resize(b.data[c], len(rows)*width)
	clear(data)
	b.data[c] = data
	for i := range rows {
		f := b.layout.fields[rows[i].kind][c]
		if f == nil {
			nulls++
			continue
		}
		to, from := data[i*width:(i+1)*width], rows[i].raw[f.Offset:]
		if col.Type != Timestamp {
			copy(to, from[:width]) // an Enum's low byte is its index
		} else if t := b.instant(f, &rows[i]); t == 0 {
			nulls++
			continue
		} else {
			binary.LittleEndian.PutUint64(to, uint64(t))
		}
		setBit(b.valid[c], i)
	}
	return nulls
}

// instant is the Unix time of a timestamp, 0 when it is not set.
func (b *builder) instant(f *Field, r *row) int64 {
	t := binary.LittleEndian.Uint64(r.raw[f.Offset:])
	if f.Name == ColumnTime {
		t = r.time
	} else if t == 0 {
		return 0
	}
	return int64(t) + b.offset
}

func (b *builder) gatherText(c int, rows []row) (nulls int) {
	ends, data := resize(b.ends[c], 4*(len(rows)+1))[:4], b.data[c][:0]
	clear(ends)
	for i := range rows {
		if f := b.layout.fields[rows[i].kind][c]; f == nil {
			nulls++
		} else {
			data = append(data, textOf(f, rows[i].raw[f.Offset:f.Offset+f.Size])...)
			setBit(b.valid[c], i)
		}
		ends = binary.LittleEndian.AppendUint32(ends, uint32(len(data)))
	}
	b.ends[c], b.data[c] = ends, data
	return nulls
}

func textOf(f *Field, raw []byte) string {
	if f.Type == Address {
		return netip.AddrFrom16([16]byte(raw)).Unmap().String()
	}
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		raw = raw[:i]
	}
	return Text(raw)
}

func setBit(bitmap []byte, i int) { bitmap[i/8] |= 1 << (i % 8) }

func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
