// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// vector is one decoded column of a batch. Whatever it was made from, reading
// a row that exists cannot fail: load checked it.
type vector struct {
	form   form
	width  int // bytes of a number, an index or an offset
	signed bool
	none   bool     // every row is null, or the column was not asked for
	valid  []byte   // bitmap; nil: no row is null
	data   []byte   // numbers, indices, views or text
	ends   []byte   // formText: offsets into data
	extra  [][]byte // formView: texts too long for a view
	words  []string // formWords

	memory struct{ valid, data, ends, wide []byte } // to be reused
}

const (
	viewSize   = 16 // length; text, or its beginning, buffer and offset
	viewInline = 12
)

// load decodes a column.
func (v *vector) load(l *loader, b *recordBatch, w *wire, words []string) error {
	rows, nulls := b.node(w.node)
	if rows != int64(b.rows) || nulls < 0 || nulls > rows {
		return fmt.Errorf("%d rows and %d nulls in a batch of %d", rows, nulls, b.rows)
	}
	*v = vector{form: w.form, width: w.width, signed: w.signed, memory: v.memory}
	if v.none = nulls == rows || w.form == formNull; v.none {
		return nil
	}
	if err := v.loadValid(l, b.span(w, 0), b.rows, int(nulls)); err != nil {
		return err
	}
	if w.form == formText {
		if err := v.loadText(l, b, w); err != nil {
			return err
		}
		return v.encode(w, words, b.rows)
	}
	size := rows * int64(w.width)
	if w.form == formBits {
		size = (rows + 7) / 8
	}
	data, err := l.load(v.memory.data, b.span(w, 1), size, size+padding)
	if err != nil {
		return err
	}
	v.data, v.memory.data = data, data
	switch w.form {
	case formWords:
		v.words = words
		return v.checkWords(b.rows)
	case formView:
		if err := v.loadViews(l, b, w); err != nil {
			return err
		}
		return v.encode(w, words, b.rows)
	}
	return nil
}

// padding is how much longer than needed a buffer may be.
const padding = 64

func (v *vector) loadValid(l *loader, s span, rows, nulls int) error {
	if nulls == 0 {
		return nil
	}
	least := int64(rows+7) / 8
	valid, err := l.load(v.memory.valid, s, least, least+padding)
	if err != nil {
		return err
	}
	v.valid, v.memory.valid = valid, valid
	if ones(valid, rows) != rows-nulls {
		return errors.New("its bitmap and its number of nulls disagree")
	}
	return nil
}

// ones counts the ones in the first n bits.
func ones(bitmap []byte, n int) (sum int) {
	for ; n >= 64; n -= 64 {
		sum += bits.OnesCount64(binary.LittleEndian.Uint64(bitmap))
		bitmap = bitmap[8:]
	}
	for i := range n {
		sum += int(bitmap[i/8] >> (i % 8) & 1)
	}
	return sum
}

func (v *vector) loadText(l *loader, b *recordBatch, w *wire) (err error) {
	size := int64(b.rows+1) * int64(w.width)
	if v.ends, err = l.load(v.memory.ends, b.span(w, 1), size, size+padding); err != nil {
		return err
	}
	v.memory.ends = v.ends
	if v.data, err = l.load(v.memory.data, b.span(w, 2), 0, maxInflated); err != nil {
		return err
	}
	v.memory.data = v.data
	return v.checkText(b.rows)
}

var errText = errors.New("its text is not valid UTF-8")

// checkText checks that offsets ascend within the text and fall between its
// characters, and that it is UTF-8.
func (v *vector) checkText(rows int) error {
	first, last := v.end(0), v.end(0)
	for i := range rows + 1 {
		at := v.end(i)
		if at < last || at > uint64(len(v.data)) {
			return errors.New("offsets of its text are out of order")
		}
		if at < uint64(len(v.data)) && !utf8.RuneStart(v.data[at]) {
			return errText
		}
		last = at
	}
	if first > last || !utf8.Valid(v.data[first:last]) {
		return errText
	}
	return nil
}

// end is where text i-1 ends and text i begins.
func (v *vector) end(i int) uint64 {
	if v.width == 8 {
		return binary.LittleEndian.Uint64(v.ends[8*i:])
	}
	return uint64(binary.LittleEndian.Uint32(v.ends[4*i:]))
}

