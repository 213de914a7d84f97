// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"slices"

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
	byID    []int      // index of the kind by its number, -1 for none
}

var headerColumns = []string{ColumnTime, ColumnKind, ColumnCPU, ColumnPID, ColumnTID}

func newLayout(kinds []Kind) (*layout, error) {
	l := &layout{kinds: kinds}
	if err := checkKinds(kinds); err != nil {
		return nil, err
	}
	at := map[string]int{}
	add := func(f *Field) error {
		i, ok := at[f.Name]
		if !ok {
			at[f.Name] = len(l.columns)
			l.columns = append(l.columns, f.Column)
			return nil
		}
		if have := &l.columns[i]; have.Type != f.Type || have.Unit != f.Unit || f.Name != ColumnKind && !slices.Equal(have.Values, f.Values) {
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
		for len(l.byID) <= int(l.kinds[k].ID) {
			l.byID = append(l.byID, -1)
		}
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

// kind is the index of the kind of that number, -1 when there is none.
func (l *layout) kind(id uint16) int {
	if int(id) >= len(l.byID) {
		return -1
	}
	return l.byID[id]
}

func (l *layout) schema(meta *Metadata) (*arrow.Schema, error) {
	fields := make([]arrow.Field, len(l.columns))
	for i := range l.columns {
		c := &l.columns[i]
		fields[i] = arrow.Field{
			Name:     c.Name,
			Type:     arrowType(c),
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
	wideEnumType  = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}
)

func arrowType(c *Column) arrow.DataType {
	switch c.Type {
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
		if c.width() == 2 {
			return wideEnumType
		}
		return enumType
	}
	return arrow.BinaryTypes.String
}

// dictionary makes the values of an Enum column.
func dictionary(values []string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(values, nil)
	return b.NewArray()
}
