// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// Rows of several groups, added in any order and flushed at any moment, come
// back in time order, none missing.
func TestEventsAreInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := []string{"task_sum", "sched_switch", "tcp_response", "fork", "loss"}
	var rows []row
	var want []int64
	for second := range int64(20) {
		for range rng.IntN(200) {
			at := second*1e9 + rng.Int64N(1e9)
			rows = append(rows, row{at: at, kind: kinds[rng.IntN(len(kinds))]})
			want = append(want, begin.UnixNano()+at)
		}
		rows = append(rows, row{at: (second + 1) * 1e9, kind: "flush"})
	}
	slices.Sort(want)
	var got []int64
	for _, e := range collect(t, write(t, rows...), replay.Select{}) {
		got = append(got, e.time)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}

// More rows of one instant than a batch holds still come before later ones.
func TestManyRowsOfOneInstant(t *testing.T) {
	var rows []row
	for range 70_000 {
		rows = append(rows, row{at: 5, kind: "task_sum"})
	}
	rows = append(rows, row{at: 4, kind: "tcp_response"}, row{at: 3, kind: "fork"}, row{at: 6, kind: "exit"})
	last, n := int64(0), 0
	for _, e := range collect(t, write(t, rows...), replay.Select{}) {
		if e.time < last {
			t.Fatalf("event %d (%s) at %d comes after one at %d", n, e.kind, e.time, last)
		}
		last = e.time
		n++
	}
	if n != len(rows) {
		t.Errorf("got %d events, want %d", n, len(rows))
	}
}

type got struct {
	time int64
	kind string
	tid  uint32
	comm string // of the event's thread at its moment
}

func collect(t testing.TB, c *format.Capture, s replay.Select) []got {
	t.Helper()
	var all []got
	for e, err := range replay.New(c).Events(s) {
		if err != nil {
			t.Fatal(err)
		}
		task, _ := e.Task(e.TID())
		all = append(all, got{e.Time(), e.Kind().Name, e.TID(), task.Comm})
	}
	return all
}

// story: shell 10 runs make 11, which runs, is renamed and exits; its thread
// id comes back as cat.
func story() []row {
	id := func(pid, ppid, start int, comm string) v {
		return v{"pid": pid, "tid": pid, "ppid": ppid, "start": start, "comm": comm}
	}
	return []row{
		{at: 0, kind: "task", values: id(10, 1, -1000, "sh")},
		{at: 100, kind: "fork", values: id(11, 10, 100, "sh")},
		{at: 200, kind: "sched_switch", values: v{"tid": 10, "next_tid": 11, "cpu": 1}},
		{at: 300, kind: "exec", values: id(11, 10, 100, "make")},
		{at: 400, kind: "sched_switch", values: v{"tid": 11, "next_tid": 0, "cpu": 1}},
		{at: 500, kind: "exit", values: id(11, 10, 100, "make")},
		{at: 600, kind: "flush"},
		{at: 700, kind: "fork", values: id(11, 10, 700, "cat")},
		{at: 800, kind: "sched_switch", values: v{"tid": 11, "next_tid": 10}},
		{at: 900, kind: "loss", values: v{"lost": 1, "since": 0}},
		{at: 950, kind: "cpu_sum", values: v{"cpu": 1}},
	}
}

func TestSelect(t *testing.T) {
	at := func(ns int64) int64 { return begin.UnixNano() + ns }
	for name, test := range map[string]struct {
		s    replay.Select
		want string
	}{
		"everything":       {replay.Select{}, "0 100 200 300 400 500 700 800 900 950"},
		"kinds":            {replay.Select{Kinds: []string{"fork", "exit"}}, "100 500 700"},
		"pid":              {replay.Select{PIDs: []uint32{11}}, "100 200 300 400 500 700 800 900"},
		"comm":             {replay.Select{Comms: []string{"make"}}, "300 400 500 900"},
		"comm of a reused": {replay.Select{Comms: []string{"cat"}}, "700 800 900"},
		"pid and comm":     {replay.Select{PIDs: []uint32{11}, Comms: []string{"sh"}}, "100 200 900"},
		"pid of a kind":    {replay.Select{PIDs: []uint32{10}, Kinds: []string{"sched_switch"}}, "200 800"},
		"from, both ends":  {replay.Select{From: at(300), To: at(500)}, "300 400 500"},
		"name from before": {replay.Select{From: at(400), To: at(400), Comms: []string{"make"}}, "400"},
		"columns":          {replay.Select{Columns: []format.Col{}, PIDs: []uint32{11}, Kinds: []string{"sched_switch"}}, "200 400 800"},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			for i, e := range collect(t, write(t, story()...), test.s) {
				if i > 0 {
					got += " "
				}
				got += fmt.Sprint(e.time - begin.UnixNano())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A name is that of the moment, also for a thread id that came back.
func TestTasksAtTheMoment(t *testing.T) {
	var comms []string
	for _, e := range collect(t, write(t, story()...), replay.Select{Kinds: []string{"sched_switch"}, Tasks: true}) {
		comms = append(comms, e.comm)
	}
	if diff := cmp.Diff([]string{"sh", "make", "cat"}, comms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnknownKind(t *testing.T) {
	for _, err := range replay.New(write(t, story()...)).Events(replay.Select{Kinds: []string{"frok"}}) {
		var kind *replay.KindError
		if !errors.As(err, &kind) || kind.Kind != "frok" || !slices.Contains(kind.Known, "fork") {
			t.Errorf("got %v", err)
		}
		return
	}
	t.Error("no error")
}

func TestDefaultKinds(t *testing.T) {
	kinds := replay.DefaultKinds(write(t))
	for _, quiet := range []string{"task", "task_sum", "cpu_sum"} {
		if slices.Contains(kinds, quiet) {
			t.Errorf("%s is among %v", quiet, kinds)
		}
	}
	if !slices.Contains(kinds, "exec") || !slices.Contains(kinds, "loss") {
		t.Errorf("got %v", kinds)
	}
}

// Stopping early is allowed at any event.
func TestStopEarly(t *testing.T) {
	for stop := range 10 {
		n := 0
		for _, err := range replay.New(write(t, story()...)).Events(replay.Select{}) {
			if err != nil {
				t.Fatal(err)
			}
			if n == stop {
				break
			}
			n++
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	var rows []row
	for i := range int64(100_000) {
		kind := "sched_switch"
		if i%10 == 0 {
			kind = "fork"
		}
		rows = append(rows, row{at: i, kind: kind})
	}
	c := write(b, rows...)
	s := replay.Select{Columns: []format.Col{c.Col("next_tid")}}
	for b.Loop() {
		for _, err := range replay.New(c).Events(s) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "events/s")
}
