// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Type says what a column holds and how a raw record holds it.
type Type uint8

// The column types. Raw records are little-endian.
const (
	Uint8     Type = iota + 1
	Uint16         // 2 bytes
	Uint32         // 4 bytes
	Uint64         // 8 bytes
	Int32          // 4 bytes
	Int64          // 8 bytes
	Timestamp      // an instant; raw: 8 bytes, nanoseconds since boot; in the file and after reading: nanoseconds since the Unix epoch
	String         // text; raw: bytes up to the first NUL or the end of the field; in the file: UTF-8, see [Text]
	Address        // an IP address; raw: 16 bytes, IPv4 as IPv4-mapped; in the file: its usual text
	Enum           // one of Column.Values; raw: 4 bytes, the index; in the file: a dictionary of strings
)

// A Column is one column of a capture. A name has the same type, unit and
// meaning in every kind that has it.
type Column struct {
	Name   string
	Type   Type
	Unit   string // "ns", "bytes", "count" or empty
	Doc    string
	Values []string // Enum: the texts, by index; complete from the first batch
}

// A Field is a column together with where a raw record of one kind holds it.
// Kinds read from a file have no layout: Offset and Size are zero.
type Field struct {
	Column
	Offset, Size int // bytes
}

// A Kind is a kind of row: an event, an identity, a sum.
type Kind struct {
	ID     uint16 // the number in the raw header; never reused
	Name   string
	Source string // what to record to get it; "recording" for rows that are always there
	Doc    string
	Hot    bool // may come in millions: its rows have batches of their own
	Size   int  // bytes of a raw record; of one with a tail the most
	Tail   bool // the last field is a text, and a record ends after its NUL
	Fields []Field
}

// fixed is the bytes that every raw record has: all but the tail.
func (k *Kind) fixed() int {
	if k.Tail {
		return k.Fields[len(k.Fields)-1].Offset
	}
	return k.Size
}

// whole is a raw record of the kind without what follows it. A tail without a
// NUL is an error: nothing says where it ends.
func (k *Kind) whole(record []byte) ([]byte, error) {
	if !k.Tail {
		return record[:k.Size], nil
	}
	most := record[:min(k.Size, len(record))]
	n := bytes.IndexByte(most[min(k.fixed(), len(most)):], 0)
	if n < 0 {
		return nil, fmt.Errorf("record of kind %s: its text has no end", k.Name)
	}
	return most[:k.fixed()+n+1], nil
}

// Names of the columns that nearly every kind has, from the raw header.
const (
	ColumnTime = "time" // Timestamp, never null
	ColumnKind = "kind" // Enum of the kinds' names, never null
	ColumnCPU  = "cpu"  // Uint16
	ColumnPID  = "pid"  // Uint32, process (tgid)
	ColumnTID  = "tid"  // Uint32, thread
)

// Field returns the field of that name, or nil.
func (k *Kind) Field(name string) *Field {
	for i := range k.Fields {
		if k.Fields[i].Name == name {
			return &k.Fields[i]
		}
	}
	return nil
}

// PutUint stores v in a raw record. The field must be numeric and v fit it;
// higher bits are dropped.
func (f *Field) PutUint(record []byte, v uint64) {
	b := record[f.Offset : f.Offset+f.Size]
	switch f.Size {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	case 8:
		binary.LittleEndian.PutUint64(b, v)
	}
}

// Uint reads the field of a raw record. The field must be numeric.
func (f *Field) Uint(record []byte) uint64 {
	b := record[f.Offset : f.Offset+f.Size]
	switch f.Size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// Encode makes a raw record from values by column name: integers of any Go
// type for numbers and timestamps (boot time), strings for String and Enum,
// 16 bytes for Address. Columns not named are zero. It is the slow way in, for
// tests and for rows that come once in a recording.
func (k *Kind) Encode(values map[string]any) ([]byte, error) {
	record := make([]byte, k.Size)
	if f := k.Field(ColumnKind); f != nil {
		f.PutUint(record, uint64(k.ID))
	}
	for name, v := range values {
		f := k.Field(name)
		if f == nil {
			return nil, fmt.Errorf("encode %s: no column %q", k.Name, name)
		}
		if err := f.put(record, v); err != nil {
			return nil, fmt.Errorf("encode %s.%s: %w", k.Name, name, err)
		}
	}
	return record, nil
}

func (f *Field) put(record []byte, v any) error {
	switch v := v.(type) {
	case string:
		return f.putString(record, v)
	case []byte:
		copy(record[f.Offset:f.Offset+f.Size], v)
	case int:
		f.PutUint(record, uint64(v))
	case int64:
		f.PutUint(record, uint64(v))
	case uint64:
		f.PutUint(record, v)
	case uint32:
		f.PutUint(record, uint64(v))
	default:
		return fmt.Errorf("unsupported Go type %T", v)
	}
	return nil
}

func (f *Field) putString(record []byte, s string) error {
	if f.Type != Enum {
		copy(record[f.Offset:f.Offset+f.Size], s)
		return nil
	}
	for i, text := range f.Values {
		if text == s {
			f.PutUint(record, uint64(i))
			return nil
		}
	}
	return fmt.Errorf("%q is none of %q", s, f.Values)
}
