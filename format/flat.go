// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"

	flatbuffers "github.com/google/flatbuffers/go"
)

var errFlat = errors.New("metadata points outside of itself")

// flat reads a flatbuffer that may be hostile: the library's own accessors
// panic on offsets that point elsewhere, so each place is checked before it is
// read. Tables are positions in buf, 0 for one that is not there. The first
// failure sticks; until it is looked at everything reads as zero.
type flat struct {
	buf   []byte
	text  int // bytes of strings that may still be read: strings may overlap
	items int // tables of vectors that may still be followed
	err   error
}

const maxFlatItems = 1 << 16

func newFlat(buf []byte) *flat {
	return &flat{buf: buf, text: 2*len(buf) + 1024, items: maxFlatItems}
}

func (f *flat) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// has tells whether n bytes are at a place, and fails when not.
func (f *flat) has(at, n int) bool {
	if f.err == nil && (at < 0 || n < 0 || at > len(f.buf)-n) {
		f.fail(errFlat)
	}
	return f.err == nil
}

// follow is the place that the offset at a place leads to.
func (f *flat) follow(at int) int {
	if !f.has(at, flatbuffers.SizeUOffsetT) {
		return 0
	}
	to := at + int(flatbuffers.GetUOffsetT(f.buf[at:]))
	if !f.has(to, flatbuffers.SizeSOffsetT) {
		return 0
	}
	return to
}

func (f *flat) root() int { return f.follow(0) }

// field is where a table has field number slot, 0 when it is not set.
func (f *flat) field(table, slot, size int) int {
	if table == 0 || !f.has(table, flatbuffers.SizeSOffsetT) {
		return 0
	}
	vtable := table - int(flatbuffers.GetSOffsetT(f.buf[table:]))
	if !f.has(vtable, flatbuffers.SizeVOffsetT) {
		return 0
	}
	entry := (slot + flatbuffers.VtableMetadataFields) * flatbuffers.SizeVOffsetT
	if entry+flatbuffers.SizeVOffsetT > int(flatbuffers.GetVOffsetT(f.buf[vtable:])) {
		return 0
	}
	if !f.has(vtable+entry, flatbuffers.SizeVOffsetT) {
		return 0
	}
	at := int(flatbuffers.GetVOffsetT(f.buf[vtable+entry:]))
	if at == 0 || !f.has(table+at, size) {
		return 0
	}
	return table + at
}

func (f *flat) int64(table, slot int) int64 {
	if at := f.field(table, slot, 8); at != 0 {
		return flatbuffers.GetInt64(f.buf[at:])
	}
	return 0
}

func (f *flat) int32(table, slot int) int32 {
	if at := f.field(table, slot, 4); at != 0 {
		return flatbuffers.GetInt32(f.buf[at:])
	}
	return 0
}

func (f *flat) int16(table, slot int) int16 {
	if at := f.field(table, slot, 2); at != 0 {
		return flatbuffers.GetInt16(f.buf[at:])
	}
	return 0
}

func (f *flat) byte(table, slot int) byte {
	if at := f.field(table, slot, 1); at != 0 {
		return f.buf[at]
	}
	return 0
}

func (f *flat) table(table, slot int) int {
	if at := f.field(table, slot, flatbuffers.SizeUOffsetT); at != 0 {
		return f.follow(at)
	}
	return 0
}

// vector is where a vector's elements begin and how many there are.
func (f *flat) vector(table, slot, size int) (at, n int) {
	v := f.table(table, slot)
	if v == 0 || !f.has(v, flatbuffers.SizeUOffsetT) {
		return 0, 0
	}
	n = int(flatbuffers.GetUOffsetT(f.buf[v:]))
	at = v + flatbuffers.SizeUOffsetT
	if n > (len(f.buf)-at)/size {
		f.fail(errFlat)
		return 0, 0
	}
	return at, n
}

// tables is the tables of a vector of tables.
func (f *flat) tables(table, slot int) []int {
	at, n := f.vector(table, slot, flatbuffers.SizeUOffsetT)
	if f.items -= n; f.items < 0 {
		f.fail(errors.New("metadata has too many parts"))
		return nil
	}
	all := make([]int, n)
	for i := range all {
		all[i] = f.follow(at + i*flatbuffers.SizeUOffsetT)
	}
	return all
}

func (f *flat) string(table, slot int) string {
	at, n := f.vector(table, slot, 1)
	if f.text -= n; f.text < 0 {
		f.fail(errors.New("metadata repeats its text"))
		return ""
	}
	return string(f.buf[at : at+n])
}
