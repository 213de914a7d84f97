// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/report"
)

// Every page loads, wide and narrow, light and dark, within its width, with all
// charts drawn and everything named for who does not see it.
func TestPagesLoad(t *testing.T) {
	b := setUp(t)
	all, err := filepath.Glob("../../testdata/*/trace.arrow")
	if err != nil || len(all) < 5 {
		t.Fatalf("%d captures in testdata, %v", len(all), err)
	}
	for _, capture := range all {
		name := filepath.Base(filepath.Dir(capture))
		page := pageOf(t, capture, report.Options{})
		looks := []job{{Width: 1400, Scheme: "light"}, {Width: 390, Scheme: "dark"}}
		if name == "sched" || name == "tcp" {
			looks = append(looks, job{Width: 1400, Scheme: "dark"}, job{Width: 390, Scheme: "light"})
		}
		for _, j := range looks {
			label := fmt.Sprintf("%s-%d-%s", name, j.Width, j.Scheme)
			t.Run(label, func(t *testing.T) {
				j.Jobs, j.Shots = []string{"look"}, shots(label)
				s := b.open(t, page, j)
				if s.Wide > j.Width {
					t.Errorf("the page is %d pixels wide, on a screen of %d", s.Wide, j.Width)
				}
				if len(s.Sections) < 4 || s.Unnamed > 0 {
					t.Errorf("sections %v; %d controls without a name", s.Sections, s.Unnamed)
				}
				for _, c := range s.Charts {
					if !c.Drawn || c.Label == "" {
						t.Errorf("chart %q: drawn %v", c.Label, c.Drawn)
					}
				}
			})
		}
	}
}

// What is copied from a table is what ebrec analyze --format csv prints, and what
// is shown is a line of its text.
func TestNumbersAreThoseOfAnalyze(t *testing.T) {
	b := setUp(t)
	for _, name := range []string{"mixed", "sched", "tcp", "opens", "tcploss", "forkstorm"} {
		t.Run(name, func(t *testing.T) {
			s := b.open(t, pageOf(t, fixture(t, name), report.Options{}), job{Jobs: []string{"tables"}})
			if len(s.Tables) < 6 {
				t.Fatalf("%d tables", len(s.Tables))
			}
			for _, table := range s.Tables {
				r := result(t, fixture(t, name), table.Section)
				if diff := cmp.Diff(csvOf(t, r, table.Title), table.CSV); diff != "" {
					t.Errorf("%s, %s (-analyze +page):\n%s", table.Section, table.Title, diff)
				}
				checkShown(t, r, table.Section+", "+table.Title, table.Shown)
			}
		})
	}
}

