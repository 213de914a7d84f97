// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// story tells a sink what happened in a capture, in the order of its rows.
type story struct {
	capture  *format.Capture
	sink     sink
	window   format.Window
	begin    int64 // of what is told
	begun    bool
	last     int64 // time of the latest row
	until    int64 // end of the recording; 0: not known yet
	events   uint64
	missing  analyze.Losses
	lanes    uint64
	handlers map[string]func(replay.Event) error

	crowd
	seats
	conns
	meters
}

// tellStory tells everything.
func tellStory(ctx context.Context, c *format.Capture, to sink) (*Report, error) {
	s := newStory(c, to)
	if err := s.prepare(); err != nil {
		return nil, err
	}
	n := 0
	for run, err := range replay.New(c).Runs(s.selection()) {
		if n += run.Len(); n > 1<<16 && err == nil {
			n, err = 0, ctx.Err()
		}
		if err == nil {
			err = s.take(run)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return &Report{Count: s.events, Of: "rows", Loss: s.missing.All(), Notes: s.notes()}, nil
}

func newStory(c *format.Capture, to sink) *story {
	s := &story{capture: c, sink: to, window: c.Meta().Window, begin: c.Meta().Start.UnixNano(), missing: analyze.NewLosses(c)}
	s.begin = max(s.begin, s.window.From)
	s.last = s.begin
	s.crowd = newCrowd(s)
	s.seats = newSeats(s)
	s.conns = newConns()
	s.meters = newMeters()
	s.handlers = map[string]func(replay.Event) error{
		"task": s.identity, "fork": s.identity, "exec": s.exec, "exit": s.exit, "thread_start": s.identity, "thread_exit": s.threadExit,
		"sched_switch": s.oneSwitch, "sched_waking": s.oneWakeup,
		"tcp_connect": s.connect, "tcp_accept": s.accept, "tcp_close": s.close, "tcp_socket": s.socket,
		"tcp_rtt": s.rtt, "tcp_response": s.turn, "tcp_read": s.turn, "tcp_reply": s.turn, "tcp_fold": s.fold,
		"tcp_retransmit": s.retransmit, "tcp_reset": s.reset, "tcp_state_change": s.stateChange,
		"cpu_sum": s.cpuSum, "task_sum": s.taskSum,
		"clock": s.clock, "loss": s.loss, "summary": s.summary, "suspended": s.suspended,
	}
	return s
}

// used are the columns that the story reads.
var used = []string{
	"start", "ppid", "comm", "kernel_thread", "cgroup_id", "reason", "filename", "exit_code", "signal",
	"next_tid", "prev_state", "next_prio", "preempted", "woken_tid",
	"conn", "laddr", "lport", "raddr", "rport", "direction", "error", "connect_ns", "accept_ns", "response_ns", "read_ns", "think_ns", "duration_ns",
	"tx_bytes", "rx_bytes", "turns", "turn_part", "sum_ns", "segments", "payload_bytes", "tcp_state", "from_state", "reset_from", "srtt_ns",
	"idle_ns", "cpu_time_ns", "exited", "since", "lost", "loss_source", "loss_reason", "wall_offset_ns", "suspended_ns",
}

func (s *story) col(name string) format.Col { return s.capture.Col(name) }

func (s *story) selection() replay.Select {
	sel := replay.Select{Columns: []format.Col{}}
	for _, k := range s.capture.Kinds() {
		if s.handlers[k.Name] != nil {
			sel.Kinds = append(sel.Kinds, k.Name)
		}
	}
	for _, name := range used {
		sel.Columns = append(sel.Columns, s.col(name))
	}
	return sel
}

// prepare learns what the first rows need to be told.
func (s *story) prepare() error {
	if err := s.tasks.Preload(s.capture); err != nil {
		return err
	}
	if err := s.meters.prepare(s.capture); err != nil {
		return err
	}
	return s.learnSockets()
}

// take takes rows: those before the window are known, but not told.
func (s *story) take(run replay.Run) error {
	if !s.begun {
		var before replay.Run
		if before, run = run.Split(s.window.From); before.Len() > 0 {
			for i := range before.Len() {
				s.before(before.At(i))
			}
		}
		if run.Len() == 0 {
			return nil
		}
		if err := s.start(); err != nil {
			return err
		}
	}
	inside, behind := run, replay.Run{}
	if s.window.To != 0 {
		inside, behind = run.Split(s.window.To)
	}
	if inside.Len() > 0 {
		if err := s.inside(inside); err != nil {
			return err
		}
	}
	for i := range behind.Len() {
		if err := s.behind(behind.At(i)); err != nil {
			return err
		}
	}
	return nil
}

// before learns from a row before the window.
func (s *story) before(e replay.Event) {
	s.tasks.Update(e)
	switch e.Kind().Name {
	case "sched_switch":
		s.sit(e)
	case "cpu_sum", "task_sum":
		s.base(e)
	}
	if !e.Null(s.col("laddr")) {
		s.connOf(e)
	}
}

// start tells who is there when the window begins.
func (s *story) start() error {
	s.begun = true
	m := s.capture.Meta()
	if s.begin < m.BootOffset {
		return fmt.Errorf("capture %s begins before its machine booted", s.capture.Path())
	}
	err := s.sink.tell(machine{m.Kernel, m.Arch, m.CPUs, s.begin})
	return errors.Join(err, s.sink.tell(offset{s.begin, s.begin}), s.introduce(), s.seatAll())
}

func (s *story) inside(run replay.Run) error {
	if t := run.Time(0); t < s.capture.Meta().BootOffset {
		return fmt.Errorf("capture %s has an event at %d ns, before its machine booted", s.capture.Path(), t)
	}
	s.last = max(s.last, run.Time(run.Len()-1))
	s.events += uint64(run.Len())
	if k := run.Kind(); k != nil && k.Name == "sched_switch" {
		return s.switches(run)
	}
	for i := range run.Len() {
		e := run.At(i)
		if h := s.handlers[e.Kind().Name]; h != nil {
			if err := h(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// behind takes a row behind the window: how the recording ended, and losses that
// may lie in the window.
func (s *story) behind(e replay.Event) error {
	switch e.Kind().Name {
	case "summary":
		return s.summary(e)
	case "loss":
		if e.Int(s.col("since")) <= s.window.To {
			return s.loss(e)
		}
	}
	return nil
}

func (s *story) summary(e replay.Event) error {
	s.until = e.Time()
	return nil
}

// end tells what is open when the recording ends.
func (s *story) end() error {
	if !s.begun {
		if err := s.start(); err != nil {
			return err
		}
	}
	var cut *format.CutError
	if s.until == 0 && errors.As(s.capture.Cut(), &cut) && !cut.End.IsZero() {
		s.until = cut.End.UnixNano()
	}
	if s.until == 0 {
		s.until = s.last
	}
	if s.window.To != 0 {
		s.until = min(s.until, s.window.To)
	}
	s.until = max(s.until, s.last)
	err := errors.Join(s.leaveAll(), s.levelAll(), s.showAll(), s.outlive())
	whole := span{lane: s.root("recording"), name: "recording", from: min(s.begin, s.until), to: s.until}
	err = errors.Join(err, s.sink.tell(whole))
	if s.capture.Cut() != nil {
		err = errors.Join(err, s.sink.tell(mark{lane: whole.lane, name: "cut short", at: s.until}))
	}
	return errors.Join(err, s.sink.tell(ended{}))
}

// newLane makes a lane below another, or of its own.
func (s *story) newLane(name string, below *lane) *lane {
	s.lanes++
	l := &lane{id: s.lanes, name: name, parent: below}
	if below != nil {
		l.pid = below.pid
	}
	return l
}

// span tells of something that took so long when its row came. It begins within
// what is told.
func (s *story) span(l *lane, name string, e replay.Event, ns uint64, args ...arg) error {
	from := min(max(e.Time()-int64(min(ns, math.MaxInt64)), s.begin), e.Time())
	return s.lasting(l, span{name: name, from: from, to: e.Time(), args: args})
}

// mostBeside is how many spans of a lane can be shown that overlap.
const mostBeside = 16

// lasting tells of a span, on another lane of the same name when it overlaps with
// the last one of its own.
func (s *story) lasting(l *lane, what span) error {
	for n := 1; l.last > what.from; n++ {
		if n == mostBeside {
			what.from = min(l.last, what.to)
			break
		}
		if l.beside == nil {
			l.beside = s.newLane(l.name, l.parent)
		}
		l = l.beside
	}
	what.lane, l.last = l, max(l.last, what.to)
	return s.sink.tell(what)
}
