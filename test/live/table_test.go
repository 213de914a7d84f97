// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/ebrec/ebrec/test/truth"
)

// table is what "ebrec analyze --format json" prints.
type table struct {
	Analysis string
	Capture  struct {
		Host       string
		Kernel     string
		Start, End time.Time
		DurationNS int64 `json:"duration_ns"`
	}
	Columns []struct{ Name, Unit, Description string }
	Loss    []json.RawMessage
	Rows    []row
	Notes   []string
	Tables  []struct {
		Title string
		Rows  []row
	}
}

type row map[string]any

// analyze runs one analysis over a capture.
func analyze(t *testing.T, name, trace string, options ...string) table {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(run(t, append([]string{"analyze", name, "--format", "json", trace}, options...)...)))
	d.UseNumber()
	var out table
	if err := d.Decode(&out); err != nil {
		t.Fatalf("analyze %s: %v", name, err)
	}
	if out.Analysis != name {
		t.Errorf("analysis is named %q, want %q", out.Analysis, name)
	}
	return out
}

// further is the further table of a title.
func (tb table) further(t *testing.T, title string) table {
	t.Helper()
	for _, f := range tb.Tables {
		if f.Title == title {
			return table{Analysis: tb.Analysis, Rows: f.Rows}
		}
	}
	t.Fatalf("%s has no table %q", tb.Analysis, title)
	return table{}
}

// find returns the only row whose columns have the values of want.
func (tb table) find(t *testing.T, want row) row {
	t.Helper()
	var found row
	for _, r := range tb.Rows {
		if !r.has(t, want) {
			continue
		}
		if found != nil {
			t.Errorf("%s has two rows with %v", tb.Analysis, want)
		}
		found = r
	}
	if found == nil {
		t.Errorf("%s has no row with %v", tb.Analysis, want)
	}
	return found
}

// process returns the row of a process in a table that tells no starts: one that had
// its number before, or has it later, has another name.
func (tb table) process(t *testing.T, want truth.Process) row {
	t.Helper()
	return tb.find(t, row{"pid": want.PID, "comm": want.Comm})
}

// sum adds a column up over the rows whose columns have the values of want.
func (tb table) sum(t *testing.T, column string, want row) (n int64) {
	t.Helper()
	for _, r := range tb.Rows {
		if r.has(t, want) {
			n += r.int(t, column)
		}
	}
	return n
}

// has says whether the row's columns have the values of want: int or string.
func (r row) has(t *testing.T, want row) bool {
	t.Helper()
	for name, v := range want {
		switch v := v.(type) {
		case int:
			if r[name] == nil || r.int(t, name) != int64(v) {
				return false
			}
		default:
			if r[name] != v {
				return false
			}
		}
	}
	return true
}

// int is the value of a column of whole numbers, which must not be null.
func (r row) int(t *testing.T, name string) int64 {
	t.Helper()
	number, ok := r[name].(json.Number)
	if !ok {
		t.Fatalf("column %s is %v (%T), want a number; row: %v", name, r[name], r[name], r)
	}
	n, err := number.Int64()
	if err != nil {
		t.Fatalf("column %s: %v", name, err)
	}
	return n
}

// text is the value of a column of text; "" if it is null.
func (r row) text(name string) string {
	s, _ := r[name].(string)
	return s
}

// replayRows are the events of a kind.
func replayRows(t *testing.T, trace, kind string) (rows []row) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(run(t, "replay", "--kind", kind, "--format", "json", trace)))
	d.UseNumber()
	for {
		var r row
		err := d.Decode(&r)
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		rows = append(rows, r)
	}
}

// lostOf adds up what the capture says that sources lost.
func lostOf(t *testing.T, trace string, sources ...string) (lost int64) {
	t.Helper()
	for _, r := range replayRows(t, trace, "loss") {
		if slices.Contains(sources, r.text("loss_source")) {
			lost += r.int(t, "lost")
		}
	}
	return lost
}

// hidden tells whether the capture says that threads were on a CPU that the machine
// hides from tracing: switches to and from them were not seen.
func hidden(t *testing.T, trace string) bool {
	t.Helper()
	return slices.ContainsFunc(replayRows(t, trace, "loss"), func(r row) bool { return r.text("loss_reason") == "unseen" })
}

// rowsOf is how many rows of a kind a capture has.
func rowsOf(t *testing.T, trace, kind string) int64 {
	t.Helper()
	var info table
	out, _ := exec.Command(ebrec, "info", "--format", "json", trace).Output() // 3, when something was lost
	if err := json.Unmarshal(out, &info); err != nil {
		t.Fatalf("info %s: %v: %s", trace, err, out)
	}
	for _, r := range info.Rows {
		if r.text("kind") == kind {
			return int64(r["rows"].(float64))
		}
	}
	t.Fatalf("info does not name %s", kind)
	return 0
}
