// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// slowedName is the process that does 10% more in each turn.
const slowedName = "server-3"

// Of 20 pairs of captures of the same machine at least 19 have no process that
// changed, and of 20 in which one process is slower at least 19 say so.
func TestDiffFindsWhatChanged(t *testing.T) {
	if testing.Short() { // emulated
		t.Skip("takes a minute")
	}
	const pairs = 20
	quiet, found := 0, 0
	for i := range uint64(pairs) {
		seed := 3 * i
		base := machineOf(t, plan{seed: seed})
		same := compared(t, base, plan{seed: seed + 1})
		changed := compared(t, base, plan{seed: seed + 2, slow: slowedName, slower: 10})
		if names := changedNames(same); len(names) == 0 {
			quiet++
		} else {
			t.Logf("pair %d: the same, but %v", i, names)
		}
		if slices.ContainsFunc(changed.Tables[0].Rows, func(r diff.Row) bool {
			return r.Name == slowedName && r.Measure.Name == "cpu_percent" && r.Verdict == diff.Changed && r.Change > 0
		}) {
			found++
		} else {
			t.Logf("pair %d: not found", i)
		}
	}
	t.Logf("nothing changed in %d of %d pairs of the same, found in %d of %d that are not", quiet, pairs, found, pairs)
	if quiet < 19 || found < 19 {
		t.Error("too few")
	}
}

// machineOf is a capture of 500,000 switches of a small machine.
func machineOf(t *testing.T, p plan) []*format.Capture {
	t.Helper()
	p.switches, p.tasks, p.cpus = 500_000, 12, 2
	path := filepath.Join(t.TempDir(), "t.arrow")
	if err := run(path, p); err != nil {
		t.Fatal(err)
	}
	return []*format.Capture{capturetest.Open(t, path)}
}

func compared(t *testing.T, base []*format.Capture, head plan) *diff.Report {
	t.Helper()
	r, err := diff.Run(t.Context(), base, machineOf(t, head), diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// changedNames are the processes of which anything changed.
func changedNames(r *diff.Report) (names []string) {
	for _, row := range r.Tables[0].Rows {
		if row.Verdict == diff.Changed {
			names = append(names, row.Name+" "+row.Measure.Name)
		}
	}
	return names
}

// BenchmarkDiff compares a capture of a million switches with itself.
func BenchmarkDiff(b *testing.B) {
	path := filepath.Join(b.TempDir(), "t.arrow")
	if err := run(path, plan{switches: 1_000_000, tasks: 400, cpus: 8, seed: 1}); err != nil {
		b.Fatal(err)
	}
	c, err := format.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := diff.Run(b.Context(), []*format.Capture{c}, []*format.Capture{c}, diff.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
