// SPDX-License-Identifier: Apache-2.0

package metamorphic

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

func runMany(t *testing.T, paths []string, a *analyze.Analysis, by string) *analyze.Result {
	t.Helper()
	r, err := analyze.RunMany(t.Context(), paths, a, analyze.Options{}, analyze.Many{By: by, SkipBad: true})
	if err != nil {
		t.Fatalf("%s by %q: %v", a.Name, by, err)
	}
	for _, s := range r.Skipped {
		if !lacks(s.Err) {
			t.Fatalf("%s by %q: %v", a.Name, by, s.Err)
		}
	}
	return r
}

// Captures in any order give the same rows.
func TestOrderOfCaptures(t *testing.T) {
	paths := links(t)
	random := rand.New(rand.NewPCG(1, 1))
	for _, a := range analyze.All {
		for _, by := range []string{"", "host", "capture"} {
			if by != "" && !a.Adds() {
				continue
			}
			want := rowsIn(runMany(t, paths, a, by))
			for range 3 {
				random.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
				if diff := cmp.Diff(want, rowsIn(runMany(t, paths, a, by))); diff != "" {
					t.Fatalf("%s by %q of %v:\n%s", a.Name, by, paths, diff)
				}
			}
		}
	}
}

// links are the fixtures under names that are not the same.
func links(t *testing.T) (paths []string) {
	t.Helper()
	for _, path := range fixtures(t) {
		whole, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), filepath.Base(filepath.Dir(path))+".arrow")
		if err := os.Symlink(whole, link); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, link)
	}
	return paths
}

// rowsIn are all rows, sorted: among equals those of the first capture are first.
func rowsIn(r *analyze.Result) (all []string) {
	for _, table := range r.Tables {
		for _, line := range lines(table.Rows) {
			all = append(all, table.Title+": "+line)
		}
	}
	slices.Sort(all)
	return all
}

// The parts of a recording, analyzed together, are the recording: what counts
// adds up, and what happened is listed once.
func TestPartsAreOneRecording(t *testing.T) {
	onFixtures(t, func(t *testing.T, path string) {
		c := capturetest.Open(t, path)
		fine, coarse := partsOf(t, path, cuts(t, c)), partsOf(t, path, readings(t, c))
		if len(fine) < 3 {
			t.Fatalf("%d parts", len(fine))
		}
		for _, a := range analyze.All {
			if run(t, c, a, analyze.Options{}) == nil || a.Whole {
				continue
			}
			parts := fine
			if a.Sums {
				parts = coarse
			}
			if a.Adds() {
				whole, together := runMany(t, []string{path}, a, "host"), runMany(t, parts, a, "host")
				want, got := hostTotals(a, whole), hostTotals(a, together)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s by host (-whole +parts):\n%s", a.Name, diff)
				}
			}
			if a.Sort == "time" {
				want := listed(run(t, c, a, analyze.Options{}))
				if diff := cmp.Diff(want, listed(runMany(t, parts, a, ""))); diff != "" {
					t.Errorf("%s, rows (-whole +parts):\n%s", a.Name, diff)
				}
			}
		}
	})
}

// partsOf divides a capture where the recorder would begin another file.
func partsOf(t *testing.T, path string, at []int64) (parts []string) {
	t.Helper()
	dir, from := t.TempDir(), int64(0)
	for i, to := range append(slices.Clone(at), 0) {
		part := filepath.Join(dir, fmt.Sprintf("part-%d.arrow", i))
		if err := os.Rename(sliced(t, path, replay.Slice{From: from, To: to}), part); err != nil {
			t.Fatal(err)
		}
		parts, from = append(parts, part), to
	}
	return parts
}

// hostTotals are the additive cells of the one row of a host.
func hostTotals(a *analyze.Analysis, r *analyze.Result) map[string]analyze.Value {
	all := map[string]analyze.Value{}
	for i := range r.Columns {
		c := &r.Columns[i]
		if c.Name == "recorded_ns" || c.Name != "captures" && additive(a, c) && !onlyWhole[a.Name][c.Name] {
			all[c.Name] = r.Tables[0].Rows[0][i]
		}
	}
	return all
}

// onlyWhole are columns of hosts that count what was there, which may be there in
// several parts.
var onlyWhole = map[string]map[string]bool{
	"lifetimes": {"processes": true},
	"summary":   {"processes": true, "connections": true},
}