// loadViews reads the texts behind the views and checks every view.
func (v *vector) loadViews(l *loader, b *recordBatch, w *wire) error {
	for i := range b.variadic(w.variadic) {
		data, err := l.load(nil, b.span(w, 2+i), 0, maxInflated)
		if err != nil {
			return err
		}
		if !utf8.Valid(data) {
			return errText
		}
		v.extra = append(v.extra, data)
	}
	for i := range b.rows {
		if v.null(i) {
			continue
		}
		if err := v.checkView(v.data[i*viewSize:][:viewSize]); err != nil {
			return err
		}
	}
	return nil
}

func (v *vector) checkView(view []byte) error {
	n := uint64(binary.LittleEndian.Uint32(view))
	if n <= viewInline {
		if !utf8.Valid(view[4 : 4+n]) {
			return errText
		}
		return nil
	}
	buffer, at := binary.LittleEndian.Uint32(view[8:]), uint64(binary.LittleEndian.Uint32(view[12:]))
	if uint64(buffer) >= uint64(len(v.extra)) || at+n > uint64(len(v.extra[buffer])) {
		return errors.New("a view of text that is not there")
	}
	text := v.extra[buffer]
	if !utf8.RuneStart(text[at]) || at+n < uint64(len(text)) && !utf8.RuneStart(text[at+n]) {
		return errText
	}
	return nil
}

// checkWords checks that every index is one of the dictionary's.
func (v *vector) checkWords(rows int) error {
	limit := uint64(len(v.words))
	if v.width == 1 && v.signed {
		limit = min(limit, 128)
	}
	if v.width == 1 {
		top := byte(0)
		for _, x := range v.data[:rows] {
			top = max(top, x)
		}
		if uint64(top) < limit {
			return nil
		}
	}
	for i := range rows {
		if v.number(i) >= limit && !v.null(i) {
			return fmt.Errorf("row %d has entry %d of a dictionary of %d", i, int64(v.number(i)), limit)
		}
	}
	return nil
}

func (v *vector) null(i int) bool {
	return v.none || v.valid != nil && v.valid[i>>3]>>(i&7)&1 == 0
}

// number is a number or an index; a negative one has its sign extended.
func (v *vector) number(i int) uint64 {
	switch v.width {
	case 8:
		return binary.LittleEndian.Uint64(v.data[8*i:])
	case 4:
		x := binary.LittleEndian.Uint32(v.data[4*i:])
		if v.signed {
			return uint64(int32(x))
		}
		return uint64(x)
	case 2:
		x := binary.LittleEndian.Uint16(v.data[2*i:])
		if v.signed {
			return uint64(int16(x))
		}
		return uint64(x)
	}
	if v.signed {
		return uint64(int8(v.data[i]))
	}
	return uint64(v.data[i])
}

// widen gives the numbers of the rows from one on, of a column without nulls or
// signs.
func (v *vector) widen(from int, to []uint64) {
	data := v.data[from*v.width:]
	switch v.width {
	case 8:
		for i := range to {
			to[i] = binary.LittleEndian.Uint64(data[8*i:])
		}
	case 4:
		for i := range to {
			to[i] = uint64(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case 2:
		for i := range to {
			to[i] = uint64(binary.LittleEndian.Uint16(data[2*i:]))
		}
	default:
		for i := range to {
			to[i] = uint64(data[i])
		}
	}
}

// text copies a text out of the batch.
func (v *vector) text(i int) string {
	if v.form == formWords {
		return v.words[v.number(i)]
	}
	return string(v.bytes(i))
}

// bytes is a text as long as the batch is valid.
func (v *vector) bytes(i int) []byte {
	switch v.form {
	case formWords:
		return []byte(v.words[v.number(i)])
	case formText:
		return v.data[v.end(i):v.end(i+1)]
	case formView:
		view := v.data[i*viewSize:][:viewSize]
		n := binary.LittleEndian.Uint32(view)
		if n <= viewInline {
			return view[4 : 4+n]
		}
		at := uint64(binary.LittleEndian.Uint32(view[12:]))
		return v.extra[binary.LittleEndian.Uint32(view[8:])][at:][:n]
	}
	return nil
}
