// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

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

// csvCell is empty for no value. Text that a spreadsheet would run as a formula
// gets an apostrophe in front; numbers never do.
func csvCell(v Value) string {
	s, ok := v.(string)
	if !ok {
		return plain(v)
	}
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + replay.Clean(s)
	}
	return replay.Clean(s)
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
	case string:
		return v
	}
	return ""
}
