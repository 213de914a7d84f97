// SPDX-License-Identifier: Apache-2.0

package diff_test

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
)

var names = map[int]string{10: "db", 11: "web", 12: "new", 13: "gone", 14: "few"}

// What differs by more than the threshold and noise is changed, what differs by
// less is the same, what comes and goes is named.
func TestVerdicts(t *testing.T) {
	base := steady(t, 20, map[int]float64{10: 20, 11: 30, 13: 5, 14: 0.1}, names, 1).end(20 * second)
	head := steady(t, 20, map[int]float64{10: 22, 11: 30, 12: 4, 14: 0.2}, names, 2).end(20 * second)
	r := compare(t, one(base), one(head), diff.Options{})
	db, web := find(t, r, "init/db", "cpu_percent"), find(t, r, "init/web", "cpu_percent")
	if db.Verdict != diff.Changed || math.Abs(db.Change-10) > 1 || math.Abs(db.Base-20) > 0.3 || db.Low > db.Change || db.High < db.Change || db.P >= 0.05 {
		t.Errorf("db: %+v", *db)
	}
	if web.Verdict != diff.Same || web.Low < -5 || web.High > 5 {
		t.Errorf("web: %+v", *web)
	}
	lone := r.Tables[0].Lone
	if len(lone) != 2 || lone[0].Name != "init/gone" || lone[0].Head || lone[0].Verdict != diff.Changed || lone[1].Name != "init/new" || !lone[1].Head || math.Abs(lone[1].CPUPercent-4) > 0.1 {
		t.Errorf("on one side: %+v", lone)
	}
	if r.Tables[0].Small != 2 || !r.Changed() || !r.Whole { // few, and init that did nothing
		t.Errorf("%d are small, changed %t, whole %t", r.Tables[0].Small, r.Changed(), r.Whole)
	}
}

// A process that is started from elsewhere is still the same.
func TestMoved(t *testing.T) {
	at := func(shell string) *format.Capture {
		w := newWriter(t, 1, "cpu", "process")
		w.task(1, 0, "init")
		w.task(2, 1, shell)
		w.task(3, 2, "make")
		w.task(4, 3, "cc")
		for s := int64(1); s <= 8; s++ {
			w.sum(s*second, 4, uint64(s*second/5), uint64(100*s))
			w.read(s*second, 1)
		}
		return w.end(8 * second)
	}
	r := compare(t, one(at("sshd")), one(at("tmux")), diff.Options{})
	if row := find(t, r, "init/sshd/make/cc", "cpu_percent"); row.Verdict != diff.Same || row.HeadName != "init/tmux/make/cc" || row.Base != row.Head {
		t.Errorf("%+v", *row)
	}
	if len(r.Tables[0].Lone) != 0 {
		t.Errorf("on one side: %+v", r.Tables[0].Lone)
	}
}

// So is one that was recorded alone, without those that started it.
func TestRecordedAlone(t *testing.T) {
	at := func(path ...string) *format.Capture {
		w := newWriter(t, 1, "cpu", "process")
		for i, name := range path {
			w.task(i+1, i, name)
		}
		for s := int64(1); s <= 8; s++ {
			w.sum(s*second, len(path), uint64(s*second/5), uint64(100*s))
			w.read(s*second, 1)
		}
		return w.end(8 * second)
	}
	r := compare(t, one(at("init", "sh", "make", "make", "make")), one(at("make", "make", "make")), diff.Options{})
	if row := find(t, r, "init/sh/make/make/make", "cpu_percent"); row.Verdict != diff.Same || row.HeadName != "make/make/make" {
		t.Errorf("%+v", *row)
	}
	if len(r.Tables[0].Lone) != 0 {
		t.Errorf("on one side: %+v", r.Tables[0].Lone)
	}
}

// turns is a machine of one CPU on which a process comes and goes, each time after
// so long a wait; so many more switches were lost.
func turns(t *testing.T, delay, lost int, sources ...string) *format.Capture {
	w := newWriter(t, 1, sources...)
	w.task(10, 1, "db")
	for i := range int64(400) {
		out, in := 10, 0
		if i%2 == 0 {
			out, in = 0, 10
		}
		w.add("sched_switch", (i+1)*second/50, v{"cpu": 0, "tid": out, "next_tid": in, "delay_ns": delay + int(i%7), "prev_state": 1})
	}
	if slices.Contains(sources, "cpu") {
		w.sum(8*second, 10, uint64(4*second), 200)
		w.read(8*second, 1)
	}
	if lost > 0 {
		w.add("loss", 8*second, v{"since": int64(0), "lost": lost, "loss_source": "sched", "loss_reason": "ring_full"})
	}
	return w.end(8 * second)
}

