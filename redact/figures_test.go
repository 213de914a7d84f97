// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/check"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// Every analysis of a redacted capture says what it says of the capture, but for
// names.
func TestFiguresOfFixtures(t *testing.T) {
	paths, err := filepath.Glob("../testdata/*/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	older, err := filepath.Glob("../testdata/versions/*/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 8 || len(older) < 3 {
		t.Fatalf("%d and %d captures", len(paths), len(older))
	}
	for _, path := range append(paths, older...) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) { sameFigures(t, path) })
	}
}

func sameFigures(t *testing.T, path string) {
	t.Helper()
	r, c, out := redacted(t, path, Options{Key: testKey})
	if _, err := r.Prove(t.Context(), out.Path()); err != nil {
		t.Fatal(err)
	}
	sameChecks(t, c, out)
	compared := 0
	for _, a := range analyze.All {
		for _, o := range variants(a, c) {
			compared += sameResult(t, r, a, o, c, out)
		}
	}
	if compared < 10 {
		t.Errorf("only %d tables were compared", compared)
	}
}

// variants are the ways to run an analysis.
func variants(a *analyze.Analysis, c *format.Capture) []analyze.Options {
	all := []analyze.Options{{}}
	for _, by := range a.By {
		all = append(all, analyze.Options{By: by})
	}
	if !a.Whole {
		start := c.Meta().Start.UnixNano()
		all = append(all, analyze.Options{From: start + 2e8, To: start + 12e8})
	}
	if a.Lives {
		all = append(all, analyze.Options{Tree: true}, analyze.Options{Failed: true})
	}
	if a.Series {
		all = append(all, analyze.Options{Interval: 100 * time.Millisecond})
	}
	return all
}

// sameResult counts the tables.
func sameResult(t *testing.T, r *Redaction, a *analyze.Analysis, o analyze.Options, c, out *format.Capture) int {
	t.Helper()
	before, err1 := analyze.Run(t.Context(), c, a, o)
	after, err2 := analyze.Run(t.Context(), out, a, o)
	if err1 != nil || err2 != nil {
		if one, two := fmt.Sprint(err1), strings.ReplaceAll(fmt.Sprint(err2), out.Path(), c.Path()); one != two {
			t.Errorf("%s: %s, redacted %s", a.Name, one, two)
		}
		return 0
	}
	if before.Capture.DurationNS != after.Capture.DurationNS || before.Capture.CPUs != after.Capture.CPUs || before.Whole() != after.Whole() || !slices.Equal(before.Loss, after.Loss) {
		t.Errorf("%s: %+v, redacted %+v", a.Name, before.Capture, after.Capture)
	}
	for i := range before.Tables {
		one, two := tableText(&before.Tables[i], r.mapped), tableText(&after.Tables[i], func(s string) string { return s })
		if diff := cmp.Diff(one, two); diff != "" {
			t.Errorf("%s %+v, %s (-capture +redacted):\n%s", a.Name, o, before.Tables[i].Title, diff)
		}
	}
	return len(before.Tables)
}

// nameColumns hold names; other text is ebrec's.
var nameColumns = []string{"comm", "parent", "before_comm", "server_comm", "waker_comm", "woken_comm", "filename", "path", "args", "laddr", "raddr", "tree"}

// tableText is a table as lines in an order that does not depend on names.
func tableText(table *analyze.Table, mapped func(string) string) []string {
	var lines []string
	for _, row := range table.Rows {
		line := ""
		for i, cell := range row {
			name := table.Columns[i].Name
			if s, ok := cell.(string); ok && slices.Contains(nameColumns, name) {
				cell = mapped(s)
			}
			if name == "preempter" || table.Own && table.Hidden > 0 && i == 0 { // of equals it is the first by alphabet
				cell = cell != nil
			}
			line += fmt.Sprint(cell, "\t")
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return append(lines, append(slices.Clone(table.Notes), fmt.Sprint(table.Hidden))...)
}

// mapped is what a name of the capture is in the copy.
func (r *Redaction) mapped(s string) string {
	if s == "?" { // who is not known
		return s
	}
	if whole, cut := strings.CutSuffix(s, "..."); cut {
		return r.mapped(whole) + "..."
	}
	if r.inventory.names[s] != 0 {
		return r.names.replace(Comm, s)
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return r.names.address(a).String()
	}
	bare := strings.TrimLeft(s, " │├└─") // of a tree
	for _, class := range []Class{Comm, Path, Args} {
		known, any := true, false
		pieces(class, bare, func(piece string, name bool) {
			any = any || name
			known = known && (!name || r.inventory.names[piece] != 0)
		})
		if known && any {
			return s[:len(s)-len(bare)] + r.names.replace(class, bare)
		}
	}
	return s
}

// sameChecks wants ebrec check to find in the copy what it finds in the capture.
func sameChecks(t *testing.T, c, out *format.Capture) {
	t.Helper()
	before, err := check.Run(t.Context(), c.Path())
	if err != nil {
		t.Fatal(err)
	}
	after, err := check.Run(t.Context(), out.Path())
	if err != nil {
		t.Fatal(err)
	}
	if before.Found() > 0 {
		t.Fatalf("the capture is not sound: %+v", before)
	}
	for i, v := range after.Verdicts {
		if v.Found > 0 {
			t.Errorf("%+v", v)
		}
		says := strings.ReplaceAll(v.Says, out.Meta().Ebrec, c.Meta().Ebrec)
		if v.Check != "structure" && says != before.Verdicts[i].Says { // its size is another
			t.Errorf("%s: %s, redacted: %s", v.Check, before.Verdicts[i].Says, says)
		}
	}
}

// The same of a generated capture, which is longer.
func TestFiguresOfGenerated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "generated.arrow")
	if out, err := exec.Command("go", "run", "../test/generate", "--switches", "200000", "--tasks", "300", "--cpus", "4", "-o", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sameFigures(t, path)
}

// Both ends of connections are found in captures that are redacted apart with one
// key.
func TestBothEnds(t *testing.T) {
	path := "../testdata/tcp/trace.arrow"
	_, _, client := redacted(t, path, Options{Key: testKey})
	_, _, server := redacted(t, path, Options{Key: testKey, Keep: []Class{Comm}})
	a, err := analyze.Find("tcplat")
	if err != nil {
		t.Fatal(err)
	}
	c := capturetest.Open(t, path)
	before, err := analyze.Run(t.Context(), c, a, analyze.Options{Other: c})
	if err != nil {
		t.Fatal(err)
	}
	after, err := analyze.Run(t.Context(), client, a, analyze.Options{Other: server})
	if err != nil {
		t.Fatal(err)
	}
	ends := func(r *analyze.Result) *analyze.Table {
		i := slices.IndexFunc(r.Tables, func(t analyze.Table) bool { return t.Title == "Both ends" })
		return &r.Tables[i]
	}
	if one, two := ends(before), ends(after); len(one.Rows) == 0 || len(one.Rows) != len(two.Rows) || !slices.Equal(one.Notes, two.Notes) {
		t.Errorf("%+v, redacted %+v", one, two)
	}
}
