// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// document is the JSON object of a result.
type document struct {
	Analysis    string           `json:"analysis"`
	Description string           `json:"description"`
	Capture     *Recording       `json:"capture,omitempty"`
	Sides       []Side           `json:"sides,omitempty"`
	Captures    []Member         `json:"captures,omitempty"`
	Skipped     []Skipped        `json:"skipped,omitempty"`
	Details     *Details         `json:"details,omitempty"`
	Loss        []Loss           `json:"loss"`
	Missing     []format.Missing `json:"missing"`
	Notes       []string         `json:"notes"`
	Columns     []ColumnSpec     `json:"columns"`
	Rows        []record         `json:"rows"`
	Tables      []ownTable       `json:"tables,omitempty"` // with columns of their own
}

// ownTable is a table with columns of its own.
type ownTable struct {
	Title   string       `json:"title"`
	Columns []ColumnSpec `json:"columns"`
	Rows    []record     `json:"rows"`
}

func (r *Result) json(w io.Writer) error {
	d := document{
		Analysis: r.Analysis, Description: r.Doc, Capture: &r.Capture, Details: r.Details,
		// Empty lists, not null: nothing was lost, nothing is missing.
		Loss: append([]Loss{}, r.Loss...), Missing: append([]format.Missing{}, r.Missing...),
		Notes: append([]string{}, r.notes()...), Columns: r.Columns, Rows: []record{},
	}
	if r.Sides != nil {
		d.Capture, d.Sides = nil, r.Sides
	}
	if r.Members != nil {
		d.Capture, d.Captures, d.Skipped = nil, r.Members, r.Skipped
	}
	for _, t := range r.Tables {
		rows := []record{}
		for _, row := range t.Rows {
			rows = append(rows, record{t.Columns, row})
		}
		if t.Own {
			d.Tables = append(d.Tables, ownTable{t.Title, t.Columns, rows})
		} else {
			d.Rows = append(d.Rows, rows...)
		}
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(visible(b), '\n'))
	return err
}

// record is a row as an object whose keys are in the order of the columns.
type record struct {
	columns []ColumnSpec
	values  []Value
}

func (r record) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, v := range r.values {
		if i > 0 {
			b = append(b, ',')
		}
		b = replay.AppendJSON(b, r.columns[i].Name)
		b = append(b, ':')
		b = appendValue(b, v)
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, v Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return replay.AppendJSON(b, v)
	}
	return append(b, plain(v)...)
}

// visible escapes the characters that encoding/json lets through and a
// terminal may obey. They can only be inside strings.
func visible(b []byte) []byte {
	if !bytes.ContainsFunc(b, func(r rune) bool { return r >= 0x7f }) {
		return b
	}
	var out bytes.Buffer
	out.Grow(len(b))
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r < 0x7f {
			out.WriteByte(b[0])
		} else {
			q := replay.AppendJSON(nil, string(r))
			out.Write(q[1 : len(q)-1])
		}
		b = b[n:]
	}
	return out.Bytes()
}
