// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// busy is a capture of switches by the thousand, opens and tasks between them,
// in several batches that overlap.
func busy(t *testing.T) *format.Capture {
	t.Helper()
	random := rand.New(rand.NewPCG(21, 22))
	var rows []row
	for i := range 20_000 {
		at := int64(i) * 1000
		rows = append(rows, row{at, "sched_switch", v{"cpu": i % 3, "tid": random.IntN(50), "next_tid": random.IntN(50), "delay_ns": i, "prev_state": "S"}})
		if i%7 == 0 {
			rows = append(rows, row{at, "sched_waking", v{"cpu": i % 2, "tid": 3, "woken_tid": random.IntN(50)}})
		}
		if i%900 == 0 {
			rows = append(rows, row{at + 1, "open", v{"pid": 7, "tid": 7, "path": "/x"}})
		}
		if i%6000 == 5999 {
			rows = append(rows, row{at, "flush", nil})
		}
	}
	return write(t, rows...)
}

func line(c *format.Capture, e replay.Event) string {
	return fmt.Sprint(e.Time(), e.Kind().Name, e.CPU(), e.TID(), e.Uint(c.Col("next_tid")), e.Uint(c.Col("delay_ns")))
}

// Runs are the events, whatever was selected, and what they say of themselves is
// so.
func TestRunsAreTheEvents(t *testing.T) {
	c := busy(t)
	begin := c.Meta().Start.UnixNano()
	long := 0
	for name, s := range map[string]replay.Select{
		"all":       {},
		"some":      {Kinds: []string{"sched_switch", "open"}},
		"a span":    {From: begin + 3_000_000, To: begin + 12_345_678},
		"a process": {PIDs: []uint32{7}},
		"tasks":     {Kinds: []string{"sched_switch"}, Tasks: true},
	} {
		var want, got []string
		for e, err := range replay.New(c).Events(s) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, line(c, e))
		}
		for run, err := range replay.New(c).Runs(s) {
			if err != nil {
				t.Fatal(err)
			}
			if run.Len() > 5 {
				long++
			}
			for i := range run.Len() {
				e := run.At(i)
				if k := run.Kind(); k != nil && k != e.Kind() || run.Time(i) != e.Time() {
					t.Fatalf("%s: a %s in a run of %v", name, e.Kind().Name, k)
				}
				got = append(got, line(c, e))
			}
		}
		if !slices.Equal(want, got) || len(want) == 0 {
			t.Errorf("%s: %d events, %d in runs", name, len(want), len(got))
		}
	}
	if long == 0 {
		t.Error("no run is long")
	}
}

// A run divides at any time.
func TestSplit(t *testing.T) {
	c := busy(t)
	for run, err := range replay.New(c).Runs(replay.Select{Kinds: []string{"sched_switch"}}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{run.Time(0) - 1, run.Time(0), run.Time(run.Len() / 2), run.Time(run.Len() - 1), run.Time(run.Len()-1) + 1} {
			first, rest := run.Split(at)
			if first.Len()+rest.Len() != run.Len() || first.Len() > 0 && first.Time(first.Len()-1) > at || rest.Len() > 0 && rest.Time(0) <= at {
				t.Fatalf("%d events divide into %d and %d", run.Len(), first.Len(), rest.Len())
			}
		}
	}
}

// Numbers are the events' own, also where batches take turns too often to read
// them whole.
func TestNumbers(t *testing.T) {
	c := busy(t)
	cols := []format.Col{c.Col("cpu"), c.Col("tid"), c.Col("next_tid"), c.Col("delay_ns"), format.NoCol}
	for name, kinds := range map[string][]string{"one kind": {"sched_switch"}, "turns": {"sched_switch", "sched_waking", "open"}} {
		n := replay.NewNumbers(cols...)
		for e, err := range replay.New(c).Events(replay.Select{Kinds: kinds}) {
			if err != nil {
				t.Fatal(err)
			}
			same(t, name, n, n.Row(e), cols, e)
		}
		n = replay.NewNumbers(cols...)
		for run, err := range replay.New(c).Runs(replay.Select{Kinds: kinds}) {
			if err != nil {
				t.Fatal(err)
			}
			for from := 0; from < run.Len(); {
				at, events := n.Rows(run, from)
				for i := range events {
					same(t, name+", runs", n, at+i, cols, run.At(from+i))
				}
				from += events
			}
		}
	}
}

// same wants the numbers at a row to be an event's.
func same(t *testing.T, name string, n *replay.Numbers, at int, cols []format.Col, e replay.Event) {
	t.Helper()
	for i, col := range cols {
		if got, want := n.Values[i][at], e.Uint(col); got != want {
			t.Fatalf("%s: column %d of a %s is %d, want %d", name, i, e.Kind().Name, got, want)
		}
	}
}
