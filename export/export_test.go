// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// The same capture gives the same bytes.
func TestSameBytes(t *testing.T) {
	for name, c := range fixtures(t) {
		for _, f := range Formats {
			if f.Name == "folded" && c.Kind("task_sum") == nil || f.Name == "folded-offcpu" && c.Kind("sched_switch") == nil {
				continue
			}
			a, report := written(t, c, f.Name)
			b, _ := written(t, c, f.Name)
			if !bytes.Equal(a, b) || len(a) == 0 {
				t.Errorf("%s to %s: %d and %d bytes, which differ", name, f.Name, len(a), len(b))
			}
			if report.Count == 0 {
				t.Errorf("%s to %s has nothing", name, f.Name)
			}
		}
	}
}

// CSV and JSON lines have the same rows, all of them, and the same values.
func TestRows(t *testing.T) {
	for name, c := range fixtures(t) {
		text, r := written(t, c, "csv")
		table, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		lines, _ := written(t, c, "jsonl")
		rows := strings.SplitAfter(string(lines), "\n")
		if n := rowCount(t, c); len(rows) != n+1 || len(table) != n+1 || r.Count != uint64(n) {
			t.Fatalf("%s: %d lines of JSON, %d of CSV, %d reported, want %d", name, len(rows), len(table), r.Count, n)
		}
		for i, line := range rows[:len(rows)-1] {
			if diff := cmp.Diff(fromJSON(t, c, line), fromCSV(table[0], table[i+1])); diff != "" {
				t.Fatalf("%s, row %d (-JSON +CSV):\n%s", name, i, diff)
			}
		}
	}
}

func rowCount(t *testing.T, c *format.Capture) (n int) {
	usage, err := c.Usage()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range usage {
		if u.Kind != format.ColumnMetadata { // which is no event
			n += int(u.Rows)
		}
	}
	return n
}

// fromJSON is a line as CSV has it: instants but for time as numbers.
func fromJSON(t *testing.T, c *format.Capture, line string) map[string]string {
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		t.Fatal(err)
	}
	row := map[string]string{}
	for key, value := range object {
		row[key] = fmt.Sprint(value)
		if s, ok := value.(string); ok && key != "time" {
			row[key] = replay.SpreadsheetText(s)
		}
	}
	for _, column := range c.Columns() {
		if ns, ok := row[column.Name+"_ns"]; ok && column.Type == format.Timestamp && column.Name != "time" {
			row[column.Name] = ns
			delete(row, column.Name+"_ns")
		}
	}
	return without(row)
}

func fromCSV(names, cells []string) map[string]string {
	row := map[string]string{}
	for i, name := range names {
		row[name] = cells[i]
	}
	return without(row)
}

// without leaves out what is empty: CSV cannot tell it from nothing.
func without(row map[string]string) map[string]string {
	for key, value := range row {
		if value == "" {
			delete(row, key)
		}
	}
	return row
}

// What others chose as names ends nothing and begins nothing in any format.
func TestHostileNames(t *testing.T) {
	name := "=a;b\"c,\n\x1b[2J\u202e\xff<x>"
	r := record(t, nil)
	r.task(10, 10, 1, name[:15])
	r.turn(begin+100, 0, 10, 0, "S")
	r.add(begin+200, "exec", values{"cpu": 0, "pid": 10, "tid": 10, "ppid": 1, "start": 10 * second, "comm": name[:15], "filename": name})
	r.add(begin+300, "task_sum", values{"pid": 10, "tid": 10, "start": 10 * second, "cpu_time_ns": 5_000_000})
	c := r.end(begin + second)
	for _, f := range Formats {
		out, _ := written(t, c, f.Name)
		for _, bad := range []string{"\x1b", "\u202e", "\xff"} {
			if f.Name != "perfetto" && bytes.Contains(out, []byte(bad)) {
				t.Errorf("%s has %q", f.Name, bad)
			}
		}
		switch f.Name {
		case "perfetto":
			if bytes.Contains(out, []byte("\x1b[2J")) || bytes.Contains(out, []byte("\u202e")) {
				t.Error("the trace has what a terminal obeys")
			}
		case "csv":
			if rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll(); err != nil || len(rows) != rowCount(t, c)+1 {
				t.Errorf("CSV of %d rows: %v", len(rows), err)
			}
			if bytes.Contains(out, []byte(",=a")) || bytes.Contains(out, []byte(",\"=a")) {
				t.Error("a spreadsheet would run a name")
			}
		case "folded":
			if lines := strings.Split(string(out), "\n"); len(lines) != 2 || strings.Count(lines[0], ";") != 0 {
				t.Errorf("folded: %q", out)
			}
		}
	}
}

// strictJSON wants one value and nothing behind it.
func strictJSON(t *testing.T, data []byte) (document struct {
	Unit   string            `json:"displayTimeUnit"`
	Events []json.RawMessage `json:"traceEvents"`
}) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&document); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("something follows the document: %v", err)
	}
	return document
}
