// SPDX-License-Identifier: Apache-2.0

package second

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

var (
	only  = flag.Int("seed", 0, "test the capture of one seed only")
	keep  = flag.String("keep", "", "keep the capture of -seed in this `FILE`")
	seeds = flag.Int("seeds", 1000, "how many captures to generate")
)

// analyses are the second ones: the rows of the tables with the columns of the
// analysis, in any order.
var analyses = map[string]func(r *recording, by string) [][]any{
	"runqlat": runqlat, "wakeups": wakeups, "execs": execs, "opens": opens, "lifetimes": lifetimes, "offcpu": offcpu, "cputime": cputime,
	"tcpretrans": tcpretrans, "tcpconn": tcpconn, "tcplife": tcplife, "tcptop": tcptop, "tcplat": tcplat, "tcpstates": tcpstates,
}

// Every analysis says of every capture what the second one says.
func TestOddLives(t *testing.T) {
	parts := runtime.GOMAXPROCS(0)
	for part := range parts {
		t.Run(fmt.Sprint("part ", part+1), func(t *testing.T) {
			t.Parallel()
			oddLives(t, part, parts)
		})
	}
}

// oddLives is one of several parts of the captures.
func oddLives(t *testing.T, part, parts int) {
	for seed := 1 + part; seed <= *seeds; seed += parts {
		if *only == 0 || *only == seed {
			oddLife(t, uint64(seed))
		}
		if t.Failed() {
			t.Fatalf("this capture alone: go test ./test/second -run TestOddLives -seed %d", seed)
		}
	}
}

func oddLife(t *testing.T, seed uint64) {
	c := open(t, seed)
	defer c.Close()
	r, err := readAll(c)
	if err != nil {
		t.Fatal(err)
	}
	compareAudit(t, c, r)
	if seed%3 == 0 {
		compareEnds(t, c, r, seed)
	}
	random := rand.New(rand.NewPCG(seed, 99))
	from := r.begin + 1 + random.Int64N(max(1, (r.end-r.begin)/2))
	to := from + 1 + random.Int64N(max(1, r.end-from))
	spans := [][2]int64{{0, 0}, {from, 0}, {0, to}, {from, to}}
	for i, span := range [][2]int64{spans[0], spans[1+seed%3]} {
		part := r.span(span[0], span[1])
		compareTree(t, c, part)
		compareSummary(t, c, part)
		if by := []string{"process", "thread", "comm", "cgroup", "container"}; span[1] == 0 && part.lossless() {
			compareOverTime(t, c, part, by[seed%5], 1+(r.end-part.first())/int64(2+seed%9))
		}
		for _, name := range slices.Sorted(maps.Keys(analyses)) {
			a, err := analyze.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			bys := groupings(a)
			if i > 0 { // one of them
				bys = bys[seed/3%uint64(len(bys)):][:1]
			}
			for n, by := range bys {
				compareFurther(t, compare(t, c, a, by, span, analyses[name](part, by)), part, by, n == 0)
			}
		}
	}
}

// groupings are what rows of an analysis can be of, as far as the second one knows.
func groupings(a *analyze.Analysis) []string {
	if len(a.By) == 0 {
		return []string{""}
	}
	return a.By
}

// compare holds the rows of an analysis against others.
func compare(t *testing.T, c *format.Capture, a *analyze.Analysis, by string, span [2]int64, want [][]any) *analyze.Result {
	t.Helper()
	got, err := analyze.Run(t.Context(), c, a, analyze.Options{By: by, From: span[0], To: span[1]})
	var ends *analyze.SpanError
	if errors.As(err, &ends) {
		return nil
	}
	if err != nil {
		t.Errorf("%s by %q of %v: %v", a.Name, by, span, err)
		return nil
	}
	if diff := cmp.Diff(sorted(want), sorted(mainRows(got))); diff != "" {
		t.Errorf("%s by %q of %v (-second +analyze):\n%s", a.Name, by, span, diff)
	}
	return got
}

// mainRows are the rows with the columns of the analysis, but that of everything.
func mainRows(r *analyze.Result) (rows [][]any) {
	for _, table := range r.Tables {
		if table.Own || table.Title == "Everything" {
			continue
		}
		for _, row := range table.Rows {
			cells := make([]any, len(row))
			for i := range row {
				cells[i] = row[i]
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

func sorted(rows [][]any) []string {
	all := []string{}
	for _, row := range rows {
		all = append(all, fmt.Sprintf("%v", row))
	}
	slices.Sort(all)
	return all
}

// open generates the capture of a seed and opens it.
func open(t *testing.T, seed uint64) *format.Capture {
	t.Helper()
	return openSet(t, seed, 0, "")
}

// openSet does so with another clock, and without rows of a kind.
func openSet(t *testing.T, seed uint64, later time.Duration, without string) *format.Capture {
	t.Helper()
	var b bytes.Buffer
	if err := generate(&b, seed, later, without); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	path := filepath.Join(t.TempDir(), fmt.Sprint(seed, ".arrow"))
	if *keep != "" && later == 0 {
		path = *keep
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
