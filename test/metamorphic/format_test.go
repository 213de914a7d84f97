// SPDX-License-Identifier: Apache-2.0

package metamorphic

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// Every format, read back, has the same values: JSON, CSV and Arrow exactly, text
// and Markdown as far as their digits go.
func TestFormats(t *testing.T) {
	onFixtures(t, func(t *testing.T, path string) {
		c := capturetest.Open(t, path)
		for _, a := range analyze.All {
			for _, by := range groupings(a) {
				r := run(t, c, a, analyze.Options{By: by})
				if r == nil {
					continue
				}
				where := a.Name + " by " + by
				want := exactly(r)
				same(t, where+" as json", want, fromJSON(t, r))
				same(t, where+" as csv", want, fromCSV(t, r))
				same(t, where+" as arrow", want, fromArrow(t, r))
				tables := fromMarkdown(t, r)
				same(t, where+" as text and markdown", tables, fromText(t, r, tables))
				readable(t, where, r, tables, replay.Zone(c.Meta()))
			}
		}
	})
}

func same(t *testing.T, where string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", where, diff)
	}
}

// exactly is the rows of the tables with the result's columns, "" for none.
func exactly(r *analyze.Result) (rows [][]string) {
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			if !table.Own {
				rows = append(rows, words(row))
			}
		}
	}
	return rows
}

func words(row []analyze.Value) (cells []string) {
	for _, v := range row {
		cells = append(cells, word(v))
	}
	return cells
}

