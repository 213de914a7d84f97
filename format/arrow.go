// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
)

// Keys of the Arrow fields' own metadata.
const (
	fieldUnit = "unit"
	fieldDoc  = "doc"
)

// layout is the flat schema of a set of kinds: the union of their columns,
// the header's first.
type layout struct {
	kinds   []Kind // the last is that of the metadata's own row
	names   []string
	columns []Column
	fields  [][]*Field // by index of the kind, then of the column; nil where the kind has none
	byID    []int      // index of the kind by its number, -1 for none
}

// mostWords is how many words a dictionary may have: indices have 16 bits, signed.
const mostWords = 1 << 15

var headerColumns = []string{ColumnTime, ColumnKind, ColumnCPU, ColumnPID, ColumnTID}

func newLayout(kinds []Kind) (*layout, error) {
	l := &layout{kinds: append(slices.Clip(kinds), metadataKind(kinds))}
	kinds = l.kinds
	at := map[string]int{}
	add := func(f *Field) error {
		if len(f.Values) > mostWords { // of another program's file
			return fmt.Errorf("column %s is a dictionary of %d words, which may have %d", f.Name, len(f.Values), mostWords)
		}
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
		if l.kinds[k].ID != metadataID {
			l.byID[l.kinds[k].ID] = k
		}
		row := make([]*Field, len(l.columns))
		for f := range l.kinds[k].Fields {
			row[at[l.kinds[k].Fields[f].Name]] = &l.kinds[k].Fields[f]
		}
		l.fields = append(l.fields, row)
	}
	l.names = names
	l.columns[at[ColumnKind]].Values = names
}

// kind is the index of the kind of that number, -1 when there is none.
func (l *layout) kind(id uint16) int {
	if int(id) >= len(l.byID) {
		return -1
	}
	return l.byID[id]
}

// schema is the layout for the Arrow library.
func (l *layout) schema(metadata []note) *arrow.Schema {
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
	var keys, values []string
	for _, n := range metadata {
		keys, values = append(keys, n.key), append(values, n.value)
	}
	md := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &md)
}

var (
	timestampType = &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}
	enumType      = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	wideEnumType  = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}
)

// ArrowType is the column's type in the file, as the Arrow library writes it.
func (c *Column) ArrowType() string { return arrowType(c).String() }

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
