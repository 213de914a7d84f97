// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
)

// over is a series as text: ms, name, ms on a CPU.
func over(r *analyze.Result) (lines []string) {
	for _, row := range r.Tables[0].Rows {
		lines = append(lines, fmt.Sprintf("%d %s %d", (row[0].(int64)-begin.UnixNano())/ms, row[3], row[4].(uint64)/ms))
	}
	return lines
}

// By switches every interval is exact, wherever it begins.
func TestSeries(t *testing.T) {
	r := run(t, write(t, shiftSums()...), "cputime", analyze.Options{Interval: 250 * time.Millisecond})
	want := []string{
		"0 as 200", "0 cc 100", // as 150 on CPU 0, its thread 50 on CPU 1
		"250 as 300", "250 cc 100",
		"500 as 150", "500 cc 50",
		"750 cc 250", "750 as 150",
	}
	if diff := cmp.Diff(want, over(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	from := begin.UnixNano() + 600*ms
	r = run(t, write(t, shiftSums()...), "cputime", analyze.Options{Interval: 250 * time.Millisecond, From: from, Comms: []string{"cc"}})
	if diff := cmp.Diff([]string{"600 cc 150", "850 cc 150"}, over(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// By sums what was used counts when they were read.
func TestSeriesOfSums(t *testing.T) {
	r := run(t, capture{without: []string{"sched_switch"}}.write(t,
		at(0, "task", id(20, 20, 1, -10, "sh"), v{"reason": "snapshot"}),
		sum(400, 20, 20, -10, 70, 70, 5, 2, false),
		sum(500, 20, 20, -10, 90, 90, 5, 2, false),
		sum(900, 20, 20, -10, 95, 95, 5, 2, true), end), "cputime", analyze.Options{Interval: 500 * time.Millisecond})
	if diff := cmp.Diff([]string{"0 sh 90", "500 sh 5"}, over(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Graphviz takes any name.
func TestDot(t *testing.T) {
	rows := append([]row{at(0, "task", id(9, 9, 1, -9000, `a"\>b`), v{"reason": "snapshot"}), waking(1, 0, 9, 10)}, alarms()...)
	var out strings.Builder
	if err := run(t, write(t, rows...), "wakeups", analyze.Options{}).Render(&out, "dot"); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "->"); n != 5 {
		t.Errorf("%d edges, want 5:\n%s", n, out.String())
	}
	if !strings.Contains(out.String(), `a\"\\>b`) {
		t.Errorf("a name is not as it should be:\n%s", out.String())
	}
	if err := run(t, write(t, machine()...), "cputime", analyze.Options{}).Render(&out, "dot"); err == nil {
		t.Error("cputime is no graph")
	}
}

// More intervals than can be kept are an error, also when they come with the time
// on a CPU that is under way as the recording ends.
func TestSeriesTooFine(t *testing.T) {
	c := write(t,
		at(0, "task", id(20, 20, 1, -10, "sh"), v{"reason": "snapshot"}),
		hop(1, 0, 0, 20, 0, "R"),
		at(6000, "summary", v{"since": 0}))
	a := find(t, "cputime")
	r, err := analyze.Run(t.Context(), c, a, analyze.Options{Interval: time.Microsecond})
	if err == nil || !strings.Contains(err.Error(), "too many intervals") {
		t.Errorf("%v, %v", r != nil, err)
	}
	if r := run(t, c, "cputime", analyze.Options{Interval: time.Second}); len(r.Tables[0].Rows) != 6 {
		t.Errorf("%d seconds, want 6", len(r.Tables[0].Rows))
	}
}
