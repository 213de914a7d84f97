// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"
	"strings"
)

// A Value is a cell: int64, uint64, float64, string, or nil where there is
// nothing to say.
type Value any

// Units of columns.
const (
	unitNS      = "ns"                  // a duration
	unitInstant = "ns since epoch"      // an instant
	unitCount   = "count"               // a number of things
	unitBytes   = "bytes"               // a size
	unitPercent = "percent"             //
	unitFlag    = "1 for yes, 0 for no" //
)

// A ColumnSpec defines a column of a table.
type ColumnSpec struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	Doc  string `json:"description"`
	Text bool   `json:"-"` // values are strings
	// Some says that it has values for some groupings only: text leaves it out
	// where it has none.
	Some bool `json:"-"`
	// Unlike names a column: where both have the same in every row, text leaves
	// this one out.
	Unlike string `json:"-"`
}

// A Table is rows of values under columns.
type Table struct {
	Title   string
	Columns []ColumnSpec
	Rows    [][]Value
	Notes   []string // what the numbers do not cover, one sentence each
	Hidden  int      // rows that Options.Top left out
	Own     bool     // it has columns and an order of its own
}

// order sorts the rows by a column. Rows that are equal in it keep their order,
// and rows without a value come last.
func (t *Table) order(column string) error {
	i, err := indexOf(t.Columns, column)
	if err != nil {
		return err
	}
	rising := t.Columns[i].Unit == unitInstant || t.Columns[i].Unit == ""
	slices.SortStableFunc(t.Rows, func(a, b []Value) int { return compare(a[i], b[i], rising) })
	return nil
}

// indexOf finds a column, else an *UnknownError.
func indexOf(columns []ColumnSpec, name string) (int, error) {
	var names []string
	for i := range columns {
		if columns[i].Name == name {
			return i, nil
		}
		names = append(names, columns[i].Name)
	}
	return 0, unknown("column", name, names)
}

// compare puts text and, where asked, numbers in rising order, else in falling.
func compare(a, b Value, rising bool) int {
	if a == nil || b == nil {
		return boolInt(a == nil) - boolInt(b == nil)
	}
	s, ok := a.(string)
	if ok {
		return strings.Compare(s, b.(string))
	}
	c := compareNumbers(a, b)
	if rising {
		return c
	}
	return -c
}

func compareNumbers(a, b Value) int {
	switch a := a.(type) {
	case uint64:
		return cmp.Compare(a, b.(uint64))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	}
	return 0
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Cut keeps the first n rows, and counts the others as hidden; 0 keeps all.
func (t *Table) Cut(n int) {
	if n > 0 && len(t.Rows) > n {
		t.Hidden += len(t.Rows) - n
		t.Rows = t.Rows[:n]
	}
}