// What was recorded in another way is not compared.
func TestOtherManner(t *testing.T) {
	r := compare(t, one(turns(t, 5000, 0, "process", "sched", "wakeups", "cpu")), one(turns(t, 5000, 0, "process", "sched")), diff.Options{})
	if row := find(t, r, "db", "wait_p50_ns"); row.Verdict != diff.CannotTell || row.Reason != "recorded in different ways: base waits from the wakeup on, head waits from the last move on" || math.Abs(row.Base-5003) > 1 {
		t.Errorf("%+v", *row)
	}
}

// Waits differ from run to run, so one capture a side does not make them changed;
// nor do several where those that were lost may explain it.
func TestWaits(t *testing.T) {
	side := func(delay, lost, n int) (all []*format.Capture) {
		for i := range n {
			all = append(all, turns(t, delay+10*i, lost, "process", "sched", "cpu"))
		}
		return all
	}
	for _, c := range []struct {
		captures, lost int
		verdict        diff.Verdict
	}{{1, 0, diff.CannotTell}, {3, 0, diff.Changed}, {3, 10, diff.Changed}, {3, 1000, diff.CannotTell}} {
		row := find(t, compare(t, side(5000, 0, c.captures), side(50_000, c.lost, c.captures), diff.Options{}), "db", "wait_p50_ns")
		if row.Verdict != c.verdict || row.Change < 800 || (row.Verdict == diff.CannotTell) != (row.Reason != "") {
			t.Errorf("%+v: %+v", c, *row)
		}
	}
}

// With several captures a side noise is what those differ by: intervals that are
// quiet do not make a difference between runs a change.
func TestSeveralCaptures(t *testing.T) {
	side := func(seed int, percent ...float64) (all []*format.Capture) {
		for i, p := range percent {
			all = append(all, steady(t, 8, map[int]float64{10: p}, names, seed+i).end(8*second))
		}
		return all
	}
	a, b := side(1, 18, 20, 22), side(5, 20, 22, 24)
	if row := find(t, compare(t, a, b, diff.Options{}), "init/db", "cpu_percent"); row.Verdict != diff.CannotTell || row.Reason == "" || math.Abs(row.Change-10) > 1 {
		t.Errorf("noisy runs: %+v", *row)
	}
	if row := find(t, compare(t, a[:1], b[:1], diff.Options{}), "init/db", "cpu_percent"); row.Verdict != diff.Changed {
		t.Errorf("one of each: %+v", *row)
	}
	c, d := side(1, 20, 20.1, 19.9), side(5, 22, 22.1, 21.9)
	if row := find(t, compare(t, c, d, diff.Options{}), "init/db", "cpu_percent"); row.Verdict != diff.Changed {
		t.Errorf("quiet runs: %+v", *row)
	}
	if row := find(t, compare(t, c, c[:2], diff.Options{}), "init/db", "cpu_percent"); row.Verdict != diff.Same {
		t.Errorf("the same runs: %+v", *row)
	}
}

// lossy is a machine of which sums were lost: nobody knows who had the rest.
func lossy(t *testing.T, percent float64) *format.Capture {
	w := steady(t, 20, map[int]float64{10: percent, 99: 100}, names, 3)
	w.add("loss", 20*second, v{"since": int64(0), "lost": 100, "loss_source": "cpu", "loss_reason": "map_full"})
	return w.end(20 * second)
}

