// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// firstSwitch is when a capture's first switch was; the start, if it has none.
func firstSwitch(t *testing.T, c *format.Capture) int64 {
	t.Helper()
	if c.Kind("sched_switch") == nil {
		return c.Meta().Start.UnixNano()
	}
	for e, err := range replay.New(c).Events(replay.Select{Kinds: []string{"sched_switch"}, Columns: []format.Col{}}) {
		if err != nil {
			t.Fatal(err)
		}
		return e.Time()
	}
	return c.Meta().Start.UnixNano()
}

// captures are the recorded fixtures.
func captures(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../testdata/*/trace.arrow")
	if err != nil || len(all) < 5 {
		t.Fatalf("%d captures in testdata, %v", len(all), err)
	}
	return all
}

// used is what cputime says of each process and CPU, by pid and name.
func used(t *testing.T, c *format.Capture, o analyze.Options) map[string]int64 {
	t.Helper()
	r, err := analyze.Run(t.Context(), c, find(t, "cputime"), o)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			name, _ := row[2].(string)
			for i, v := range row {
				if n, ok := v.(uint64); ok && i > 3 {
					sums[name+" "+table.Columns[i].Name] += int64(n)
				}
			}
		}
	}
	return sums
}

func find(t *testing.T, name string) *analyze.Analysis {
	t.Helper()
	a, err := analyze.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Two spans that meet add up to the whole, to the nanosecond.
func TestSpansAddUp(t *testing.T) {
	tried := 0
	for _, path := range captures(t) {
		c := capturetest.Open(t, path)
		at, err := replay.New(c).Readings()
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(at)-1; i++ {
			tried++
			sum := used(t, c, analyze.Options{To: at[i]})
			for k, v := range used(t, c, analyze.Options{From: at[i]}) {
				sum[k] += v
			}
			if diff := cmp.Diff(used(t, c, analyze.Options{}), sum); diff != "" {
				t.Errorf("%s, spans that meet at reading %d (-whole +added up):\n%s", path, i, diff)
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d spans", tried)
	}
}

// What an analysis says of a slice is what it says of the same span of the
// whole; and a slice of everything says what the whole does.
func TestSliceSaysTheSame(t *testing.T) {
	tried := 0
	for _, path := range captures(t) {
		c := capturetest.Open(t, path)
		start := c.Meta().Start.UnixNano()
		busy := firstSwitch(t, c) + 1e8 // in a span of which sums are read behind it only
		for _, span := range [][2]int64{{0, 0}, {busy, busy + 1e8}, {start + 3e8, 0}, {0, start + 11e8}, {start + 2e8, start + 12e8}, {start + 9e8, start + 91e7}} {
			slice := sliced(t, path, replay.Slice{From: span[0], To: span[1]})
			for _, a := range analyze.All {
				if a.Whole {
					continue
				}
				want, wantErr := analyze.Run(t.Context(), c, a, analyze.Options{From: span[0], To: span[1]})
				got, err := analyze.Run(t.Context(), slice, a, analyze.Options{})
				var ends *analyze.SpanError
				var missing *analyze.MissingError
				var outside *analyze.OutsideError
				if errors.As(wantErr, &outside) { // of the slice nobody asked for a span
					continue
				}
				if wantErr != nil && (errors.As(wantErr, &ends) && errors.As(err, &ends) || errors.As(err, &missing)) {
					continue
				}
				if wantErr != nil || err != nil {
					t.Fatalf("%s: %v, of the slice: %v", path, wantErr, err)
				}
				tried++
				if diff := cmp.Diff(render(t, want, "json"), render(t, got, "json")); diff != "" {
					t.Errorf("%s, %s of %v (-whole +slice):\n%s", path, a.Name, span, diff)
				}
			}
		}
	}
	if tried < 60 {
		t.Errorf("only %d comparisons", tried)
	}
}

// sliced writes a slice and opens it.
// A slice knows who woke a thread that was on a CPU as its window began.
func TestSliceKnowsWhoWoke(t *testing.T) {
	path := capture{}.save(t, filepath.Join(t.TempDir(), "alarms.arrow"), alarms()...)
	c := capturetest.Open(t, path)
	for ms := int64(10); ms < 1000; ms += 10 {
		from := begin.UnixNano() + ms*1e6
		want := run(t, c, "runqlat", analyze.Options{From: from})
		got := run(t, sliced(t, path, replay.Slice{From: from}), "runqlat", analyze.Options{})
		if diff := cmp.Diff(render(t, want, "json"), render(t, got, "json")); diff != "" {
			t.Fatalf("from %d ms (-whole +slice):\n%s", ms, diff)
		}
	}
}

func sliced(t *testing.T, path string, s replay.Slice) *format.Capture {
	t.Helper()
	r, err := replay.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := filepath.Join(t.TempDir(), "slice.arrow")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Slice(f, s); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return capturetest.Open(t, out)
}

// A slice of one process has that process's rows and says the same of it.
func TestSliceOfOneProcess(t *testing.T) {
	const path = "../testdata/mixed/trace.arrow"
	whole, err := analyze.Run(t.Context(), capturetest.Open(t, path), find(t, "cputime"), analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := whole.Tables[0].Rows[0]
	pid := uint32(want[0].(uint64))
	r, err := analyze.Run(t.Context(), sliced(t, path, replay.Slice{PIDs: []uint32{pid}}), find(t, "cputime"), analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Tables[0].Rows) != 1 || len(r.Tables[1].Rows) != 0 {
		t.Fatalf("%d processes, %d kernel threads", len(r.Tables[0].Rows), len(r.Tables[1].Rows))
	}
	if diff := cmp.Diff(want, r.Tables[0].Rows[0]); diff != "" {
		t.Errorf("the process (-whole +slice):\n%s", diff)
	}
	if r.Capture.Filter == "" {
		t.Error("the slice does not say that it has one process only")
	}
}

// A slice of some kinds has no analysis that needs others.
func TestSliceOfOneKind(t *testing.T) {
	c := sliced(t, "../testdata/mixed/trace.arrow", replay.Slice{Kinds: []string{"exec"}})
	_, err := analyze.Run(t.Context(), c, find(t, "cputime"), analyze.Options{})
	var missing *analyze.MissingError
	if !errors.As(err, &missing) || missing.Source != "cpu" {
		t.Errorf("cputime of a slice without sums: %v", err)
	}
	if _, err := replay.New(c).Slice(os.Stderr, replay.Slice{Kinds: []string{"nothing"}}); err == nil {
		t.Error("no error for a kind that is not there")
	}
}

// A span that nothing was recorded in is an error that says what was.
func TestSpanOutside(t *testing.T) {
	c := write(t, shiftSums()...)
	at := c.Meta().Start.UnixNano()
	for _, o := range []analyze.Options{{From: at + 5000*ms}, {To: at - 1}, {From: at - 9000*ms, To: at - 1000*ms}, {From: at + 5000*ms, To: at + 6000*ms}} {
		for _, name := range []string{"cputime", "runqlat", "lifetimes"} {
			_, err := analyze.Run(t.Context(), c, find(t, name), o)
			var outside *analyze.OutsideError
			if !errors.As(err, &outside) || outside.From.UnixNano() != at || outside.To.Sub(outside.From) != 1000*ms {
				t.Errorf("%s of %+v: got %v", name, o, err)
			}
		}
	}
}
