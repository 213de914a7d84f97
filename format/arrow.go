// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Keys of the Arrow fields' own metadata.
const (
	fieldUnit = "unit"
	fieldDoc  = "doc"
)

// layout is the flat schema of a set of kinds: the union of their columns,
// the header's first.
type layout struct {
	kinds   []Kind
	columns []Column
	fields  [][]*Field // by index of the kind, then of the column; nil where the kind has none
	byID    map[uint16]int
}

var headerColumns = []string{ColumnTime, ColumnKind, ColumnCPU, ColumnPID, ColumnTID}

func newLayout(kinds []Kind) (*layout, error) {
	l := &layout{kinds: kinds, byID: map[uint16]int{}}
	at := map[string]int{}
	add := func(f *Field) error {
		i, ok := at[f.Name]
		if !ok {
			at[f.Name] = len(l.columns)
			l.columns = append(l.columns, f.Column)
			return nil
		}
		if have := &l.columns[i]; have.Type != f.Type || have.Unit != f.Unit || len(have.Values) != len(f.Values) {
			return fmt.Errorf("column %s has two meanings", f.Name)
		}
		return nil
	}
	for _, name := range headerColumns {
		for k := range kinds {
			if f := kinds[k].Field(name); f != nil {
				if err := add(f); err != nil {
					return nil, err
				}
			}
		}
	}
	for k := range kinds {
		for f := range kinds[k].Fields {
			if err := add(&kinds[k].Fields[f]); err != nil {
				return nil, err
			}
		}
	}
	l.index(at)
	return l, nil
}

// index fills in the table of fields, and the names that the kind column takes.
func (l *layout) index(at map[string]int) {
	names := make([]string, len(l.kinds))
	for k := range l.kinds {
		names[k] = l.kinds[k].Name
		l.byID[l.kinds[k].ID] = k
		row := make([]*Field, len(l.columns))
		for f := range l.kinds[k].Fields {
			row[at[l.kinds[k].Fields[f].Name]] = &l.kinds[k].Fields[f]
		}
		l.fields = append(l.fields, row)
	}
	if i, ok := at[ColumnKind]; ok {
		l.columns[i].Values = names
	}
}

func (l *layout) schema(meta *Metadata) (*arrow.Schema, error) {
	fields := make([]arrow.Field, len(l.columns))
	for i := range l.columns {
		c := &l.columns[i]
		fields[i] = arrow.Field{
			Name:     c.Name,
			Type:     arrowType(c.Type),
			Nullable: c.Name != ColumnTime && c.Name != ColumnKind,
			Metadata: arrow.NewMetadata([]string{fieldUnit, fieldDoc}, []string{c.Unit, c.Doc}),
		}
	}
	md, err := encodeMetadata(meta, l.kinds)
	if err != nil {
		return nil, err
	}
	return arrow.NewSchema(fields, &md), nil
}

var (
	timestampType = &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}
	enumType      = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
)

func arrowType(t Type) arrow.DataType {
	switch t {
	case Uint8:
		return arrow.PrimitiveTypes.Uint8
	case Uint16:
		return arrow.PrimitiveTypes.Uint16
	case Uint32:
		return arrow.PrimitiveTypes.Uint32
	case Uint64:
		return arrow.PrimitiveTypes.Uint64
	case Int32:
		return arrow.PrimitiveTypes.Int32
	case Int64:
		return arrow.PrimitiveTypes.Int64
	case Timestamp:
		return timestampType
	case Enum:
		return enumType
	}
	return arrow.BinaryTypes.String
}

// typeOf is the inverse of arrowType, as far as it goes: an address comes back
// as the text that it is in the file.
func typeOf(t arrow.DataType) (Type, error) {
	switch t.ID() {
	case arrow.UINT8:
		return Uint8, nil
	case arrow.UINT16:
		return Uint16, nil
	case arrow.UINT32:
		return Uint32, nil
	case arrow.UINT64:
		return Uint64, nil
	case arrow.INT32:
		return Int32, nil
	case arrow.INT64:
		return Int64, nil
	case arrow.TIMESTAMP:
		if t.(*arrow.TimestampType).Unit == arrow.Nanosecond {
			return Timestamp, nil
		}
	case arrow.DICTIONARY:
		if t.(*arrow.DictionaryType).ValueType.ID() == arrow.STRING {
			return Enum, nil
		}
	case arrow.STRING:
		return String, nil
	}
	return 0, fmt.Errorf("unexpected Arrow type %s", t)
}

// dictionary makes the values of an Enum column.
func dictionary(values []string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(values, nil)
	return b.NewArray()
}
