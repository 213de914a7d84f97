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
	formFloat             // a floating-point number, of another program
	formBits              // a truth value, of another program
	formNull              // no row has a value
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
	arrow      string // the name of its Arrow type
	scale      int64  // instants: nanoseconds of a unit
	checked    bool   // its numbers must be found to be of typ: see convert
	encoded    bool   // it is text that becomes words: see encodeTexts
	codes      map[string]uint32

	node, buffer, variadic    int // index of its first in a record batch
	nodes, buffers, variadics int // how many it has
}

// Arrow's union Type and the slots of Schema.fbs.
const (
	arrowInt, arrowFloat, arrowBinary, arrowUtf8, arrowBool, arrowDecimal = 2, 3, 4, 5, 6, 7
	arrowDate, arrowTime, arrowTimestamp, arrowInterval                   = 8, 9, 10, 11
	arrowFixedBinary, arrowDuration, arrowLargeBinary, arrowLargeUtf8     = 15, 18, 19, 20
	arrowNull, arrowBinaryView, arrowUtf8View                             = 1, 23, 24
	arrowList, arrowStruct, arrowFixedList, arrowMap, arrowLargeList      = 12, 13, 16, 17, 21
	arrowRunEnds, arrowListView, arrowLargeListView                       = 22, 25, 26
	schemaEndianness, schemaFields, schemaMetadata                        = 0, 1, 2
	fieldName, fieldTypeKind, fieldType, fieldDictionary, fieldChildren   = 0, 2, 3, 4, 5
	fieldMetadata                                                         = 6
	dictionaryID, dictionaryIndex                                         = 0, 1
	intBits, intSigned                                                    = 0, 1
	timestampUnit, nanoseconds                                            = 0, 3
	floatPrecision                                                        = 0
	maxColumns                                                            = 4096
)

// arrowNames are types of Arrow as messages name them.
var arrowNames = map[byte]string{
	arrowInt: "int", arrowFloat: "float16", arrowBinary: "binary", arrowUtf8: "utf8", arrowBool: "bool", arrowDecimal: "decimal",
	arrowDate: "date", arrowTime: "time", arrowTimestamp: "timestamp", arrowInterval: "interval", arrowFixedBinary: "fixed_size_binary",
	arrowDuration: "duration", arrowLargeBinary: "large_binary", arrowLargeUtf8: "large_utf8", arrowNull: "null",
	arrowBinaryView: "binary_view", arrowUtf8View: "utf8_view", arrowList: "list", arrowStruct: "struct", arrowFixedList: "fixed_size_list",
	arrowMap: "map", arrowLargeList: "large_list", arrowRunEnds: "run_end_encoded", arrowListView: "list_view", arrowLargeListView: "large_list_view",
}

// Units of instants, by their number.
var (
	unitScales = [...]int64{1e9, 1e6, 1e3, 1}
	unitNames  = [...]string{"[s]", "[ms]", "[us]", "[ns]"}
)

// fileSchema is what a file says it holds. Columns and wires have the same indices.
type fileSchema struct {
	columns                   []Column
	wires                     []wire
	refused                   map[string]string // why, by name of a column that cannot be read
	metadata                  map[string]string
	nodes, buffers, variadics int // of a record batch
}

// parseSchema reads a schema message. Fields of types that ebrec does not
// write are left out; a later version may have them.
func parseSchema(f *flat, table int) (*fileSchema, error) {
	s := &fileSchema{metadata: pairs(f, table, schemaMetadata), refused: map[string]string{}}
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
		if seen[name] = true; w.form == formOther {
			s.refused[name] = "has type " + w.arrow + ", which is not read"
		} else {
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
	if err := w.read(f, field, 0); err != nil {
		return w, err
	}
	s.nodes += w.nodes
	s.buffers += w.buffers
	s.variadics += w.variadics
	return w, f.err
}

// maxDepth is how deep columns may lie within columns.
const maxDepth = 16

// read reads a field. Columns within columns are not ebrec's, but may be among
// those of another program: they are counted, to know where the next column is.
func (w *wire) read(f *flat, field, depth int) error {
	kind, typ := f.byte(field, fieldTypeKind), f.table(field, fieldType)
	if err := w.layout(f, kind, typ); err != nil {
		return err
	}
	if d := f.table(field, fieldDictionary); d != 0 {
		w.encode(f, d)
		return nil
	}
	children := f.tables(field, fieldChildren)
	if len(children) > maxColumns || depth == maxDepth {
		return errors.New("columns within columns, too many")
	}
	for _, child := range children {
		var c wire
		if err := c.read(f, child, depth+1); err != nil {
			return err
		}
		w.form = formOther
		w.nodes += c.nodes
		w.buffers += c.buffers
		w.variadics += c.variadics
		if w.nodes > maxColumns {
			return errors.New("columns within columns, too many")
		}
	}
	return nil
}

func (w *wire) layout(f *flat, kind byte, typ int) error {
	w.nodes, w.buffers, w.arrow = 1, 2, arrowNames[kind]
	switch kind {
	case arrowInt:
		w.number(f, typ)
	case arrowFloat:
		w.float(f, typ)
	case arrowBool:
		w.form, w.typ = formBits, Uint8
	case arrowTimestamp:
		unit := f.int16(typ, timestampUnit)
		if unit < 0 || unit > nanoseconds {
			return fmt.Errorf("timestamps of unit %d", unit)
		}
		w.form, w.typ, w.width, w.signed, w.scale = formFixed, Timestamp, 8, true, unitScales[unit]
		w.arrow += unitNames[unit]
	case arrowUtf8:
		w.form, w.typ, w.width, w.buffers = formText, String, 4, 3
	case arrowLargeUtf8:
		w.form, w.typ, w.width, w.buffers = formText, String, 8, 3
	case arrowUtf8View:
		w.form, w.typ, w.width, w.variadics = formView, String, viewSize, 1
	case arrowBinary, arrowLargeBinary, arrowListView, arrowLargeListView:
		w.buffers = 3
	case arrowBinaryView:
		w.variadics = 1
	case arrowNull:
		w.form, w.typ, w.buffers = formNull, Uint8, 0
	case arrowRunEnds:
		w.buffers = 0
	case arrowStruct, arrowFixedList:
		w.buffers = 1
	case arrowDecimal, arrowDate, arrowTime, arrowInterval, arrowFixedBinary, arrowDuration, arrowList, arrowMap, arrowLargeList:
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
		if w.arrow = fmt.Sprintf("int%d", bits); !signed {
			w.arrow = "u" + w.arrow
		}
	}
}

func (w *wire) float(f *flat, typ int) {
	switch f.int16(typ, floatPrecision) {
	case 1:
		w.form, w.width, w.arrow = formFloat, 4, "float32"
	case 2:
		w.form, w.width, w.arrow = formFloat, 8, "float64"
	}
	w.typ = Int64 // unless it is known better
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
	w.arrow = "dictionary of " + values.arrow
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
