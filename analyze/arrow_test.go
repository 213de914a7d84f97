// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/ebrec/ebrec/analyze"
)

// readArrow gives some columns of an Arrow file of lifetimes as text.
func readArrow(t *testing.T, data []byte) (lines []string) {
	t.Helper()
	f, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if unit, _ := f.Schema().Field(10).Metadata.GetValue("unit"); unit != "ns" {
		t.Errorf("the unit of %s is %q", f.Schema().Field(10).Name, unit)
	}
	for i := range f.NumRecords() {
		rec, err := f.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		for row := range int(rec.NumRows()) {
			at := func(i int) any {
				col := rec.Column(rec.Schema().FieldIndices(lifetimesColumn(t, i))[0])
				if col.IsNull(row) {
					return "null"
				}
				switch c := col.(type) {
				case *array.Uint64:
					return c.Value(row)
				case *array.Timestamp:
					return int64(c.Value(row))
				case *array.String:
					return c.Value(row)
				}
				return fmt.Sprint("a ", arrow.DataType(col.DataType()))
			}
			lines = append(lines, fmt.Sprint(rec.Column(0).(*array.String).Value(row), " ", at(0), " ", at(4), " ", at(8), " ", at(9), " ", at(10), " ", at(12)))
		}
	}
	return lines
}

func lifetimesColumn(t *testing.T, i int) string { return find(t, "lifetimes").Columns[i].Name }

func orNull(v analyze.Value) any {
	if v == nil {
		return "null"
	}
	return v
}
