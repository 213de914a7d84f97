// SPDX-License-Identifier: Apache-2.0

package export

import (
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// seats are who is on which CPU.
type seats struct {
	byCPU   replay.ByNumber[seat]
	numbers *replay.Numbers
	unseen  *replay.Unseen
	state   format.Col
	hop     hop
	wake    wake
}

// seat is who is on a CPU. Before the window begins only its number is known.
type seat struct {
	tid   uint32
	who   *person
	since int64
}

// Places of columns among a switch's numbers.
const (
	switchCPU = iota
	switchTID
	switchNext
	switchPrio
	switchPreempted
)

func newSeats(s *story) seats {
	unseen, _ := replay.ReadUnseen(s.capture) // what cannot be read ends the story itself
	return seats{
		unseen:  unseen,
		state:   s.col("prev_state"),
		numbers: replay.NewNumbers(s.col(format.ColumnCPU), s.col(format.ColumnTID), s.col("next_tid"), s.col("next_prio"), s.col("preempted")),
	}
}

// sit takes a switch before the window.
func (s *story) sit(e replay.Event) {
	row, n := s.numbers.Row(e), s.numbers.Values
	s.byCPU.Set(uint32(n[switchCPU][row]), &seat{tid: uint32(n[switchNext][row])})
}

// seatAll tells who is on the CPUs when the window begins.
func (s *story) seatAll() error {
	who, err := replay.Occupants(s.capture, s.window.To)
	if err != nil {
		return err
	}
	for cpu, tid := range who {
		if s.byCPU.Get(uint32(cpu)) == nil {
			s.byCPU.Set(uint32(cpu), &seat{tid: tid})
		}
	}
	for _, cpu := range s.byCPU.Numbers() {
		if err := s.seat(cpu, s.byCPU.Get(cpu).tid); err != nil {
			return err
		}
	}
	return nil
}

// seat tells who is on a CPU from the beginning.
func (s *story) seat(cpu, tid uint32) error {
	who, err := s.of(tid, cpu, s.begin)
	if err != nil {
		return err
	}
	s.byCPU.Set(cpu, &seat{tid: tid, who: who, since: s.begin})
	return s.sink.tell(seated{s.begin, cpu, who})
}

// switches takes switches that follow each other.
func (s *story) switches(r replay.Run) error {
	for from := 0; from < r.Len(); {
		row, n := s.numbers.Rows(r, from)
		for i := range n {
			if err := s.change(row+i, r.At(from+i)); err != nil {
				return err
			}
		}
		from += n
	}
	return nil
}

func (s *story) oneSwitch(e replay.Event) error { return s.change(s.numbers.Row(e), e) }

// change takes a switch; row is where its numbers are.
func (s *story) change(row int, e replay.Event) (err error) {
	n, h := s.numbers.Values, &s.hop
	h.cpu, h.at = uint32(n[switchCPU][row]), e.Time()
	if h.prev, err = s.of(uint32(n[switchTID][row]), h.cpu, h.at); err != nil {
		return err
	}
	if h.next, err = s.of(uint32(n[switchNext][row]), h.cpu, h.at); err != nil {
		return err
	}
	c := s.byCPU.Get(h.cpu)
	if c == nil { // whoever leaves was there all the time
		if err := s.seat(h.cpu, uint32(n[switchTID][row])); err != nil {
			return err
		}
		c = s.byCPU.Get(h.cpu)
	}
	h.since, h.broken = c.since, c.who.TID != h.prev.TID || s.unseen.Before(int(h.cpu), h.at)
	h.state, h.prio, h.preempted = e.Str(s.state), n[switchPrio][row], n[switchPreempted][row] != 0
	c.who, c.since = h.next, h.at
	if err := s.sink.hop(h); err != nil || h.state != "X" {
		return err
	}
	return s.leave(h.prev, h.cpu, h.at)
}

// oneWakeup takes a wakeup. Without switches nobody knows who was on the CPU.
func (s *story) oneWakeup(e replay.Event) (err error) {
	if !s.switched {
		return nil
	}
	w := &s.wake
	w.cpu, w.at = uint32(max(0, e.CPU())), e.Time()
	if w.woken, err = s.of(uint32(e.Uint(s.col("woken_tid"))), w.cpu, w.at); err != nil {
		return err
	}
	return s.sink.wake(w)
}

// leaveAll ends the slices that are open when the recording ends.
func (s *story) leaveAll() error {
	for _, cpu := range s.byCPU.Numbers() {
		c := s.byCPU.Get(cpu)
		next, err := s.of(0, cpu, s.until)
		if err != nil {
			return err
		}
		s.hop = hop{cpu: cpu, prev: c.who, next: next, since: c.since, at: s.until, state: "R", final: true, broken: s.unseen.Covers(int(cpu), s.until)}
		if err := s.sink.hop(&s.hop); err != nil {
			return err
		}
	}
	return nil
}
