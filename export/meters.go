// SPDX-License-Identifier: Apache-2.0

package export

import (
	"math"

	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// meters make levels of cumulative sums: how busy each CPU was between two
// readings, and, where there are no switches, what each process used.
type meters struct {
	readings []int64 // instants
	at       int     // of readings: the latest up to the rows that come; -1: none yet
	cpus     map[int]*meter
	threads  map[threadID]uint64 // CPU time at the last reading
	now      map[*process]uint64 // CPU time in the interval that the reading ends, by process
	next     map[*process]uint64 // and in the one after it: of threads that ended
	busy     map[*process]bool   // processes that used something in the interval before
}

type meter struct {
	lane *lane
	idle uint64
	at   int64
}

type threadID struct {
	tid   uint32
	start int64
}

func newMeters() meters {
	return meters{at: -1, cpus: map[int]*meter{}, threads: map[threadID]uint64{}, now: map[*process]uint64{}, next: map[*process]uint64{}, busy: map[*process]bool{}}
}

func (m *meters) prepare(c *format.Capture) (err error) {
	m.readings, err = replay.New(c).Readings()
	return err
}

// percent is a share of an interval with three digits behind the point.
func percent(part uint64, of int64) float64 {
	return math.Round(float64(part)/float64(of)*100_000) / 1000
}

// base takes sums from before the window.
func (s *story) base(e replay.Event) {
	if e.Kind().Name == "cpu_sum" {
		m := s.meterOf(e.CPU())
		m.idle, m.at = e.Uint(s.col("idle_ns")), e.Time()
		return
	}
	s.threads[threadID{e.TID(), e.Int(s.col("start"))}] = e.Uint(s.col("cpu_time_ns"))
}

func (s *story) meterOf(cpu int) *meter {
	m := s.cpus[cpu]
	if m == nil {
		m = &meter{lane: s.newLane("CPU "+strconv.Itoa(cpu)+" busy", nil), at: s.capture.Meta().Start.UnixNano()}
		m.lane.unit = "%"
		s.cpus[cpu] = m
	}
	return m
}

// cpuSum tells how busy a CPU was since its last reading.
func (s *story) cpuSum(e replay.Event) error {
	m := s.meterOf(e.CPU())
	idle, took := e.Uint(s.col("idle_ns")), e.Time()-m.at
	from := max(m.at, s.begin)
	was := m.idle
	m.idle, m.at = idle, e.Time()
	if took <= 0 || idle < was {
		return nil
	}
	busy := uint64(took) - min(uint64(took), idle-was)
	return s.sink.tell(level{m.lane, from, percent(busy, took)})
}

// taskSum adds what a thread used. A row belongs to the last reading before it,
// that of an ended thread to its own time.
func (s *story) taskSum(e replay.Event) error {
	if s.switched {
		return nil
	}
	if err := s.advance(e.Time()); err != nil {
		return err
	}
	id, total, into := threadID{e.TID(), e.Int(s.col("start"))}, e.Uint(s.col("cpu_time_ns")), s.now
	used := total - min(total, s.threads[id])
	s.threads[id] = total
	if e.Uint(s.col("exited")) != 0 {
		delete(s.threads, id)
	}
	if s.at < 0 || e.Uint(s.col("exited")) != 0 && e.Time() > s.readings[s.at] {
		into = s.next
	}
	p, err := s.processOf(e.PID(), e.Time())
	if used > 0 && p != nil {
		into[p] += used
	}
	return err
}

// advance tells what was used up to the readings that are over: all rows of those
// before the latest are there.
func (s *story) advance(to int64) error {
	for s.at+1 < len(s.readings) && s.readings[s.at+1] <= to {
		if err := s.levels(s.at); err != nil {
			return err
		}
		s.at++
	}
	return nil
}

// reading is an instant at which sums were read; the beginning before the first,
// and the end behind the last.
func (s *story) reading(i int) int64 {
	switch {
	case i < 0:
		return s.begin
	case i == len(s.readings):
		return s.until
	}
	return s.readings[i]
}

// levels tells what processes used in the interval that ends with a reading.
func (s *story) levels(reading int) error {
	from, to := max(s.begin, s.reading(reading-1)), s.reading(reading)
	for p := range s.busy {
		s.now[p] += 0 // nothing now
	}
	clear(s.busy)
	for _, p := range slices.SortedFunc(maps.Keys(s.now), func(a, b *process) int { return cmp.Compare(a.serial, b.serial) }) {
		if err := s.used(p, s.now[p], from, to); err != nil {
			return err
		}
	}
	clear(s.now)
	s.now, s.next = s.next, s.now
	return nil
}

// used tells what a process used in an interval.
func (s *story) used(p *process, ns uint64, from, to int64) error {
	if ns > 0 {
		s.busy[p] = true
	}
	if to <= from {
		return nil
	}
	if p.usage == nil {
		p.usage = s.newLane("CPU time", s.lane(p))
		p.usage.unit = "%"
	}
	return s.sink.tell(level{p.usage, from, percent(ns, to-from)})
}

// levelAll tells what processes used until the end.
func (s *story) levelAll() error {
	if s.switched {
		return nil
	}
	return errors.Join(s.advance(s.until), s.levels(s.at), s.levels(s.at+1))
}
