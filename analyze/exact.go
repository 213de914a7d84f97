// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// exact tells whether a span of time can be measured by its switches, so that
// it need not begin and end where sums were read: all that the recorder saw are
// there, and it tells of those that it did not see.
func (a *Analysis) exact(c *format.Capture, w window, o *Options) (bool, error) {
	if len(a.Exact) == 0 || w.open() && o.Interval == 0 || c.Kind("sched_switch") == nil || checkNeeds(c, &Analysis{Needs: a.Exact}) != nil {
		return false, nil
	}
	if c.Kind("loss") == nil {
		return true, nil
	}
	source, since, reason := c.Col("loss_source"), c.Col("since"), c.Col("loss_reason")
	s := replay.Select{Kinds: []string{"loss"}, Columns: []format.Col{source, since, reason}}
	for e, err := range replay.New(c).Events(s) {
		if err != nil {
			return false, err
		}
		if e.Str(source) == "sched" && e.Str(reason) != replay.UnseenReason && e.Int(since) <= w.end() {
			return false, nil // it may also be unknown who is on a CPU when the span begins
		}
	}
	return true, nil
}

// end is the window's last instant.
func (w window) end() int64 {
	if w.to == 0 {
		return math.MaxInt64
	}
	return w.to
}

// settledBy is when all sums were read that bound what was used up to an
// instant; 0: at the end.
func settledBy(c *format.Capture, to int64) (int64, error) {
	readings, err := replay.New(c).Readings()
	if err != nil || to == 0 {
		return 0, err
	}
	if _, second := replay.Behind(readings, to); second != 0 {
		return second - 1, nil
	}
	return 0, nil
}

// exactCPUTime is cputime of a span by its switches.
type exactCPUTime struct {
	*cpuTimePass
	timeline *timeline
	window   window
	used     map[*thread]*exactUse
	ended    map[threadID]bool // before the span
	now      replay.ByNumber[exactNow]
	away     replay.ByNumber[int64] // idle time by CPU
}

// exactNow is what a task used; nil: a filter left it out.
type exactNow struct {
	task  *replay.Task
	use   *exactUse
	moves int // of the ledger, when it was found
}

// exactUse is what a thread used within the span. What its task clock had said
// is known for some instants only: around the span's beginning and its end.
type exactUse struct {
	sums
	thread              *thread
	cpu                 int // that it was on last
	ran                 bool
	least0, most0       uint64 // of the task clock when the span began
	least1, most1       uint64 // and when it ended
	knownMost0, settled bool
}

func newExactCPUTime(p *cpuTimePass) *exactCPUTime {
	x := &exactCPUTime{cpuTimePass: p, timeline: newTimeline(p.env.Capture, p.ledger.tasks), window: p.env.asked, used: map[*thread]*exactUse{}, ended: map[threadID]bool{}}
	x.timeline.occupy(p.env.Capture, x.window.to)
	if x.window.from == 0 {
		x.window.from = p.env.Capture.Meta().Start.UnixNano()
	}
	_ = p.ledger.tasks.Preload(p.env.Capture) // what cannot be read ends the pass itself
	return x
}

// Begin forgets who ended before the span. All else the pass tells by the time of each
// event.
func (x *exactCPUTime) Begin() {
	for id := range x.ledger.bury() {
		x.ended[id] = true
	}
	for id, t := range x.ledger.threads {
		if id.start == 0 { // nobody had been told of until then: it is named by now, or comes again
			delete(x.ledger.threads, id)
		}
		x.use(t) // knows its CPU of those before
	}
	x.ledger.settleIn(x.window.from)
	x.now = replay.ByNumber[exactNow]{}
}

func (x *exactCPUTime) Event(e replay.Event) error {
	kind := e.Kind().Name
	if e.Time() > x.window.end() && kind != "cgroup_path" {
		x.after(e, kind)
		return nil
	}
	switch kind {
	case "cgroup_path":
		x.groups.event(e)
	case "cpu_sum":
	case "sched_switch":
		x.stay(x.timeline.stay(e), e)
	case "sched_waking":
		x.timeline.wake(e)
	case "task_sum":
		x.ledger.event(e)
		x.clock(x.ledger.thread(e), e.Time())
	default:
		x.ledger.event(e)
	}
	return x.seriesError()
}

