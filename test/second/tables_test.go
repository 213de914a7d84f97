// SPDX-License-Identifier: Apache-2.0

package second

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// compareSummary holds all tables of summary against second ones.
func compareSummary(t *testing.T, c *format.Capture, r *recording) {
	t.Helper()
	got := run(t, c, "summary", r)
	if got == nil {
		return
	}
	for i := range got.Tables {
		table := &got.Tables[i]
		second, known := inSummary[table.Title]
		if !known {
			t.Errorf("summary has no second table %q", table.Title)
			continue
		}
		want, diff := second.rows(r), ""
		if second.few == nil {
			diff = cmp.Diff(sorted(want), sorted(cells(table)))
		} else {
			diff = lackingFew(want, latest(table, want), 5, second.few)
		}
		if diff != "" {
			t.Errorf("summary from %d to %d: %s (-second +analyze):\n%s", r.from, r.to, table.Title, diff)
		}
	}
	if len(got.Tables) != len(inSummary) {
		t.Errorf("summary has %d tables, want %d", len(got.Tables), len(inSummary))
	}
}

// latest are a table's rows; those of failures with the figure behind them that they are
// ordered by, which the table does not show.
func latest(table *analyze.Table, want [][]any) [][]any {
	shown := cells(table)
	if table.Title != "Failures" {
		return shown
	}
	for i, row := range shown {
		for _, full := range want {
			if cmp.Equal(sorted([][]any{row}), sorted([][]any{full[:len(row)]})) {
				shown[i] = append(row, full[len(row)])
			}
		}
	}
	return shown
}

// run runs an analysis over a span; nil: it cannot be measured.
func run(t *testing.T, c *format.Capture, name string, r *recording) *analyze.Result {
	t.Helper()
	a, err := analyze.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	o := analyze.Options{From: r.from, To: r.to}
	if r.to == math.MaxInt64 {
		o.To = 0
	}
	got, err := analyze.Run(t.Context(), c, a, o)
	var ends *analyze.SpanError
	if errors.As(err, &ends) {
		return nil
	}
	if err != nil {
		t.Errorf("%s from %d to %d: %v", name, r.from, r.to, err)
		return nil
	}
	return got
}
