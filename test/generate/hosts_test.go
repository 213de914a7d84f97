// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/diff"
)

// Of twenty hosts the one whose processes take 30% longer is named, and no other.
func TestHostThatIsSlower(t *testing.T) {
	if testing.Short() { // emulated
		t.Skip("takes half a minute")
	}
	dir := t.TempDir()
	var paths []string
	for i := range 20 {
		p := plan{switches: 60_000, tasks: 12, cpus: 2, seed: uint64(i), host: fmt.Sprintf("h%02d", i), comm: "app"}
		if i == 13 {
			p.slow, p.slower = "app", 30
		}
		paths = append(paths, filepath.Join(dir, p.host+".arrow"))
		if err := run(paths[i], p); err != nil {
			t.Fatal(err)
		}
	}
	a, err := analyze.Find("cputime")
	if err != nil {
		t.Fatal(err)
	}
	for _, comms := range [][]string{nil, {"app"}} {
		r, err := diff.Hosts(t.Context(), paths, diff.HostOptions{Analysis: a, Comms: comms})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, row := range r.Tables[0].Rows {
			if row[7] == "differs" {
				found[row[0].(string)] = true
				t.Log(row)
			}
		}
		if d := cmp.Diff(map[string]bool{"h13": true}, found); d != "" {
			t.Errorf("of %v (-want +got):\n%s", comms, d)
		}
	}
}

// What hosts are compared in are the numbers that the analyses have of them, of several
// captures each.
func TestComparedAreTheNumbersOfHosts(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 6 {
		p := plan{switches: 20_000 * (1 + i/3), tasks: 12, cpus: 2, seed: uint64(i), host: fmt.Sprint("h", i%3)}
		paths = append(paths, filepath.Join(dir, fmt.Sprint(i, ".arrow")))
		if err := run(paths[i], p); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		analysis, measure, column string
		within                    float64
	}{{"cputime", "cpu_percent", "cpu_percent", 1e-4}, {"runqlat", "wait_p50_ns", "p50_ns", 1e-5}, {"runqlat", "wait_p99_ns", "p99_ns", 1e-5}} {
		a, err := analyze.Find(test.analysis)
		if err != nil {
			t.Fatal(err)
		}
		hosts, err := analyze.RunMany(t.Context(), paths, a, analyze.Options{Sort: "host"}, analyze.Many{By: "host"})
		if err != nil {
			t.Fatal(err)
		}
		compared, err := diff.Hosts(t.Context(), paths, diff.HostOptions{Analysis: a})
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(hosts.Columns, func(c analyze.ColumnSpec) bool { return c.Name == test.column })
		want := map[any]float64{}
		for _, row := range hosts.Tables[0].Rows {
			switch n := row[at].(type) {
			case uint64:
				want[row[0]] = float64(n)
			case float64:
				want[row[0]] = n
			}
		}
		got := 0
		for _, row := range compared.Tables[0].Rows {
			if row[2] != test.measure {
				continue
			}
			got++
			if value := row[3].(analyze.Amount).Value; math.Abs(value/want[row[0]]-1) > test.within || row[1] != uint64(2) {
				t.Errorf("%s of %v, %v captures: %g, the analysis has %g", test.measure, row[0], row[1], value, want[row[0]])
			}
		}
		if got != 3 || len(want) != 3 {
			t.Errorf("%s of %d hosts, the analysis has %d", test.measure, got, len(want))
		}
	}
}