// What the bounds of CPU time could explain is no change.
func TestLoss(t *testing.T) {
	base := steady(t, 20, map[int]float64{10: 20}, names, 1).end(20 * second)
	r := compare(t, one(base), one(lossy(t, 30)), diff.Options{})
	if row := find(t, r, "init/db", "cpu_percent"); row.Verdict != diff.Changed || row.High < 500 {
		t.Errorf("more than before, and who knows how much more: %+v", *row)
	}
	r = compare(t, one(base), one(lossy(t, 10)), diff.Options{})
	if row := find(t, r, "init/db", "cpu_percent"); row.Verdict != diff.CannotTell {
		t.Errorf("less than before, unless what was lost is of it: %+v", *row)
	}
	if row := find(t, r, "init/db", "switches_per_s"); row.Verdict != diff.CannotTell || !strings.Contains(row.Reason, "lost") {
		t.Errorf("%+v", *row)
	}
	if r.Whole {
		t.Error("a lossy capture is whole")
	}
}

// Measures that one side lacks are left out, and the others compared.
func TestOtherSources(t *testing.T) {
	sums := steady(t, 20, map[int]float64{10: 20}, names, 1).end(20 * second)
	w := newWriter(t, 2, "process")
	w.task(10, 1, "db")
	r := compare(t, one(sums), one(w.end(20*second)), diff.Options{})
	if row := find(t, r, "init/db", "processes"); row.Verdict == "" {
		t.Errorf("%+v", *row)
	}
	var skipped []string
	for _, s := range r.Skipped {
		skipped = append(skipped, s.Reason)
	}
	got := strings.Join(skipped, "\n")
	for _, want := range []string{"the source cpu is not in head: it was not recorded: record -e cpu", "the source sched is not in base, head", "the source tcp is not in base, head"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said in %q", want, got)
		}
	}
}

// Names are whatever processes chose: they come out escaped in every format.
func TestHostileNames(t *testing.T) {
	bad := map[int]string{10: "a\x1b[31m/|<b>"}
	base := steady(t, 20, map[int]float64{10: 20}, bad, 1).end(20 * second)
	r := compare(t, one(base), one(base), diff.Options{})
	for _, name := range []string{"text", "json", "csv", "markdown"} {
		var b bytes.Buffer
		if err := r.Result(0).Render(&b, name); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b") || name == "markdown" && strings.Contains(b.String(), "<b>") || strings.Contains(b.String(), "31m/") {
			t.Errorf("%s: %q", name, b.String())
		}
	}
}

// The numbers are those of the analyses, of a recording in a guest.
func TestNumbersAreThoseOfTheAnalyses(t *testing.T) {
	path := filepath.Join("..", "testdata", "sched", "trace.arrow")
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := compare(t, one(c), one(c), diff.Options{})
	checked := 0
	for analysis, columns := range map[string]map[string]string{
		"cputime": {"cpu_percent": "cpu_percent"},
		"runqlat": {"wait_p50_ns": "p50_ns", "wait_p99_ns": "p99_ns"},
	} {
		for name, values := range byName(t, c, analysis) {
			for measure, column := range columns {
				if name == "workload" { // is in two places
					continue
				}
				row := find(t, r, "workload/"+name, measure)
				if want := values[column]; math.Abs(row.Base-want) > 0.001*want || row.Base != row.Head {
					t.Errorf("%s %s: %g and %g, %s has %g", name, measure, row.Base, row.Head, analysis, want)
				}
				checked++
			}
		}
	}
	if checked < 12 {
		t.Errorf("%d numbers were compared", checked)
	}
}

// byName are the numbers of an analysis by the names of processes.
func byName(t *testing.T, c *format.Capture, analysis string) map[string]map[string]float64 {
	t.Helper()
	a, err := analyze.Find(analysis)
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze.Run(t.Context(), c, a, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]float64{}
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			name, values, user := "", map[string]float64{}, !table.Own
			for i, column := range table.Columns {
				switch x := row[i].(type) {
				case uint64:
					values[column.Name] = float64(x)
				case float64:
					values[column.Name] = x
				case string:
					if column.Name == "comm" {
						name = x
					}
				}
			}
			if user && strings.HasPrefix(name, "eb-") {
				all[name] = values
			}
		}
	}
	return all
}

// Options that make no sense are refused.
func TestOptions(t *testing.T) {
	c := newWriter(t, 1).end(0)
	for _, o := range []diff.Options{{Threshold: -1}, {Threshold: math.NaN()}, {Threshold: 1e6}, {MinCPU: -1}} {
		if _, err := diff.Run(t.Context(), one(c), one(c), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	if _, err := diff.Run(t.Context(), one(c), nil, diff.Options{}); err == nil {
		t.Error("a side without captures was taken")
	}
}