// A page with captures to compare with begins with the tables of diff.
func TestDiffIsInThePage(t *testing.T) {
	b := setUp(t)
	base, head := generated(t, "-tasks", "20", "-switches", "200000"), generated(t, "-tasks", "20", "-switches", "200000", "-seed", "2", "-slow", "server-3", "-slower", "40")
	before, err := format.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	after, err := format.Open(head)
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	d, err := diff.Run(t.Context(), []*format.Capture{before}, []*format.Capture{after}, diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := b.open(t, pageOf(t, head, report.Options{Base: []*format.Capture{before}}), job{Jobs: []string{"tables", "look"}, Shots: shots("diff")})
	if s.Sections[1] != "diff" && s.Sections[2] != "diff" { // behind the charts
		t.Errorf("sections %v", s.Sections)
	}
	tables, changed := 0, false
	for _, table := range s.Tables {
		if table.Section != "diff" {
			continue
		}
		tables++
		changed = changed || strings.Contains(strings.Join(table.Shown, "\n"), "changed")
		r := d.Result(0)
		if diff := cmp.Diff(csvOf(t, r, table.Title), table.CSV); diff != "" {
			t.Errorf("%s (-diff +page):\n%s", table.Title, diff)
		}
		checkShown(t, r, "diff, "+table.Title, table.Shown)
	}
	if tables < 3 || !changed {
		t.Errorf("%d tables of diff; changed: %v", tables, changed)
	}
}

// sections are the analyses of sections, where those have other names.
var sections = map[string]string{
	"cpu": "cputime", "runqueue": "runqlat", "tree": "lifetimes", "lives": "lifetimes", "tcp": "tcplat", "retransmits": "tcpretrans", "states": "tcpstates",
}

func result(t *testing.T, capture, section string) *analyze.Result {
	t.Helper()
	c, err := format.Open(capture)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if section == "rows" {
		r, err := analyze.Info(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	name := section
	if other, ok := sections[section]; ok {
		name = other
	}
	a, err := analyze.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze.Run(t.Context(), c, a, analyze.Options{Tree: section == "tree"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// csvOf is a table as analyze prints it. It prints one kind of columns at a time.
func csvOf(t *testing.T, r *analyze.Result, title string) string {
	t.Helper()
	i := slices.IndexFunc(r.Tables, func(table analyze.Table) bool { return table.Title == title })
	if i < 0 {
		t.Fatalf("analyze has no table %q", title)
	}
	one := *r
	one.Tables = []analyze.Table{r.Tables[i]}
	one.Columns, one.Tables[0].Own = r.Tables[i].Columns, false
	var out bytes.Buffer
	if err := one.Render(&out, "csv"); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func checkShown(t *testing.T, r *analyze.Result, where string, shown []string) {
	t.Helper()
	var out bytes.Buffer
	if err := r.Render(&out, "text"); err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		lines[plain(line)] = true
		if all := strings.Fields(plain(line)); strings.HasPrefix(where, "tree") && len(all) > 2 {
			lines[words(strings.Join(slices.Delete(all, 1, 2), " "))] = true // without the depth
		}
	}
	for _, row := range shown {
		if !lines[plain(row)] {
			t.Errorf("%s: the page shows %q, which analyze does not", where, row)
		}
	}
}

// plain is a line without bars and the lines of a tree, which a page draws.
func plain(line string) string {
	return words(strings.Map(func(r rune) rune {
		if strings.ContainsRune("█▏▎▍▌▋▊▉├─└│▾▸", r) {
			return ' '
		}
		return r
	}, line))
}

func TestSortAndSearch(t *testing.T) {
	b := setUp(t)
	page := pageOf(t, fixture(t, "sched"), report.Options{})
	s := b.open(t, page, job{Jobs: []string{"table"}, Section: "offcpu", Column: "voluntary", Search: "duty"})
	if s.First.Sort != "descending" || s.Second.Sort != "ascending" {
		t.Errorf("aria-sort is %q, then %q", s.First.Sort, s.Second.Sort)
	}
	reversed := slices.Clone(s.Second.Rows)
	slices.Reverse(reversed)
	if len(reversed) < 5 || !cmp.Equal(s.First.Rows[0], reversed[0]) {
		t.Errorf("rising %q is not falling %q backwards", s.Second.Rows, s.First.Rows)
	}
	if n := len(s.Searched.Rows); n == 0 || n >= len(reversed) || s.Searched.Count != fmt.Sprintf("%d of %d rows", n, len(reversed)) {
		t.Errorf("%d of %d rows were found, and it says %q", n, len(reversed), s.Searched.Count)
	}
	for _, row := range s.Searched.Rows {
		if !strings.Contains(strings.Join(row, " "), "duty") {
			t.Errorf("row %q was found", row)
		}
	}
}

func TestZoom(t *testing.T) {
	b := setUp(t)
	s := b.open(t, pageOf(t, fixture(t, "sched"), report.Options{}), job{Jobs: []string{"zoom"}, Search: "eb-full"})
	all := float64(lengthOf(t, fixture(t, "sched")))
	for name, part := range map[string]float64{"whole": 1, "in": 1. / 4, "right": 1. / 4, "out": 1. / 2, "home": 1, "wheel": 1 / math.E} {
		_, shown, _ := strings.Cut(s.Spans[name], ": ")
		span, whole, _ := strings.Cut(shown, " of ")
		if !near(span, part*all) || !near(whole, all) {
			t.Errorf("%s: it shows %q, want %v of %v", name, s.Spans[name], time.Duration(part*all), time.Duration(all))
		}
	}
	if s.Spans["in"] == s.Spans["right"] {
		t.Error("it did not move")
	}
	if s.None != "no such process in the timeline" || !strings.HasSuffix(s.Found, "processes") {
		t.Errorf("a search says %q, another %q", s.None, s.Found)
	}
}

// lengthOf is how long a recording is.
func lengthOf(t *testing.T, capture string) time.Duration {
	t.Helper()
	c, err := format.Open(capture)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := analyze.Info(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Capture.DurationNS)
}

// near tells whether a duration of four digits is that.
func near(shown string, ns float64) bool {
	d, err := time.ParseDuration(strings.ReplaceAll(shown, " ", ""))
	return err == nil && math.Abs(float64(d)-ns) <= ns/1000
}

// The longest wait of the table is the one that the timeline describes.
func TestWaitIsInTheTimeline(t *testing.T) {
	b := setUp(t)
	s := b.open(t, pageOf(t, fixture(t, "sched"), report.Options{}), job{Jobs: []string{"wait"}, Shots: shots("sched")})
	if len(s.Row) < 5 {
		t.Fatalf("row %q", s.Row)
	}
	wait, tid := s.Row[1], s.Row[2]
	if !strings.Contains(s.Details, "("+tid+") of ") || !strings.Contains(s.Details, "after a wait of "+wait+"\n") {
		t.Errorf("the table has %q, the timeline %q", s.Row, s.Details)
	}
}

// Names that are markup, script or markup of the charts are text.
func TestHostileNames(t *testing.T) {
	b := setUp(t)
	for _, name := range []string{"<img onerror>", "</script><b>", "{a|b}<svg>", "=1+1\"';--"} {
		t.Run(name, func(t *testing.T) {
			page := pageOf(t, generated(t, "-switches", "20000", "-tasks", "40", "-cpus", "2", "-comm", name), report.Options{})
			s := b.open(t, page, job{Jobs: []string{"look", "tables"}})
			for _, element := range []string{"img", "svg", "b", "iframe"} {
				if slices.Contains(s.Elements, element) {
					t.Errorf("the page has an element %s", element)
				}
			}
			if !strings.Contains(s.Text, name) {
				t.Error("the page does not have the name")
			}
			rows, err := csv.NewReader(strings.NewReader(s.Tables[0].CSV)).ReadAll()
			if want := strings.Replace(name, "=", "'=", 1); err != nil || len(rows) < 2 || rows[1][2] != want {
				t.Errorf("the copy has %q, %v", rows[:min(len(rows), 2)], err)
			}
		})
	}
}

// What is large, long or small works, and says what it leaves out.
func TestExtremes(t *testing.T) {
	b := setUp(t)
	cases := []struct {
		name string
		args []string
		says []string
	}{
		{"one switch", []string{"-switches", "1", "-cpus", "1", "-tasks", "1"}, nil},
		{"512 CPUs", []string{"-switches", "1000000", "-cpus", "512", "-tasks", "2000"}, []string{"Single slices are in this file for"}},
		{"24 hours", []string{"-switches", "100000", "-idle", "35s"}, nil},
		{"50,000 processes", []string{"-switches", "300000", "-tasks", "120000"}, []string{"more processes that ran have no lane", "more rows had no room in this file"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			page := pageOf(t, generated(t, c.args...), report.Options{})
			info, err := os.Stat(page)
			if err != nil || info.Size() > report.DefaultSize {
				t.Errorf("the page has %d bytes, %v", info.Size(), err)
			}
			s := b.open(t, page, job{Jobs: []string{"look", "pace"}, Width: 1400, Scheme: "light", Shots: shots(strings.ReplaceAll(c.name, " ", ""))})
			for _, words := range c.says {
				if !strings.Contains(s.Text, words) {
					t.Errorf("the page does not say %q", words)
				}
			}
			if len(s.ZoomMS) != 44 {
				t.Errorf("%d zoom steps", len(s.ZoomMS))
			}
		})
	}
}

// BenchmarkPage measures the page of a million switches by its own marks.
func BenchmarkPage(bench *testing.B) {
	b := setUp(bench)
	capture := generated(bench, "-switches", "1000000")
	for bench.Loop() {
		bench.StopTimer()
		page := pageOf(bench, capture, report.Options{})
		bench.StartTimer()
		s := b.open(bench, page, job{Jobs: []string{"pace"}})
		bench.ReportMetric(s.InteractiveMS, "interactive-ms")
		bench.ReportMetric(s.ReadyMS, "ready-ms")
		bench.ReportMetric(slices.Max(s.ZoomMS), "zoom-max-ms")
	}
}
