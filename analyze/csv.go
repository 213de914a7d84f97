// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"encoding/csv"
	"io"
	"strconv"

	"github.com/ebrec/ebrec/replay"
)

// csv writes one header and the rows of all tables that have its columns.
func (r *Result) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	var cells []string
	for i := range r.Columns {
		cells = append(cells, r.Columns[i].Name)
	}
	if err := out.Write(cells); err != nil {
		return err
	}
	for _, t := range r.Tables {
		if t.Own {
			continue
		}
		for _, row := range t.Rows {
			cells = cells[:0]
			for _, v := range row {
				cells = append(cells, csvCell(v))
			}
			if err := out.Write(cells); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// csvCell is empty for no value.
func csvCell(v Value) string {
	if s, ok := v.(string); ok {
		return replay.SpreadsheetText(s)
	}
	return plain(v)
}

// plain is a value as a program reads it, empty for none.
func plain(v Value) string {
	switch v := v.(type) {
	case uint64:
		return strconv.FormatUint(v, 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case Amount:
		return plain(v.Value)
	case string:
		return v
	}
	return ""
}
