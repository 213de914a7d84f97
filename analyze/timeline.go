// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// stay is one time of a thread on a CPU, with the wait for it.
type stay struct {
	tid        uint32 // that it came with
	left       uint32 // that it left with: another when it took its process's meanwhile
	cpu        int
	from, to   int64
	wait       uint64       // ns in a run queue before it
	woken      bool         // it was woken to come; false: preempted before, or not known
	waker      uint32       // thread that was where it was woken
	wakerTask  *replay.Task // what it was then; nil: not known, or not asked for
	waitKnown  bool         // not of the first stay of a CPU that is seen
	before     uint32       // thread that was on the CPU before it; 0: idle
	beforeTask *replay.Task // what it was when it left; nil: not known, or not asked for
	expected   uint32       // thread that was seen to come to the CPU; another than tid where the stay is broken
	next       uint32       // thread that comes after it
	preempted  bool
	broken     bool // switches are missing before it
	away       bool // the thread is none of those recorded: its process left them before
	parted     bool // its process left those recorded while it was on the CPU, where the stay ends
}

// timeline makes stays of switches.
type timeline struct {
	begin int64 // of the recording
	// Up to carried a slice has only the switches that say who is where.
	carried int64
	tasks   *replay.Tasks
	unseen  *replay.Unseen
	old     bool // a format that does not tell of unseen switches
	cpus    replay.ByNumber[seat]
	wakes   replay.ByNumber[wake] // by tid of the woken
	follow  bool                  // there are wakeups
	names   bool                  // who was before and who woke is asked for: their numbers may soon be others'
	changes bool                  // processes come to those recorded and leave them
	last    stay

	numbers *replay.Numbers // of switches, see the constants
	woken   format.Col
}

// Places of columns among a switch's numbers.
const (
	switchCPU = iota
	switchTID
	switchNext
	switchDelay
	switchPreempted
)

// wake is who woke a thread, and when.
type wake struct {
	queued  bool  // it left its CPU while runnable: it waits since then, whoever wakes it
	waiting bool  // for a CPU, since at
	at      int64 // 0: it was woken before it had left its CPU
	by      waker
	came    bool // to the CPU that it is on, after it was woken
	on      bool // it is on a CPU, as far as switches are there: it may be about to leave it
	falling bool // it was woken there, before it had left the CPU to sleep: by fellBy
	fellBy  waker
	left    int64
}

// waker is a thread that woke another.
type waker struct {
	tid  uint32
	task *replay.Task // what it was then; nil: not known, or nobody asks
}

// seat is who is on a CPU, since when and whom it followed.
type seat struct {
	tid, before uint32
	since       int64
	left        *replay.Task            // what before was when it left
	known       bool                    // its arrival was seen
	assumed     bool                    // no switch of the CPU was seen yet
	unseen      []replay.UnseenInterval // that are to come
}

var (
	switchColumns = []string{"next_tid", "delay_ns", "preempted"}
	wakingColumns = []string{"woken_tid"}
)

// newTimeline follows the CPUs of a capture. The tasks are the caller's, who
// keeps them up to date; without any, another thread that leaves is a gap.
func newTimeline(c *format.Capture, tasks *replay.Tasks) *timeline {
	unseen, _ := replay.ReadUnseen(c) // what cannot be read ends the pass itself
	return &timeline{
		begin: c.Meta().Start.UnixNano(), carried: c.Meta().Window.From, tasks: tasks, unseen: unseen, old: c.Meta().Before13(),
		woken: c.Col("woken_tid"), follow: slices.Contains(c.Meta().Sources, "wakeups"), changes: tasks != nil && replay.Changing(c.Meta()),
		numbers: replay.NewNumbers(c.Col(format.ColumnCPU), c.Col(format.ColumnTID), c.Col("next_tid"), c.Col("delay_ns"), c.Col("preempted")),
	}
}

// occupy notes who is on CPUs that switch only after an instant, or never; 0: at the
// end.
func (l *timeline) occupy(c *format.Capture, to int64) {
	who, _ := replay.Occupants(c, to) // what cannot be read ends the pass itself
	for cpu, tid := range who {
		c := l.first(uint32(cpu), tid)
		c.assumed = true
		l.cpus.Set(uint32(cpu), c)
	}
}

// first is the seat of who is on a CPU when the recording begins.
func (l *timeline) first(cpu, tid uint32) *seat {
	return &seat{tid: tid, since: l.begin, unseen: l.unseen.Of(int(cpu))}
}

// stay is the one that a switch ends. When switches are missing before it, it
// begins where the last one of the CPU that is there was, which is too early. It
// is valid until the next one.
func (l *timeline) stay(e replay.Event) *stay {
	l.leave(l.numbers.Row(e), e.Time())
	return &l.last
}

// stays visits those that the switches of a run end, in order.
func (l *timeline) stays(r replay.Run, visit func(*stay, replay.Event)) {
	for from := 0; from < r.Len(); {
		row, n := l.numbers.Rows(r, from)
		for i := range n {
			e := r.At(from + i)
			l.leave(row+i, e.Time())
			visit(&l.last, e)
		}
		from += n
	}
}

