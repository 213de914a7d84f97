// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// notebook is a sink that keeps what it is told.
type notebook struct {
	told []any
	hops int
}

func (n *notebook) hop(*hop) error   { n.hops++; return nil }
func (n *notebook) wake(*wake) error { return nil }
func (n *notebook) tell(what any) error {
	n.told = append(n.told, what)
	return nil
}

func listen(t *testing.T, c *format.Capture) *notebook {
	t.Helper()
	var n notebook
	if _, err := tellStory(t.Context(), c, &n); err != nil {
		t.Fatal(err)
	}
	return &n
}

// What each process used from reading to reading adds up to its CPU time.
func TestLevels(t *testing.T) {
	checked := 0
	for name, c := range fixtures(t) {
		if c.Kind("task_sum") == nil || c.Kind("sched_switch") != nil {
			continue
		}
		story := newStory(c, &notebook{})
		if err := story.prepare(); err != nil {
			t.Fatal(err)
		}
		readings := append([]int64{c.Meta().Start.UnixNano()}, story.readings...)
		until := readings[len(readings)-1]
		got := map[uint64]float64{}
		for _, what := range listen(t, c).told {
			l, ok := what.(level)
			if !ok || l.lane.name != "CPU time" {
				continue
			}
			i, found := slices.BinarySearch(readings, l.at)
			if !found || i+1 == len(readings) && l.value != 0 {
				t.Fatalf("%s: a level at %d, when no interval begins", name, l.at)
			}
			if l.value == 0 {
				continue
			}
			got[uint64(l.lane.pid)] += l.value / 100 * float64(readings[i+1]-readings[i])
		}
		for pid, want := range cpuTimes(t, c) {
			// Each level is rounded to a thousandth of a percent.
			if slack := float64(until-readings[0])/200_000 + 1; math.Abs(got[pid]-float64(want)) > slack {
				t.Errorf("%s: levels of process %d add up to %.0f ns, it used %d", name, pid, got[pid], want)
			}
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("%d processes were looked at", checked)
	}
}

// How busy a CPU was between its readings adds up to what it did for somebody.
func TestBusy(t *testing.T) {
	checked := 0
	for name, c := range fixtures(t) {
		if c.Kind("cpu_sum") == nil {
			continue
		}
		got, last := map[int]float64{}, map[int]int64{}
		begin := c.Meta().Start.UnixNano()
		levels := map[string][]level{}
		for _, what := range listen(t, c).told {
			if l, ok := what.(level); ok && strings.HasSuffix(l.lane.name, " busy") {
				levels[l.lane.name] = append(levels[l.lane.name], l)
			}
		}
		idle := c.Col("idle_ns")
		for e, err := range replay.New(c).Events(replay.Select{Kinds: []string{"cpu_sum"}}) {
			if err != nil {
				t.Fatal(err)
			}
			from, ok := last[e.CPU()]
			if !ok {
				from = begin
			}
			lane := fmt.Sprintf("CPU %d busy", e.CPU())
			l := levels[lane][0]
			levels[lane] = levels[lane][1:]
			if l.at != from {
				t.Fatalf("%s: %s from %d, want %d", name, lane, l.at, from)
			}
			got[e.CPU()] += l.value / 100 * float64(e.Time()-l.at)
			want := float64(e.Time()-begin) - float64(e.Uint(idle))
			if slack := float64(e.Time()-begin)/200_000 + 1; math.Abs(got[e.CPU()]-want) > slack {
				t.Errorf("%s: %s adds up to %.0f ns, want %.0f", name, lane, got[e.CPU()], want)
			}
			last[e.CPU()] = e.Time()
			checked++
		}
	}
	if checked < 10 {
		t.Errorf("%d readings were looked at", checked)
	}
}

func cpuTimes(t *testing.T, c *format.Capture) map[uint64]uint64 {
	t.Helper()
	a, err := analyze.Find("cputime")
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze.Run(t.Context(), c, a, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	times := map[uint64]uint64{}
	for _, table := range r.Tables[:2] {
		for _, row := range table.Rows {
			times[row[0].(uint64)] += row[4].(uint64)
		}
	}
	return times
}

// A process ends when its last thread does, whichever that is, and who takes its
// number is another.
func TestLives(t *testing.T) {
	r := record(t, nil)
	r.task(10, 10, 1, "first")
	r.task(10, 11, 1, "second")
	r.task(30, 25, 1, "lower number")
	r.task(30, 30, 1, "leader")
	r.turn(begin+50, 1, 30, 25, "X") // the process lives on
	r.turn(begin+100, 0, 10, 11, "X")
	r.add(begin+150, "exit", values{"pid": 10, "tid": 11, "ppid": 1, "start": 10 * second, "comm": "second", "exit_code": 3})
	r.turn(begin+200, 0, 11, 0, "X")
	r.add(begin+300, "fork", values{"pid": 10, "tid": 10, "ppid": 1, "start": begin + 290, "comm": "again"})
	r.turn(begin+400, 0, 0, 10, "R")
	var ends []uint32
	var lives []span
	var again []bool
	for _, what := range listen(t, r.end(begin+second)).told {
		switch h := what.(type) {
		case left:
			ends = append(ends, h.who.TID)
			if h.at != boot+begin+200 {
				t.Errorf("thread %d ended at %d", h.who.TID, h.at-boot-begin)
			}
		case span:
			if h.lane.name == "lifetime" {
				lives = append(lives, h)
			}
		case came:
			again = append(again, h.again)
		}
	}
	if !slices.Equal(ends, []uint32{11, 10}) || !slices.Equal(again, []bool{true}) {
		t.Errorf("ends of %v, new %v", ends, again)
	}
	if len(lives) != 3 || lives[2].name != "leader" || !lives[2].open {
		t.Fatalf("lives %+v", lives)
	}
	if lives[0].name != "first" || lives[0].open || lives[0].to != boot+begin+150 ||
		lives[1].name != "again" || !lives[1].open || lives[1].from != boot+begin+290 || lives[0].lane == lives[1].lane {
		t.Errorf("lives %+v", lives)
	}
}

// Spans that overlap are beside each other, and keep their times.
func TestOverlap(t *testing.T) {
	r := record(t, nil)
	r.task(10, 10, 1, "first")
	for i := range 3 {
		r.add(begin+1000+int64(i), "tcp_response", values{"pid": 10, "tid": 10, "conn": 5, "response_ns": 500})
	}
	lanes := map[*lane]bool{}
	for _, what := range listen(t, r.end(begin+second)).told {
		if s, ok := what.(span); ok && s.name == "response" {
			lanes[s.lane] = true
			if s.to-s.from != 500 || s.lane.name != "response" {
				t.Errorf("%+v", s)
			}
		}
	}
	if len(lanes) != 3 {
		t.Errorf("%d lanes, want 3", len(lanes))
	}
}

// A state that comes before anybody knows the connection's ends is shown where
// the connection is.
func TestEarlyStates(t *testing.T) {
	r := record(t, nil)
	r.task(10, 10, 1, "first")
	r.add(begin+100, "tcp_state_change", values{"conn": 5, "tcp_state": 3})
	r.add(begin+200, "tcp_accept", values{"pid": 10, "tid": 10, "conn": 5, "lport": 80, "rport": 4000, "direction": 2, "accept_ns": 50})
	var names []string
	for _, what := range listen(t, r.end(begin+second)).told {
		if m, ok := what.(mark); ok && m.name == "state" {
			names = append(names, m.lane.name)
			if m.lane.pid != 10 || m.at != boot+begin+100 {
				t.Errorf("state of process %d at %d", m.lane.pid, m.at-boot-begin)
			}
		}
	}
	if len(names) != 1 || names[0] != "tcp [::]:80 <- [::]:4000" {
		t.Errorf("states of %q", names)
	}
}
