// SPDX-License-Identifier: Apache-2.0

package second

import (
	rank "cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// further are second ones of the tables behind the first one, and of that of
// everything.
var further = map[string]map[string]func(r *recording, by string) [][]any{
	"runqlat":    {"Everything": everyWait, "Waits by length": waitsByLength, "Longest waits": longestWaits},
	"execs":      {"By file": execsByFile, "By name of the parent": execsByParent},
	"opens":      {"By path": opensByPath, "By name": opensByName, "By error": opensByError},
	"lifetimes":  {"Short lives by parent": shortByParent, "Short lives by file": shortByFile},
	"tcpconn":    {"By remote address and port": byRemote},
	"tcpretrans": {"By connection": sentAgain, "Resets": resets},
	"tcpstates":  {"By state": byState},
	"tcplat":     {"Where the time went": whereTimeWent, "Responses by length": responsesByLength},
}

// most are the tables that have so many rows at most, and by which figure those are the
// largest.
var most = map[string]struct {
	rows int
	by   func(row []any) uint64
}{
	"By file": {10, second}, "By name of the parent": {10, second}, "By path": {10, second}, "By name": {10, second}, "By error": {10, second},
	"Largest disagreements of an interval": {10, disagreement}, "Longest intervals in which switches went unseen": {10, unseenLength},
	"Longest waits": {10, second}, "Short lives by parent": {20, second}, "Short lives by file": {20, second},
	"By remote address and port": {10, func(row []any) uint64 { return row[2].(uint64) }},
	"Where the time went":        {10, timeWent},
}

func second(row []any) uint64 { return row[1].(uint64) }

// timeWent is what the parts of a row add up to that are known.
func timeWent(row []any) (sum uint64) {
	for _, part := range row[11:16] {
		n, _ := part.(uint64)
		sum += n
	}
	return sum
}

// compareFurther holds the further tables of an analysis against second ones; first says
// that they were not held for other rows.
func compareFurther(t *testing.T, got *analyze.Result, r *recording, by string, first bool) {
	t.Helper()
	if got == nil {
		return
	}
	for i := range got.Tables {
		table := &got.Tables[i]
		second := further[got.Analysis][table.Title]
		if divided := "Where the time went"; by != "" && table.Title != divided && !first {
			continue // it is the same whatever rows are of
		}
		if second == nil {
			if table.Own || table.Title == "Everything" {
				t.Errorf("%s has no second table %q", got.Analysis, table.Title)
			}
			continue
		}
		if diff := lacking(second(r, by), table); diff != "" {
			t.Errorf("%s by %q from %d to %d: %s (-second +analyze):\n%s", got.Analysis, by, r.from, r.to, table.Title, diff)
		}
	}
}

// compareOverTime holds time on a CPU by interval against the second one.
func compareOverTime(t *testing.T, c *format.Capture, r *recording, by string, interval int64) {
	t.Helper()
	a, err := analyze.Find("cputime")
	if err != nil {
		t.Fatal(err)
	}
	got, err := analyze.Run(t.Context(), c, a, analyze.Options{By: by, From: r.from, Interval: time.Duration(interval)})
	if err != nil {
		t.Error(err)
		return
	}
	if diff := cmp.Diff(sorted(overTime(r, by, interval)), sorted(cells(&got.Tables[0]))); diff != "" {
		t.Errorf("cputime by %q and interval of %d ns from %d on (-second +analyze):\n%s", by, interval, r.from, diff)
	}
}

// compareTree holds the tree of processes against the second one, which has its order.
func compareTree(t *testing.T, c *format.Capture, r *recording) {
	t.Helper()
	a, err := analyze.Find("lifetimes")
	if err != nil {
		t.Fatal(err)
	}
	o := analyze.Options{Tree: true, From: r.from, To: r.to}
	if r.to == math.MaxInt64 {
		o.To = 0
	}
	got, err := analyze.Run(t.Context(), c, a, o)
	if err != nil {
		t.Error(err)
		return
	}
	if diff := cmp.Diff(tree(r), cells(&got.Tables[0])); diff != "" {
		t.Errorf("tree of processes from %d to %d (-second +analyze):\n%s", r.from, r.to, diff)
	}
}

// lacking is what a table has and the second one has not, and the other way round, as far
// as rows are shown. Of rows that are equally large any may be.
func lacking(want [][]any, table *analyze.Table) string {
	shown, limit := cells(table), most[table.Title]
	if limit.rows == 0 {
		return cmp.Diff(sorted(want), sorted(shown))
	}
	return lackingFew(want, shown, limit.rows, limit.by)
}

// lackingFew is that of a table with so many rows at most: the largest by some figure.
func lackingFew(want, shown [][]any, few int, by func(row []any) uint64) string {
	if len(want) <= few {
		return cmp.Diff(sorted(want), sorted(shown))
	}
	if len(shown) != few {
		return fmt.Sprintf("%d rows", len(shown))
	}
	slices.SortFunc(want, func(a, b []any) int { return rank.Compare(by(b), by(a)) })
	least := by(want[few-1])
	var must, may, more [][]any // of want; of may so many are shown as there is room for
	for _, row := range want {
		if by(row) > least {
			must = append(must, row)
		} else if by(row) == least {
			may = append(may, row)
		}
	}
	for _, row := range shown {
		if slices.Contains(sorted(may), sorted([][]any{row})[0]) {
			more = append(more, row)
		}
	}
	return cmp.Diff(sorted(append(must, more...)), sorted(shown))
}

// cells are the rows of a table.
func cells(table *analyze.Table) (rows [][]any) {
	for _, row := range table.Rows {
		some := make([]any, len(row))
		for i := range row {
			some[i] = row[i]
		}
		rows = append(rows, some)
	}
	return rows
}
