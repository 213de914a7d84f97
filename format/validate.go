// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// validate checks what the Arrow library only finds out, by a panic, when a
// value is read: bitmaps that are too short, offsets of text that point
// elsewhere, and text that is none.
func validate(a arrow.Array) error {
	if bits := a.Data().Buffers()[0]; bits != nil && bits.Len() > 0 && bits.Len() < (a.Len()+7)/8 {
		return errors.New("its validity bitmap is too short")
	}
	switch a := a.(type) {
	case *array.String:
		return validateText(a)
	case *array.Dictionary:
		values, ok := a.Dictionary().(*array.String)
		if !ok {
			return errors.New("its dictionary is no text")
		}
		return validateText(values)
	}
	return nil
}

func validateText(a *array.String) error {
	if a.Len() == 0 {
		return nil
	}
	size := 0
	if data := a.Data().Buffers()[2]; data != nil {
		size = data.Len()
	}
	last := int32(0)
	for i := range a.Len() + 1 {
		at := int32(a.ValueOffset(i))
		if at < last || int(at) > size {
			return errors.New("its text offsets are out of order")
		}
		last = at
	}
	for i := range a.Len() {
		if !utf8.ValidString(a.Value(i)) {
			return errors.New("its text is not UTF-8")
		}
	}
	return nil
}
