// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
)

// form is how Arrow lays out a column.
type form uint8

const (
	formOther form = iota // nothing that ebrec reads
	formFixed             // a number or a timestamp
	formText              // offsets and bytes
	formView              // views: a length and the text or where it is
	formWords             // indices into a dictionary
)

// wire is one field of the file's schema: which column it is, and where a
// record batch has its parts.
type wire struct {
	form       form
	width      int  // bytes of a number, an index or an offset
	signed     bool // formFixed and formWords
	dictionary int64
	words      *wire // formWords: how the dictionary's texts lie in a batch of their own
	typ        Type

	node, buffer, variadic    int // index of its first in a record batch
	nodes, buffers, variadics int // how many it has
}

// Arrow's union Type and the slots of Schema.fbs.
const (
	arrowInt, arrowFloat, arrowBinary, arrowUtf8, arrowBool, arrowDecimal = 2, 3, 4, 5, 6, 7
	arrowDate, arrowTime, arrowTimestamp, arrowInterval                   = 8, 9, 10, 11
	arrowFixedBinary, arrowDuration, arrowLargeBinary, arrowLargeUtf8     = 15, 18, 19, 20
	arrowNull, arrowBinaryView, arrowUtf8View                             = 1, 23, 24
	schemaEndianness, schemaFields, schemaMetadata                        = 0, 1, 2
	fieldName, fieldTypeKind, fieldType, fieldDictionary, fieldChildren   = 0, 2, 3, 4, 5
	fieldMetadata                                                         = 6
	dictionaryID, dictionaryIndex                                         = 0, 1
	intBits, intSigned                                                    = 0, 1
	timestampUnit, nanoseconds                                            = 0, 3
	maxColumns                                                            = 4096
)

// fileSchema is what a file says it holds. Columns and wires have the same indices.
type fileSchema struct {
	columns                   []Column
	wires                     []wire
	metadata                  map[string]string
	nodes, buffers, variadics int // of a record batch
}

// parseSchema reads a schema message. Fields of types that ebrec does not
// write are left out; a later version may have them.
func parseSchema(f *flat, table int) (*fileSchema, error) {
	s := &fileSchema{metadata: pairs(f, table, schemaMetadata)}
	if f.int16(table, schemaEndianness) != 0 {
		return nil, errors.New("its numbers are big-endian")
	}
	fields := f.tables(table, schemaFields)
	if len(fields) > maxColumns {
		return nil, fmt.Errorf("%d columns, at most %d are read", len(fields), maxColumns)
	}
	seen := map[string]bool{}
	for _, field := range fields {
		w, err := s.place(f, field)
		if _, ours := s.metadata[keyPrefix+"format"]; err != nil && !ours {
			return nil, fmt.Errorf("%w, it has %v", ErrNotCapture, err)
		}
		if err != nil {
			return nil, err
		}
		name := f.string(field, fieldName)
		if seen[name] {
			return nil, fmt.Errorf("two columns %q", name)
		}
		if seen[name] = true; w.form != formOther {
			md := pairs(f, field, fieldMetadata)
			s.columns = append(s.columns, Column{Name: name, Type: w.typ, Unit: md[fieldUnit], Doc: md[fieldDoc]})
			s.wires = append(s.wires, w)
		}
	}
	return s, f.err
}

// place makes the wire of the next field, which comes after all earlier ones.
func (s *fileSchema) place(f *flat, field int) (wire, error) {
	w := wire{node: s.nodes, buffer: s.buffers, variadic: s.variadics, nodes: 1}
	if len(f.tables(field, fieldChildren)) > 0 {
		return w, errors.New("a column within a column")
	}
	kind, typ := f.byte(field, fieldTypeKind), f.table(field, fieldType)
	if err := w.layout(f, kind, typ); err != nil {
		return w, err
	}
	if d := f.table(field, fieldDictionary); d != 0 {
		w.encode(f, d)
	}
	s.nodes += w.nodes
	s.buffers += w.buffers
	s.variadics += w.variadics
	return w, f.err
}

func (w *wire) layout(f *flat, kind byte, typ int) error {
	w.buffers = 2
	switch kind {
	case arrowInt:
		w.number(f, typ)
	case arrowTimestamp:
		if f.int16(typ, timestampUnit) == nanoseconds {
			w.form, w.typ, w.width, w.signed = formFixed, Timestamp, 8, true
		}
	case arrowUtf8:
		w.form, w.typ, w.width, w.buffers = formText, String, 4, 3
	case arrowLargeUtf8:
		w.form, w.typ, w.width, w.buffers = formText, String, 8, 3
	case arrowUtf8View:
		w.form, w.typ, w.width, w.variadics = formView, String, viewSize, 1
	case arrowBinary, arrowLargeBinary:
		w.buffers = 3
	case arrowBinaryView:
		w.variadics = 1
	case arrowNull:
		w.buffers = 0
	case arrowFloat, arrowBool, arrowDecimal, arrowDate, arrowTime, arrowInterval, arrowFixedBinary, arrowDuration:
	default:
		return fmt.Errorf("a column of Arrow type %d", kind)
	}
	return nil
}

func (w *wire) number(f *flat, typ int) {
	bits, signed := f.int32(typ, intBits), f.byte(typ, intSigned) != 0
	types := map[int32]Type{8: Uint8, 16: Uint16, 32: Uint32, 64: Uint64}
	if signed {
		types = map[int32]Type{8: Int32, 16: Int32, 32: Int32, 64: Int64}
	}
	if t, ok := types[bits]; ok {
		w.form, w.typ, w.width, w.signed = formFixed, t, int(bits/8), signed
	}
}

// encode makes a dictionary column of one whose values are text.
func (w *wire) encode(f *flat, encoding int) {
	values := *w
	values.node, values.buffer, values.variadic = 0, 0, 0
	*w = wire{node: w.node, buffer: w.buffer, variadic: w.variadic, nodes: 1, buffers: 2, words: &values}
	w.width, w.signed = 4, true // what Arrow takes when nothing is said
	if index := f.table(encoding, dictionaryIndex); index != 0 {
		w.number(f, index)
	}
	if w.form = formOther; values.form == formText || values.form == formView {
		w.form, w.typ, w.dictionary = formWords, Enum, f.int64(encoding, dictionaryID)
	}
}

// pairs is a vector of Arrow's KeyValue.
func pairs(f *flat, table, slot int) map[string]string {
	m := map[string]string{}
	for _, kv := range f.tables(table, slot) {
		m[f.string(kv, 0)] = f.string(kv, 1)
	}
	return m
}