// after takes what is told after the span: how the task clocks went on, and who is not
// known yet. Who the others are, what their names are and where they are is as it was
// when the span ended.
func (x *exactCPUTime) after(e replay.Event, kind string) {
	switch kind {
	case "cpu_sum", "sched_switch", "sched_waking":
		return
	}
	switch start := e.Int(x.ledger.start); {
	case start > x.window.end():
	case x.ended[threadID{e.TID(), start}] && x.ledger.threads[threadID{e.TID(), start}] == nil: // its number is another's
	case kind == "task_sum":
		x.ledger.event(e)
		x.clock(x.ledger.thread(e), e.Time())
	case x.listsLate(e, kind, start) || !x.ledger.tasks.Known(e.TID()):
		x.ledger.event(e)
	}
}

// listsLate tells whether a row lists a thread for the first time that was there before.
func (x *exactCPUTime) listsLate(e replay.Event, kind string, start int64) bool {
	if kind != "task" || !slices.Contains([]string{"snapshot", "exiting", "present"}, e.Str(x.ledger.reason)) {
		return false
	}
	task, t := x.ledger.tasks.Find(e.TID()), x.ledger.threads[threadID{e.TID(), start}]
	return task != nil && task.Start == start && (t == nil || t.comm == "")
}

// clock takes a reading of a thread's task clock.
func (x *exactCPUTime) clock(t *thread, at int64) {
	now := t.total().cpuTime
	for ; t != nil; t = t.prev {
		u := x.use(t)
		if u.settled {
			return // and so are those before
		}
		u.clock(now, at, max(x.window.from, t.since), min(x.window.end(), t.end(math.MaxInt64)))
	}
}

// clock takes a reading for a span.
func (u *exactUse) clock(now uint64, at, from, to int64) {
	if at <= from {
		u.least0 = now
	} else if !u.knownMost0 {
		u.most0, u.knownMost0 = now, true
	}
	if at <= to {
		u.least1 = now
	} else {
		u.most1, u.settled = now, true
	}
}

func (x *exactCPUTime) use(t *thread) *exactUse {
	u := x.used[t]
	if u == nil {
		u = &exactUse{thread: t, cpu: -1, least0: t.began, least1: t.began}
		if t.prev != nil {
			u.cpu = x.use(t.prev).cpu
		}
		x.used[t] = u
	}
	return u
}

// Switches takes switches that follow each other.
func (x *exactCPUTime) Switches(r replay.Run) {
	if within, _ := r.Split(x.window.end()); within.Len() > 0 {
		x.timeline.stays(within, x.stay)
	}
}

// stay counts what of a time on a CPU lies in the span.
func (x *exactCPUTime) stay(s *stay, _ replay.Event) {
	switch {
	case s.broken:
		if s.tid != 0 {
			if u := x.useOf(s.tid); u != nil {
				u.cpu = s.cpu
			}
		}
		x.nobodys(s)
	case !s.away:
		x.count(s, !s.parted)
	}
	if s.left != s.tid { // it has its process's number now, which was another's
		if u := x.useOf(s.left); u != nil {
			u.cpu = s.cpu
		}
	}
}

// nobodys counts a broken stay: nobody is known to have had its time.
func (x *exactCPUTime) nobodys(s *stay) {
	if from, to := max(s.from, x.window.from), min(s.to, x.window.end()); to > from {
		x.awayOf(uint32(s.cpu)) // there is a row also of a CPU that was never idle
		x.unseen.now[s.cpu] += uint64(to - from)
	}
}

// count adds a stay; over tells whether it ended with a switch.
func (x *exactCPUTime) count(s *stay, over bool) {
	from, to := max(s.from, x.window.from), min(s.to, x.window.end())
	if to > from {
		away := x.awayOf(uint32(s.cpu)) // there is a row also of a CPU that was never idle
		if s.tid == 0 {
			*away += to - from
		}
	}
	if s.tid == 0 {
		return
	}
	u := x.useOf(s.tid)
	if u == nil {
		return
	}
	moved := u.cpu >= 0 && u.cpu != s.cpu
	u.cpu = s.cpu
	if to < from || to == from && s.to != to {
		return
	}
	first := x.spend(u, from, to)
	if moved && s.from > x.window.from {
		first.migrations++
	}
	if !over || s.to <= x.window.from || s.to > x.window.end() {
		return
	}
	if s.from > x.window.from && s.waitKnown {
		first.runQueue += s.wait
	}
	if s.preempted {
		u.involuntary++
	} else {
		u.voluntary++
	}
}