// leave is a thread's leaving a CPU; row is where the switch's numbers are.
func (l *timeline) leave(row int, t int64) {
	n := l.numbers.Values
	number, tid := uint32(n[switchCPU][row]), uint32(n[switchTID][row])
	c := l.cpus.Get(number)
	if c == nil { // whoever leaves was there all the time
		c = l.first(number, tid)
		l.cpus.Set(number, c)
	} else if c.assumed {
		c.tid, c.assumed = tid, false
	}
	s := &l.last // member by member: several times as fast as a copy
	s.tid, s.left, s.cpu, s.from, s.to = tid, tid, int(number), c.since, t
	s.before, s.expected, s.next = c.before, c.tid, uint32(n[switchNext][row])
	s.wait, s.waitKnown, s.preempted = n[switchDelay][row], c.known, n[switchPreempted][row] != 0
	s.woken, s.waker, s.wakerTask, s.broken, s.away, s.parted = false, 0, nil, false, false, false
	if tid != c.tid || len(c.unseen) > 0 {
		l.mend(s, c)
	}
	if l.follow {
		l.wokenBefore(s)
	}
	if l.changes && s.tid != 0 {
		l.clip(s)
	}
	if l.names {
		s.beforeTask, c.left = c.left, l.tasks.Find(tid)
	}
	c.tid, c.before, c.since, c.known = s.next, tid, t, true
}

// open is the stay of who is on a CPU at an instant; nil: there is none. It is broken
// where that thread may have left unseen.
func (l *timeline) open(number uint32, c *seat, until int64) *stay {
	if c.since >= until {
		return nil
	}
	s := &stay{tid: c.tid, cpu: int(number), from: c.since, to: until, broken: l.unseen.Covers(int(number), until)}
	if l.changes && s.tid != 0 {
		l.clip(s)
	}
	if s.away {
		return nil
	}
	return s
}

// clip leaves of a stay what lies within the time in which the thread's process was
// one of those recorded. Nobody saw it come where that began while it was there.
func (l *timeline) clip(s *stay) {
	task, ok := l.tasks.Lookup(s.tid)
	if !ok {
		return
	}
	leader := leaderOf(l.tasks, task)
	if leader.Joined > s.from && leader.Joined <= s.to {
		s.from, s.wait, s.waitKnown, s.broken = leader.Joined, 0, false, false
	}
	if leader.Left <= leader.Joined || leader.Left >= s.to {
		return
	}
	if s.away = leader.Left <= s.from; !s.away {
		s.to, s.parted = leader.Left, true
	}
}

// wake takes a wakeup. One of a thread on a CPU is of the sleep that it falls into,
// unless another comes meanwhile.
func (l *timeline) wake(e replay.Event) {
	switch w := l.wakeOf(uint32(e.Uint(l.woken))); {
	case w.on:
		w.falling, w.fellBy = true, l.waker(e)
	case !w.queued:
		*w = wake{waiting: true, at: e.Time(), by: l.waker(e), left: w.left}
	}
}

func (l *timeline) waker(e replay.Event) waker {
	if !l.names {
		return waker{tid: e.TID()}
	}
	return waker{e.TID(), l.tasks.Find(e.TID())}
}

func (l *timeline) wakeOf(tid uint32) *wake {
	w := l.wakes.Get(tid)
	if w == nil {
		w = &wake{}
		l.wakes.Set(tid, w)
	}
	return w
}

// wokenBefore finds who woke the thread to come, and notes who comes next. A
// wait is no longer than it is since the wakeup: the kernel's counter may hold
// sleep of a thread that it moved to another queue meanwhile (seen on 6.12).
func (l *timeline) wokenBefore(s *stay) {
	var fell wake
	if w := l.wakes.Get(s.tid); w != nil {
		if w.came {
			s.woken, s.waker, s.wakerTask = true, w.by.tid, w.by.task
		}
		if w.came && w.at != 0 && !l.unseen.Lost(-1, w.left, s.from) { // else it may not have slept
			s.wait = min(s.wait, uint64(max(0, s.from-w.at)))
		}
		fell, *w = *w, wake{}
	}
	if s.left != 0 {
		w := l.wakeOf(s.left)
		*w = wake{queued: s.preempted, left: s.to}
		switch {
		case s.left != s.tid || s.preempted:
		case fell.falling:
			w.waiting, w.by = true, fell.fellBy
		case fell.waiting: // nobody saw it come
			w.waiting, w.by = true, fell.by
		}
	}
	if s.next != 0 {
		w := l.wakeOf(s.next)
		w.came, w.waiting, w.queued, w.on, w.falling = w.waiting, false, false, true, false
	}
}

// mend finds out what it means that another thread leaves than had come, or that
// the recorder knows of unseen switches. A thread that took its process's number
// is the one that had come: the stay is of the number that it came with, as the
// sums have it.
func (l *timeline) mend(s *stay, c *seat) {
	for len(c.unseen) > 0 && c.unseen[0].To < s.to {
		c.unseen = c.unseen[1:]
	}
	switch {
	case len(c.unseen) > 0 && c.unseen[0].To == s.to:
		s.broken = true
	case s.tid == s.expected:
	case l.tasks == nil:
		s.broken = true
	case s.to > l.carried && l.renumbered(s) && !l.unseen.Lost(s.cpu, s.from, s.to):
		if !l.old {
			s.tid = s.expected
		}
		s.expected = s.tid
	default: // where a filter leaves out those between threads without names, that is no gap
		s.broken = l.tasks.Known(s.tid) || l.tasks.Known(s.expected)
	}
}

// renumbered tells whether the thread that leaves may be the one that came: one
// that executes a file takes the number of its process's first thread.
func (l *timeline) renumbered(s *stay) bool {
	now, ok := l.tasks.Lookup(s.tid)
	was, known := l.tasks.Lookup(s.expected)
	return ok && known && now.PID == was.PID && (now.PID == s.tid || l.old && was.PID == s.expected)
}

// leaderOf is the first thread of a task's process, or, when that is not known,
// the task itself.
func leaderOf(tasks *replay.Tasks, task replay.Task) replay.Task {
	if leader, ok := tasks.Lookup(task.PID); ok {
		return leader
	}
	return task
}
