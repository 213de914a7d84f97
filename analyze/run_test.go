// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// harmless checks that there is nothing that a terminal would obey, and no
// trailing blank.
func harmless(t *testing.T, out []byte) {
	t.Helper()
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimRight(line, " ") != line {
			t.Errorf("trailing blanks: %q", line)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("invisible character at %d: %q", i, line)
		}
	}
}

func TestMissingSource(t *testing.T) {
	for name, test := range map[string]struct {
		capture  capture
		analysis string
		want     string
	}{
		"no kinds":       {capture{without: []string{"tcp_connect", "tcp_accept", "tcp_response", "tcp_close", "tcp_socket"}}, "tcplat", "has no tcp rows: record with -e tcp"},
		"not among them": {capture{meta: func(m *format.Metadata) { m.Sources = []string{"tcp"} }}, "cputime", "has no cpu rows: record with -e cpu"},
		"no process":     {capture{without: []string{"fork", "exec", "exit"}}, "lifetimes", "has no process rows: record with -e process"},
		"not attachable": {capture{meta: func(m *format.Metadata) {
			m.Sources = []string{"cpu"}
			m.Missing = []format.Missing{{Source: "tcp", Hook: "x", Reason: "no\x1b BTF"}}
		}}, "tcplat", `has no tcp rows: they could not be recorded there: no\x1b BTF`},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := analyze.Find(test.analysis)
			if err != nil {
				t.Fatal(err)
			}
			c := test.capture.write(t, end)
			_, err = analyze.Run(t.Context(), c, a, analyze.Options{})
			var missing *analyze.MissingError
			if !errors.As(err, &missing) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff("capture "+c.Path()+" "+test.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	c := write(t, machine()...)
	cputime, _ := analyze.Find("cputime")
	_, findErr := analyze.Find("cputme")
	_, farErr := analyze.Find("zzzzzzzz")
	_, sortErr := analyze.Run(t.Context(), c, cputime, analyze.Options{Sort: "on_cpu"})
	_, topErr := analyze.Run(t.Context(), c, cputime, analyze.Options{Top: -1})
	_, minErr := analyze.Run(t.Context(), c, cputime, analyze.Options{MinDuration: time.Second})
	formatErr := run(t, c, "cputime", analyze.Options{}).Render(&bytes.Buffer{}, "jsno")
	for want, err := range map[string]error{
		`unknown analysis "cputme", did you mean cputime?`: findErr,
		`unknown analysis "zzzzzzzz": there are cputime, lifetimes, runqlat, offcpu, wakeups, execs, opens, tcplat, tcplife, tcpconn, tcptop, tcpretrans, tcpstates, summary, audit`: farErr,
		`unknown column "on_cpu", did you mean on_cpu_ns?`: sortErr,
		`top -1: the number of rows cannot be negative`:    topErr,
		`cputime does not take a least duration`:           minErr,
		`unknown format "jsno", did you mean json?`:        formatErr,
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A capture that was cut short says so everywhere and ends at its last row.
func TestCutShort(t *testing.T) {
	rows := machine()
	c := capture{cut: true}.write(t, rows[:len(rows)-3]...) // the last row is at 1 s
	for name, r := range results(t, c) {
		if r.Whole() || r.Capture.Complete || r.Capture.DurationNS != 1_000*ms {
			t.Errorf("%s: whole %v, complete %v, %d ns", name, r.Whole(), r.Capture.Complete, r.Capture.DurationNS)
		}
		if out := string(render(t, r, "text")); !strings.Contains(out, "Cut short: the recording ends at 04:04:06.000") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// Loss adds up by source and reason, and only what the analysis uses makes it
// less than whole. Silence means zero.
func TestLoss(t *testing.T) {
	loss := func(source, reason string, n int) row {
		return at(500, "loss", v{"since": 0, "loss_source": source, "loss_reason": reason, "lost": n})
	}
	rows := append(machine(), loss("tcp", "ring_full", 3), loss("tcp", "map_full", 1), loss("tcp", "ring_full", 4), loss("file", "ring_full", 0))
	c := write(t, rows...)
	want := []analyze.Loss{{Source: "tcp", Reason: "map_full", Lost: 1}, {Source: "tcp", Reason: "ring_full", Lost: 7}}
	for name, whole := range map[string]bool{"cputime": true, "lifetimes": true, "tcplat": false} {
		r := run(t, c, name, analyze.Options{})
		if diff := cmp.Diff(want, r.Loss); diff != "" || r.Whole() != whole {
			t.Errorf("%s: whole %v, loss (-want +got):\n%s", name, r.Whole(), diff)
		}
		if out := string(render(t, r, "text")); !strings.Contains(out, "Lost: 7 tcp events (ring_full).") {
			t.Errorf("%s: %s", name, out)
		}
	}
	if out := string(render(t, run(t, write(t, machine()...), "cputime", analyze.Options{}), "text")); strings.Contains(out, "Lost") {
		t.Errorf("loss where there is none:\n%s", out)
	}
}

func TestMissingHooks(t *testing.T) {
	c := capture{meta: func(m *format.Metadata) {
		m.Missing = []format.Missing{
			{Source: "tcp", Hook: "tcp_probe", Loses: "response latency", Reason: "no such\x1b tracepoint"},
			{Source: "file", Hook: "openat2", Loses: "openat2", Reason: "old"},
		}
	}}.write(t, append(connections(), end)...)
	r := run(t, c, "tcplat", analyze.Options{})
	out := string(render(t, r, "text"))
	if !strings.Contains(out, `Not recorded: tcp: response latency (tcp_probe: no such\x1b tracepoint).`) || strings.Contains(out, "openat2") {
		t.Error(out)
	}
}

// JSON is one object with the names of the columns, CSV the same cells.
func TestMachineReadable(t *testing.T) {
	for name, r := range results(t, write(t, append(machine(), connections()...)...)) {
		var doc struct {
			Analysis string
			Capture  struct {
				Host, Kernel string
				Start        time.Time
				DurationNS   uint64 `json:"duration_ns"`
			}
			Loss    []any
			Columns []struct{ Name, Unit, Description string }
			Rows    []map[string]any
		}
		if err := json.Unmarshal(render(t, r, "json"), &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if doc.Analysis != name || doc.Capture.Host != "test" || doc.Capture.Kernel != "6.1.0" || !doc.Capture.Start.Equal(begin) || doc.Capture.DurationNS != 1_000*ms {
			t.Errorf("%s: %+v", name, doc.Capture)
		}
		if doc.Loss == nil || len(doc.Loss) != 0 {
			t.Errorf("%s: loss %v, want an empty list", name, doc.Loss)
		}
		records, err := csv.NewReader(bytes.NewReader(render(t, r, "csv"))).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(records) != len(doc.Rows)+1 {
			t.Errorf("%s: %d CSV rows, %d JSON rows", name, len(records), len(doc.Rows))
		}
		for i, c := range doc.Columns {
			if c.Description == "" || records[0][i] != c.Name || c.Name != r.Columns[i].Name {
				t.Errorf("%s: column %d: %+v, CSV %s", name, i, c, records[0][i])
			}
			for _, row := range doc.Rows {
				if _, ok := row[c.Name]; !ok {
					t.Errorf("%s: row without %s: %v", name, c.Name, row)
				}
			}
		}
		for _, record := range records[1:] {
			for _, cell := range record {
				if _, err := strconv.ParseInt(cell, 10, 64); err != nil && cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("%s: cell %q would run as a formula", name, cell)
				}
			}
		}
	}
}

// The tables of one analysis have its columns, each defined.
func TestColumns(t *testing.T) {
	for name, r := range results(t, write(t, append(machine(), connections()...)...)) {
		for _, table := range r.Tables {
			if diff := cmp.Diff(r.Columns, table.Columns); diff != "" && !table.Own {
				t.Errorf("%s: %s: %s", name, table.Title, diff)
			}
			for _, row := range table.Rows {
				if len(row) != len(table.Columns) {
					t.Errorf("%s: %d cells under %d columns", name, len(row), len(table.Columns))
				}
				for i, value := range row {
					if _, text := value.(string); value != nil && text != table.Columns[i].Text {
						t.Errorf("%s: %s has %#v", name, table.Columns[i].Name, value)
					}
				}
			}
		}
	}
	for _, a := range analyze.All {
		columns := a.Columns
		for _, also := range a.Also {
			columns = append(slices.Clip(columns), also.Columns...)
		}
		for _, c := range columns {
			if c.Doc == "" {
				t.Errorf("%s.%s has no definition", a.Name, c.Name)
			}
		}
	}
}

// Every column can be sorted by, also with values missing.
func TestSortByEveryColumn(t *testing.T) {
	c := write(t, append(machine(), connections()...)...)
	for _, a := range analyze.All {
		for _, column := range a.Columns {
			run(t, c, a.Name, analyze.Options{Sort: column.Name})
		}
	}
}

// An empty capture gives empty tables, not an error.
func TestNothingHappened(t *testing.T) {
	for name, r := range results(t, write(t, end)) {
		for _, format := range analyze.Formats[:5] {
			if out := render(t, r, format); len(out) == 0 {
				t.Errorf("%s.%s is empty", name, format)
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, _ := analyze.Find("cputime")
	if _, err := analyze.Run(ctx, write(t, machine()...), a, analyze.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
