// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// gathering is one column of a batch being filled.
type gathering struct {
	*builder
	col               int
	column            *Column
	data, valid, ends []byte
	nulls             int
}

// gathering readies a column for n rows, in the memory that it had before.
func (b *builder) gathering(c, n int, to *columnBuffers) gathering {
	col, m := &b.layout.columns[c], &to.memory
	m.valid = resize(m.valid, (n+7)/8)
	m.data = resize(m.data, n*col.width())
	clear(m.valid)
	g := gathering{builder: b, col: c, column: col, data: m.data, valid: m.valid}
	if col.isText() {
		g.ends = binary.LittleEndian.AppendUint32(m.ends[:0], 0)
	}
	return g
}

// end hands the filled column over.
func (g *gathering) end(to *columnBuffers) {
	to.memory.data, to.memory.ends = g.data, g.ends
	*to = columnBuffers{nulls: g.nulls, valid: g.valid, data: g.data, ends: g.ends, memory: to.memory}
	if g.nulls == 0 || g.column.Name == ColumnTime || g.column.Name == ColumnKind {
		to.valid, to.nulls = nil, 0
	}
}

// gather fills in the rows of a block, the first of which is row from.
func (g *gathering) gather(from int) {
	switch {
	case g.column.Name == ColumnTime:
		g.times(from)
	case g.column.Name == ColumnKind:
		g.kinds(from)
	case g.column.isText():
		g.text(from)
	case g.kind >= 0 && g.column.Type == Enum && g.column.width() == 1:
		g.words(g.layout.fields[g.kind][g.col], from)
	case g.kind >= 0 && g.column.Type != Enum && g.column.Type != Timestamp:
		g.strided(g.layout.fields[g.kind][g.col], from)
	default:
		g.numbers(from)
	}
}

func (g *gathering) times(from int) {
	data := g.data[8*from:]
	for i := range g.keys {
		binary.LittleEndian.PutUint64(data[8*i:], g.keys[i].time+uint64(g.offset))
	}
}

func (g *gathering) kinds(from int) {
	w := g.column.width()
	if g.kind >= 0 && w == 1 {
		fill(g.data[from:from+len(g.keys)], byte(g.kind))
		return
	}
	for i := range g.keys {
		putNumber(g.data[w*(from+i):], w, uint64(g.keys[i].kind))
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// words copies the indices of names that every row has; one that no name has
// is null.
func (g *gathering) words(f *Field, from int) {
	size := g.layout.kinds[g.kind].fixed()
	raw, data := g.raw[f.Offset:], g.data[from:from+len(g.keys)]
	limit := uint32(len(f.Values))
	fill(g.valid[from/8:(from+len(g.keys)+7)/8], 0xff)
	for i := range data {
		var v uint32
		switch f.Size {
		case 1:
			v = uint32(raw[i*size])
		case 2:
			v = uint32(binary.LittleEndian.Uint16(raw[i*size:]))
		default:
			v = binary.LittleEndian.Uint32(raw[i*size:])
		}
		if v >= limit {
			g.nulls++
			g.valid[(from+i)/8] &^= 1 << ((from + i) % 8)
			v = 0
		}
		data[i] = byte(v)
	}
}

// strided copies a number that every row has at the same place.
func (g *gathering) strided(f *Field, from int) {
	n, size := len(g.keys), g.layout.kinds[g.kind].fixed()
	raw, data := g.raw[f.Offset:], g.data[f.Size*from:]
	switch f.Size {
	case 1:
		for i := range n {
			data[i] = raw[i*size]
		}
	case 2:
		for i := range n {
			binary.LittleEndian.PutUint16(data[2*i:], binary.LittleEndian.Uint16(raw[i*size:]))
		}
	case 4:
		for i := range n {
			binary.LittleEndian.PutUint32(data[4*i:], binary.LittleEndian.Uint32(raw[i*size:]))
		}
	case 8:
		for i := range n {
			binary.LittleEndian.PutUint64(data[8*i:], binary.LittleEndian.Uint64(raw[i*size:]))
		}
	}
}

// field is a row's field of the column, nil when its kind has none.
func (g *gathering) field(i int) *Field { return g.layout.fields[g.keys[i].kind][g.col] }

// numbers copies numbers that rows may lack.
func (g *gathering) numbers(from int) {
	w := g.column.width()
	for i := range g.keys {
		row := from + i
		v, ok := uint64(0), false
		if f := g.field(i); f != nil {
			v, ok = g.number(f, g.raw[int(g.starts[i])+f.Offset:])
		}
		if ok {
			g.valid[row/8] |= 1 << (row % 8)
		} else {
			v = 0
			g.nulls++
		}
		putNumber(g.data[row*w:], w, v)
	}
}

// number is what a field's raw bytes mean; ok is false for a time that is not
// set and for an index that no value has.
func (g *gathering) number(f *Field, raw []byte) (v uint64, ok bool) {
	switch f.Size {
	case 1:
		v = uint64(raw[0])
	case 2:
		v = uint64(binary.LittleEndian.Uint16(raw))
	case 4:
		v = uint64(binary.LittleEndian.Uint32(raw))
	default:
		v = binary.LittleEndian.Uint64(raw)
	}
	switch f.Type {
	case Timestamp:
		return v + uint64(g.offset), v != 0
	case Enum:
		return v, v < uint64(len(f.Values))
	}
	return v, true
}

func (g *gathering) text(from int) {
	for i := range g.keys {
		row := from + i
		if f := g.field(i); f == nil {
			g.nulls++
		} else {
			g.data = appendField(g.data, f, g.rawText(i, f))
			g.valid[row/8] |= 1 << (row % 8)
		}
		g.ends = binary.LittleEndian.AppendUint32(g.ends, uint32(len(g.data)))
	}
}

// rawText is where a row has a text: a tail was not copied.
func (g *gathering) rawText(i int, f *Field) []byte {
	if k := &g.layout.kinds[g.keys[i].kind]; k.Tail && f.Offset == k.fixed() {
		rest := g.arena.from(g.keys[i].at)[f.Offset:]
		return rest[:min(f.Size, len(rest))]
	}
	at := int(g.starts[i]) + f.Offset
	return g.raw[at : at+f.Size]
}

func appendField(to []byte, f *Field, raw []byte) []byte {
	if f.Type == Address {
		return netip.AddrFrom16([16]byte(raw)).Unmap().AppendTo(to)
	}
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		raw = raw[:i]
	}
	return appendText(to, raw)
}
