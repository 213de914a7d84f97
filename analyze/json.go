// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// document is the JSON object of a result.
type document struct {
	Analysis    string           `json:"analysis"`
	Description string           `json:"description"`
	Capture     Recording        `json:"capture"`
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
		Analysis: r.Analysis, Description: r.Doc, Capture: r.Capture, Details: r.Details,
		// Empty lists, not null: nothing was lost, nothing is missing.
		Loss: append([]Loss{}, r.Loss...), Missing: append([]format.Missing{}, r.Missing...),
		Notes: append([]string{}, r.notes()...), Columns: r.Columns, Rows: []record{},
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
	var out strings.Builder
	for _, r := range string(b) {
		if r == '\n' || r < 0x7f {
			out.WriteRune(r)
			continue
		}
		q := replay.AppendJSON(nil, string(r))
		out.Write(q[1 : len(q)-1])
	}
	return []byte(out.String())
}
