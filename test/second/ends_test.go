// SPDX-License-Identifier: Apache-2.0

package second

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// compareEnds holds what two captures say of both ends of connections against the second
// ones. The other one is of the same machine, whose clock was set otherwise.
func compareEnds(t *testing.T, c *format.Capture, here *recording, seed uint64) {
	t.Helper()
	without := ""
	if seed%2 == 0 { // nobody connected there, so that handshakes bound one way only
		without = "tcp_connect"
	}
	other := openSet(t, seed, time.Duration(seed%7)*411*time.Millisecond, without)
	defer other.Close()
	there, err := readAll(other)
	if err != nil {
		t.Fatal(err)
	}
	a, err := analyze.Find("tcplat")
	if err != nil {
		t.Fatal(err)
	}
	p := pair{here, there}
	some := len(p.clocks().shakes) > 0
	got, err := analyze.Run(t.Context(), c, a, analyze.Options{Other: other, Align: some, Top: 1 << 20})
	if err != nil {
		t.Error(err)
		return
	}
	want := map[string][][]any{"Both ends": p.both()}
	if some {
		want["Clocks"], want["Handshakes on one clock"] = p.clocksTable(), p.shakesTable()
	}
	for i := range got.Tables {
		table := &got.Tables[i]
		rows, ends := want[table.Title]
		if diff := cmp.Diff(sorted(rows), sorted(cells(table))); ends && diff != "" {
			t.Errorf("%s (-second +analyze):\n%s", table.Title, diff)
		}
		delete(want, table.Title)
	}
	for title := range want {
		t.Errorf("there is no table %q", title)
	}
}