// spend gives time on a CPU to the stints that it lies in, and returns the first.
func (x *exactCPUTime) spend(u *exactUse, from, to int64) *exactUse {
	for {
		part := max(from, u.thread.since)
		u.ran = true
		u.onCPU += uint64(max(0, to-part))
		if x.series != nil {
			x.series.add(u.thread, part, to)
		}
		if part == from || u.thread.prev == nil {
			return u
		}
		u, to = x.use(u.thread.prev), min(to, part)
	}
}

// awayOf is the idle time of a CPU.
func (x *exactCPUTime) awayOf(cpu uint32) *int64 {
	ns := x.away.Get(cpu)
	if ns == nil {
		ns = new(int64)
		x.away.Set(cpu, ns)
	}
	return ns
}

// useOf is what the thread used that has a number now; nil: a filter left it out.
func (x *exactCPUTime) useOf(tid uint32) *exactUse {
	n, task := x.now.Get(tid), x.ledger.tasks.Find(tid)
	if n != nil && n.task == task && n.moves == x.ledger.moves {
		return n.use
	}
	if n == nil {
		n = &exactNow{}
		x.now.Set(tid, n)
	}
	n.task, n.use, n.moves = task, nil, x.ledger.moves
	if t := x.thread(tid); t != nil {
		n.use = x.use(t)
	}
	return n.use
}

// thread is the one that has a number now; nil: one that a filter left out.
func (x *exactCPUTime) thread(tid uint32) *thread {
	task, ok := x.ledger.tasks.Lookup(tid)
	if !ok && x.env.Recording.Filter != "" {
		return nil
	}
	id := threadID{tid, task.Start}
	t := x.ledger.threads[id]
	if t == nil {
		pid := task.PID
		if !ok {
			pid = tid
		}
		t = &thread{process: processID{pid, task.Start}, born: task.Start, settled: pid == tid}
		t.cgroup = x.ledger.tasks.Cgroup(task)
		x.ledger.threads[id] = t
	}
	x.ledger.settle(t)
	return t
}

// Tables are those of sums.
func (x *exactCPUTime) Tables() []Table {
	x.settle()
	return x.tables()
}

// settle puts what was counted where sums are.
func (x *exactCPUTime) settle() {
	until := min(x.window.end(), x.env.Recording.End.UnixNano())
	x.timeline.cpus.All(func(number uint32, seat *seat) {
		switch s := x.timeline.open(number, seat, until); {
		case s == nil:
		case s.broken:
			x.nobodys(s)
		default:
			x.count(s, false)
		}
	})
	for id, t := range x.ledger.threads {
		for ; t != nil; t = t.prev {
			x.settleThread(x.use(t), max(id.start, t.since) > x.window.end())
		}
	}
	x.away.All(func(cpu uint32, ns *int64) { x.idle.set(int(cpu), uint64(*ns), false) })
	// A filter leaves out switches between idle tasks and whoever is not recorded.
	x.idleUnknown = x.env.Recording.Filter != ""
}

// settleThread does so for a thread; late says that it began after the span.
func (x *exactCPUTime) settleThread(u *exactUse, late bool) {
	t := u.thread
	t.past, t.base = sums{}, sums{}
	t.last, t.ran = u.sums, u.ran
	if t.least, t.most = u.bounds(); late || t.until != 0 && t.until <= x.window.from {
		t.least, t.most = 0, 0
	}
	t.last.cpuTime = min(max(u.onCPU, t.least), t.most)
}

// bounds are those of the CPU time within the span. Sums only grow, and a
// reading has every thread of which they did.
func (u *exactUse) bounds() (least, most uint64) {
	most0, most1 := u.most0, u.most1
	if !u.knownMost0 {
		most0 = u.least1
	}
	if !u.settled {
		most1 = u.least1
	}
	return u.least1 - min(u.least1, max(most0, u.least0)), max(most1, u.least1) - min(u.least0, max(most1, u.least1))
}
