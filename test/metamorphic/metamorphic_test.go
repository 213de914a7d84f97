// SPDX-License-Identifier: Apache-2.0

package metamorphic

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// fixtures are all captures that were recorded for tests, those of old versions
// too.
func fixtures(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../../testdata/*/trace.arrow", "../../testdata/versions/*/trace.arrow"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			t.Fatalf("%s: %d captures, %v", pattern, len(some), err)
		}
		all = append(all, some...)
	}
	return all
}

// onFixtures calls a test for every fixture, side by side.
func onFixtures(t *testing.T, test func(t *testing.T, path string)) {
	for _, path := range fixtures(t) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) { t.Parallel(); test(t, path) })
	}
}

// run analyzes; nil: the capture has not what the analysis needs, or nothing of
// the span.
func run(t *testing.T, c *format.Capture, a *analyze.Analysis, o analyze.Options) *analyze.Result {
	t.Helper()
	r, err := analyze.Run(t.Context(), c, a, o)
	if lacks(err) {
		return nil
	}
	if err != nil {
		t.Fatalf("%s of %s, %+v: %v", a.Name, c.Path(), o, err)
	}
	return r
}

// lacks tells whether an error says that there is nothing to analyze.
func lacks(err error) bool {
	var missing *analyze.MissingError
	var ends *analyze.SpanError
	var outside *analyze.OutsideError
	return errors.As(err, &missing) || errors.As(err, &ends) || errors.As(err, &outside)
}

// cuts are instants to cut a recording at: where sums were read, in between, and
// at a row, which belongs to what is before.
func cuts(t *testing.T, c *format.Capture) []int64 {
	t.Helper()
	at, times := readings(t, c), rowTimes(t, c)
	at = at[:min(2, len(at))]
	for _, share := range []int{2, 5, 9} {
		row := times[len(times)*share/10]
		at = append(at, row, row+17)
	}
	slices.Sort(at)
	return slices.DeleteFunc(slices.Compact(at), func(i int64) bool { return i <= times[0] || i >= times[len(times)-1] })
}

// readings are when sums were read, but for the last time.
func readings(t *testing.T, c *format.Capture) []int64 {
	t.Helper()
	at, err := replay.New(c).Readings()
	if err != nil {
		t.Fatal(err)
	}
	return at[:max(0, len(at)-1)]
}

// rowTimes are those of all rows, in order.
func rowTimes(t *testing.T, c *format.Capture) (times []int64) {
	t.Helper()
	begin := c.Meta().Start.UnixNano()
	for e, err := range replay.New(c).Events(replay.Select{Columns: []format.Col{}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Time() > begin {
			times = append(times, e.Time())
		}
	}
	if len(times) < 10 {
		t.Fatalf("%d rows", len(times))
	}
	return times
}

// sliced writes a slice.
func sliced(t *testing.T, path string, s replay.Slice) string {
	t.Helper()
	c := capturetest.Open(t, path)
	out, err := os.CreateTemp(t.TempDir(), "slice-*.arrow")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay.New(c).Slice(out, s); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// groupings are what rows of an analysis can be of.
func groupings(a *analyze.Analysis) []string {
	if len(a.By) == 0 {
		return []string{""}
	}
	return a.By
}

// lines are the rows of a table as text, to be compared.
func lines(rows [][]analyze.Value) []string {
	all := make([]string, 0, len(rows))
	for _, row := range rows {
		all = append(all, fmt.Sprintf("%v", row))
	}
	return all
}

// column is the place of a column, -1 when there is none.
func column(columns []analyze.ColumnSpec, name string) int {
	return slices.IndexFunc(columns, func(c analyze.ColumnSpec) bool { return c.Name == name })
}
