// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"encoding/json"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrow writes the rows of all tables that have the result's columns as an Arrow
// file: instants as timestamps, durations as nanoseconds. Units and definitions
// are in the fields' metadata, the recording in that of the schema.
func (r *Result) arrow(w io.Writer) error {
	capture := &r.Capture
	if r.Sides != nil || r.Members != nil {
		capture = nil
	}
	about, err := json.Marshal(struct {
		Analysis string     `json:"analysis"`
		Capture  *Recording `json:"capture,omitempty"`
		Sides    []Side     `json:"sides,omitempty"`
		Captures []Member   `json:"captures,omitempty"`
		Skipped  []Skipped  `json:"skipped,omitempty"`
		Loss     []Loss     `json:"loss"`
		Notes    []string   `json:"notes"`
	}{r.Analysis, capture, r.Sides, r.Members, r.Skipped, append([]Loss{}, r.Loss...), append([]string{}, r.notes()...)})
	if err != nil {
		return err
	}
	rows := r.rows()
	fields := []arrow.Field{{Name: "table", Type: arrow.BinaryTypes.String}}
	for i := range r.Columns {
		c := &r.Columns[i]
		fields = append(fields, arrow.Field{Name: c.Name, Type: c.arrowType(i, rows), Nullable: true,
			Metadata: arrow.NewMetadata([]string{"unit", "description"}, []string{c.Unit, c.Doc})})
	}
	meta := arrow.NewMetadata([]string{"ebrec.result"}, []string{string(visible(about))})
	schema := arrow.NewSchema(fields, &meta)
	out, err := ipc.NewFileWriter(&seeker{Writer: w}, ipc.WithSchema(schema), ipc.WithZstd())
	if err != nil {
		return err
	}
	build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer build.Release()
	for _, t := range r.Tables {
		if t.Own {
			continue
		}
		for _, row := range t.Rows {
			build.Field(0).(*array.StringBuilder).Append(t.Title)
			for i, v := range row {
				appendArrow(build.Field(i+1), v)
			}
		}
	}
	record := build.NewRecord()
	defer record.Release()
	if err := out.Write(record); err != nil {
		return err
	}
	return out.Close()
}

// rows are those of all tables that have the result's columns.
func (r *Result) rows() (rows [][]Value) {
	for i := range r.Tables {
		if !r.Tables[i].Own {
			rows = append(rows, r.Tables[i].Rows...)
		}
	}
	return rows
}

// arrowType is the type of a column: that of its first value.
func (c *ColumnSpec) arrowType(i int, rows [][]Value) arrow.DataType {
	switch {
	case c.Text:
		return arrow.BinaryTypes.String
	case c.Unit == unitInstant:
		return arrow.FixedWidthTypes.Timestamp_ns
	case c.Unit == unitPercent:
		return arrow.PrimitiveTypes.Float64
	}
	for _, row := range rows {
		switch row[i].(type) {
		case int64:
			return arrow.PrimitiveTypes.Int64
		case float64, Amount:
			return arrow.PrimitiveTypes.Float64
		case uint64:
			return arrow.PrimitiveTypes.Uint64
		}
	}
	return arrow.PrimitiveTypes.Uint64
}

func appendArrow(to array.Builder, v Value) {
	if a, ok := v.(Amount); ok {
		v = a.Value
	}
	switch to := to.(type) {
	case *array.StringBuilder:
		appendOr(to, v, to.Append)
	case *array.TimestampBuilder:
		appendOr(to, v, func(ns int64) { to.Append(arrow.Timestamp(ns)) })
	case *array.Float64Builder:
		appendOr(to, v, to.Append)
	case *array.Int64Builder:
		appendOr(to, v, to.Append)
	case *array.Uint64Builder:
		appendOr(to, v, to.Append)
	}
}

// appendOr appends a value, or null where it is none of the column's type.
func appendOr[T any](to array.Builder, v Value, add func(T)) {
	if v, ok := v.(T); ok {
		add(v)
	} else {
		to.AppendNull()
	}
}

// seeker tells the Arrow writer where it is, which is all that it asks.
type seeker struct {
	io.Writer
	at int64
}

func (s *seeker) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	s.at += int64(n)
	return n, err
}

func (s *seeker) Seek(int64, int) (int64, error) { return s.at, nil }
