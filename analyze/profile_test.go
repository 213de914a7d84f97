// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// profile is that of a capture, of which all places and threads are kept.
func profile(t testing.TB, c *format.Capture) *analyze.Profile {
	t.Helper()
	p, err := analyze.NewProfile(t.Context(), c, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var keep func(at *analyze.Place)
	keep = func(at *analyze.Place) {
		at.Keep = true
		for _, u := range at.Threads {
			u.Keep = true
		}
		for _, below := range at.Children {
			keep(below)
		}
	}
	keep(p.Root)
	if err := p.Measure(t.Context(), analyze.Options{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// visit visits all places below one.
func visit(at *analyze.Place, f func(*analyze.Place)) {
	for _, below := range at.Children {
		f(below)
		visit(below, f)
	}
}

// What lies in the intervals adds up to the whole, whether it was taken from
// switches or from readings of the sums, and the whole is what cputime says.
func TestProfileAddsUp(t *testing.T) {
	paths, err := filepath.Glob("../testdata/*/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	places := 0
	for _, path := range paths {
		c := capturetest.Open(t, path)
		p := profile(t, c)
		if p.Lacks["cpu"] != "" {
			continue
		}
		exact := p.Lacks["sched"] == ""
		visit(p.Root, func(at *analyze.Place) {
			u := at.Use()
			sums := parts(u)
			for q, want := range u.Total {
				got := sums[q]
				switch q := analyze.Quantity(q); {
				case exact && q == analyze.CPUTime: // by another clock
				case exact && q == analyze.RunQueue && got <= want: // a wait after sleep is at most the time since the wakeup
				case got != want:
					t.Errorf("%s: %s: quantity %d adds up to %d, not %d", path, at.Path(), q, got, want)
				}
			}
			places++
		})
		whole := p.Root.Whole()
		if got, want := whole.Total[analyze.CPUTime], total(t, run(t, c, "cputime", analyze.Options{}), "cpu_time_ns"); got != want {
			t.Errorf("%s: all CPU time is %d ns, cputime has %d", path, got, want)
		}
		if sum := parts(whole); sum[analyze.Switches] != whole.Total[analyze.Switches] {
			t.Errorf("%s: %d switches in intervals, %d in all", path, sum[analyze.Switches], whole.Total[analyze.Switches])
		}
	}
	if places < 50 {
		t.Errorf("%d places", places)
	}
}

func parts(u *analyze.Use) (sum analyze.Amounts) {
	for i := range u.Parts {
		for q, n := range u.Parts[i] {
			sum[q] += n
		}
	}
	return sum
}

// Waits are those of runqlat, responses those of tcplat.
func TestProfileLatencies(t *testing.T) {
	c := capturetest.Open(t, "../testdata/sched/trace.arrow")
	got := map[string][]analyze.Value{}
	visit(profile(t, c).Root, func(at *analyze.Place) {
		if d := at.Use().Times[analyze.Wait]; d != nil {
			got[at.Name] = []analyze.Value{d.Count(), d.Percentile(50), d.Percentile(99)}
		}
	})
	checked := 0
	for _, row := range run(t, c, "runqlat", analyze.Options{}).Tables[1].Rows {
		if want, name := []analyze.Value{row[3], row[6], row[8]}, row[2].(string); got[name] != nil {
			if checked++; !slices.Equal(got[name], want) && name != "workload" { // several places
				t.Errorf("waits of %s are %v, runqlat has %v", name, got[name], want)
			}
		}
	}
	if checked < 4 {
		t.Errorf("%d names were compared", checked)
	}
	c = capturetest.Open(t, "../testdata/tcp/trace.arrow")
	p := profile(t, c)
	responses := uint64(0)
	for _, u := range p.Remotes {
		responses += u.Total[analyze.Responses]
	}
	r := run(t, c, "tcplat", analyze.Options{})
	if want := total(t, r, "requests"); responses != want || want == 0 {
		t.Errorf("%d responses, tcplat has %d", responses, want)
	}
}