func word(v analyze.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func fromJSON(t *testing.T, r *analyze.Result) (rows [][]string) {
	t.Helper()
	var d struct {
		Columns []analyze.ColumnSpec
		Rows    []map[string]any
	}
	in := json.NewDecoder(bytes.NewReader(rendered(t, r, "json")))
	in.UseNumber()
	if err := in.Decode(&d); err != nil {
		t.Fatal(err)
	}
	for _, row := range d.Rows {
		var cells []string
		for _, c := range d.Columns {
			v, ok := row[c.Name]
			if !ok {
				t.Fatalf("JSON has no %s", c.Name)
			}
			cells = append(cells, word(v))
		}
		rows = append(rows, cells)
	}
	return rows
}

func fromCSV(t *testing.T, r *analyze.Result) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(rendered(t, r, "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range r.Columns {
		if rows[0][i] != c.Name {
			t.Errorf("CSV names column %d %s, not %s", i, rows[0][i], c.Name)
		}
	}
	if len(rows) == 1 {
		return nil
	}
	for _, row := range rows[1:] {
		for i := range row {
			if r.Columns[i].Text { // a spreadsheet would compute it
				row[i] = strings.TrimPrefix(row[i], "'")
			}
		}
	}
	return rows[1:]
}

func fromArrow(t *testing.T, r *analyze.Result) (rows [][]string) {
	t.Helper()
	in, err := ipc.NewFileReader(bytes.NewReader(rendered(t, r, "arrow")))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for i := range in.NumRecords() {
		record, err := in.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		for n := range int(record.NumRows()) {
			var cells []string
			for c := 1; c < int(record.NumCols()); c++ {
				cells = append(cells, arrowCell(t, record.Column(c), n))
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

func arrowCell(t *testing.T, a arrow.Array, i int) string {
	t.Helper()
	if a.IsNull(i) {
		return ""
	}
	switch a := a.(type) {
	case *array.Uint64:
		return word(a.Value(i))
	case *array.Int64:
		return word(a.Value(i))
	case *array.Timestamp:
		return word(int64(a.Value(i)))
	case *array.Duration:
		return word(int64(a.Value(i)))
	case *array.Float64:
		return word(a.Value(i))
	case *array.String:
		return a.Value(i)
	}
	t.Fatalf("a column of type %s", a.DataType())
	return ""
}

// shownTable is a table as people see it.
type shownTable struct {
	Title string
	Names []string
	Rows  [][]string
}

var (
	markdownCell   = regexp.MustCompile(`(?:\\.|[^|\\])+`)
	markdownEscape = regexp.MustCompile(`\\(.)`)
)

// fromMarkdown reads the tables of a Markdown document.
func fromMarkdown(t *testing.T, r *analyze.Result) (tables []shownTable) {
	t.Helper()
	for line := range strings.Lines(string(rendered(t, r, "markdown"))) {
		line = strings.TrimRight(line, "\n")
		if title, ok := strings.CutPrefix(line, "#### "); ok {
			tables = append(tables, shownTable{Title: title})
		}
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|:") || strings.HasPrefix(line, "|-") {
			continue
		}
		var cells []string
		for _, cell := range markdownCell.FindAllString(line, -1) {
			cells = append(cells, html.UnescapeString(markdownEscape.ReplaceAllString(strings.TrimSpace(cell), "$1")))
		}
		if last := &tables[len(tables)-1]; last.Names == nil {
			last.Names = cells
		} else {
			last.Rows = append(last.Rows, cells)
		}
	}
	return tables
}

// fromText reads the same tables of text: cells stand below each other, so it cuts
// lines where the columns of the header and the widest cells end.
func fromText(t *testing.T, r *analyze.Result, like []shownTable) (tables []shownTable) {
	t.Helper()
	text := strings.Split(string(rendered(t, r, "text")), "\n")
	for _, want := range like {
		for len(text) > 0 && (text[0] != want.Title || len(text) > 1 && want.Names != nil && text[1] == "none") {
			text = text[1:]
		}
		if len(text) < 2 {
			t.Fatalf("%s: text has no table %s", r.Analysis, want.Title)
		}
		text = text[1:]
		got := shownTable{Title: want.Title}
		if want.Names != nil {
			got.Names, text = textCells(text[0], want.Names), text[1:]
			for range want.Rows {
				// Cells have single blanks at most, columns are two apart, unless a name
				// has more.
				got.Rows = append(got.Rows, textCells(text[0], want.Rows[len(got.Rows)]))
				text = text[1:]
			}
		}
		tables = append(tables, got)
	}
	return tables
}

// textCells cuts a line into cells, guided by what they should be: what is another
// one is found all the same, because the line does not begin with it.
func textCells(line string, like []string) (cells []string) {
	rest := line
	for _, want := range like {
		rest = strings.TrimLeft(rest, " ")
		if want != "" && strings.HasPrefix(rest, want) && (len(rest) == len(want) || rest[len(want)] == ' ') {
			cells, rest = append(cells, want), rest[len(want):]
			continue
		}
		cell, after, _ := strings.Cut(rest, "  ")
		cells, rest = append(cells, cell), after
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		cells = append(cells, rest)
	}
	return cells
}

// readable wants the cells of tables for people to say what the result has.
func readable(t *testing.T, where string, r *analyze.Result, tables []shownTable, zone *time.Location) {
	t.Helper()
	if len(tables) != len(r.Tables) {
		t.Fatalf("%s: %d tables of %d", where, len(tables), len(r.Tables))
	}
	for i, table := range r.Tables {
		if len(table.Rows) != len(tables[i].Rows) {
			t.Errorf("%s, %s: %d rows of %d", where, table.Title, len(tables[i].Rows), len(table.Rows))
			continue
		}
		for n, row := range table.Rows {
			for j, name := range tables[i].Names {
				at := nameOf(t, table.Columns, name)
				if at < 0 {
					t.Fatalf("%s: no column %s", where, name)
				}
				if cell := tables[i].Rows[n][j]; !means(&table.Columns[at], row[at], cell, zone) {
					t.Errorf("%s, %s, %s: %q for %v", where, table.Title, name, cell, row[at])
				}
			}
		}
	}
}

// nameOf finds a column by the name that people see, which has no unit.
func nameOf(t *testing.T, columns []analyze.ColumnSpec, shown string) int {
	t.Helper()
	for i, c := range columns {
		for _, suffix := range []string{"", "_ns", "_bytes", "_percent"} {
			name, ok := strings.CutSuffix(c.Name, suffix)
			if ok && strings.EqualFold(strings.ReplaceAll(name, "_", " "), strings.ReplaceAll(strings.TrimSuffix(shown, "%"), "_", " ")) {
				return i
			}
		}
	}
	return -1
}

var scale = map[string]float64{"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "": 1}

// means tells whether a cell says a value, as far as its digits go.
func means(c *analyze.ColumnSpec, v analyze.Value, cell string, zone *time.Location) bool {
	switch v := v.(type) {
	case nil:
		return cell == "-" || cell == ""
	case string:
		return cell == replay.Clean(v) || v == "" && cell == `""`
	case float64:
		n, err := strconv.ParseFloat(strings.TrimSuffix(cell, "%"), 64)
		return err == nil && math.Abs(n-v) <= 0.05000001
	}
	switch c.Unit {
	case "ns since epoch":
		return sameInstant(word(v), cell, zone)
	case "1 for yes, 0 for no":
		return cell == map[bool]string{true: "yes", false: "no"}[word(v) != "0"]
	}
	want, err := strconv.ParseFloat(word(v), 64)
	if err != nil {
		return false
	}
	number, unit, _ := strings.Cut(cell, " ")
	n, err := strconv.ParseFloat(strings.TrimPrefix(number, "+"), 64)
	_, decimals, _ := strings.Cut(number, ".")
	half := scale[unit] / math.Pow10(len(decimals)) / 2
	return err == nil && scale[unit] != 0 && math.Abs(n*scale[unit]-want) <= half*1.000001+1e-9
}

// sameInstant compares nanoseconds with a time of day, or with a date and time.
func sameInstant(ns, cell string, zone *time.Location) bool {
	n, err := strconv.ParseInt(ns, 10, 64)
	at := time.Unix(0, n).In(zone)
	return err == nil && (cell == at.Format("15:04:05.000") || cell == at.Format(time.DateTime))
}
