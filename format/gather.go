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
	data, valid, ends []byte
	nulls             int
}

func (g *gathering) gather() {
	col := &g.layout.columns[g.col]
	switch {
	case col.Name == ColumnTime:
		g.times()
	case col.Name == ColumnKind:
		g.kinds(col)
	case col.isText():
		g.text()
	case g.kind >= 0 && col.Type != Enum && col.Type != Timestamp:
		g.strided(g.layout.fields[g.kind][g.col])
	default:
		g.numbers(col)
	}
}

func (g *gathering) times() {
	for i := range g.keys {
		binary.LittleEndian.PutUint64(g.data[8*i:], g.keys[i].time+uint64(g.offset))
	}
}

func (g *gathering) kinds(col *Column) {
	for i, w := 0, col.width(); i < len(g.keys); i++ {
		putNumber(g.data[w*i:], w, uint64(g.keys[i].kind))
	}
}

// strided copies a number that every row has at the same place.
func (g *gathering) strided(f *Field) {
	n, size := len(g.keys), g.layout.kinds[g.kind].Size
	raw, data := g.raw[f.Offset:], g.data
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
func (g *gathering) numbers(col *Column) {
	w := col.width()
	clear(g.valid)
	for i := range g.keys {
		v, ok := uint64(0), false
		if f := g.field(i); f != nil {
			v, ok = g.number(f, g.raw[int(g.starts[i])+f.Offset:])
		}
		if ok {
			g.valid[i/8] |= 1 << (i % 8)
		} else {
			v = 0
			g.nulls++
		}
		putNumber(g.data[i*w:], w, v)
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

func (g *gathering) text() {
	clear(g.valid)
	g.ends = binary.LittleEndian.AppendUint32(g.ends, 0)
	for i := range g.keys {
		if f := g.field(i); f == nil {
			g.nulls++
		} else {
			at := int(g.starts[i]) + f.Offset
			g.data = appendField(g.data, f, g.raw[at:at+f.Size])
			g.valid[i/8] |= 1 << (i % 8)
		}
		g.ends = binary.LittleEndian.AppendUint32(g.ends, uint32(len(g.data)))
	}
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
