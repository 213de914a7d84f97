// SPDX-License-Identifier: Apache-2.0

package second

// seat is who the recorder saw come to a CPU last.
type seat struct {
	on      *thread // nil: idle
	seen    bool    // a switch of the CPU was
	came    int64
	at      counters // of the thread as it came
	idleWas int64    // how often the CPU had stopped to be idle then
	given   int64    // time since then that a reading gave to the thread
}

// noted is what the recorder has of a thread under a number.
type noted struct {
	begun          bool
	base           counters // what they were before all that counts
	extra, unknown int64    // CPU time before the base, and what there may be besides
	sums           struct{ cpuTime, onCPU, waited, own, other, moves int64 }
	kept           int64 // time on a CPU that a reading knew of, and no switch
	out            int64 // when it left a CPU last
	written        int64 // time on a CPU in its last row
	clocked        int64 // CPU time in it, which no later row is below
}

// How who leaves a CPU had come.
const (
	cameSeen = iota
	cameFirst
	cameAgain  // it went and came back, unseen
	cameUnseen // another had come
)

func (c *cpu) howCame(prev *thread) int {
	switch {
	case !c.seen:
		return cameFirst
	case c.seat.on != prev:
		return cameUnseen
	case prev == nil && c.left != c.idleWas+1, prev != nil && prev.left != c.at.left+1:
		return cameAgain
	}
	return cameSeen
}

// sit notes who came to a CPU. The kernel counts the wait for it a little later.
func (w *world) sit(c *cpu, next *thread) {
	c.seat = seat{on: next, seen: true, came: w.now, idleWas: c.left}
	if next != nil {
		c.at = next.counters
		c.at.waited = next.came
	}
}

// notice is what the recorder makes of a switch that it sees. It returns the wait that
// the switch's row has.
func (w *world) notice(c *cpu, prev *thread, preempted bool) (delay int64) {
	how, wall := c.howCame(prev), w.now-c.came
	c.switches++
	w.miss(c, prev, how)
	switch {
	case prev == nil && how != cameSeen && how != cameFirst:
		c.unseen += wall
		return 0
	case prev == nil:
		c.idle += wall
		return 0
	}
	t := &prev.noted
	if !t.begun {
		prev.begin(c, how, wall)
	}
	if t.out != 0 || c.seen {
		delay = prev.waited - t.base.waited - t.sums.waited
	}
	ran := wall
	switch how {
	case cameAgain:
		ran = min(wall, prev.clock-c.at.clock)
	case cameUnseen:
		ran = min(wall, prev.clock-t.base.clock-t.sums.cpuTime)
	}
	c.unseen += wall - ran
	t.sums.onCPU += ran
	t.sums.cpuTime, t.sums.waited, t.sums.moves = prev.clock-t.base.clock, prev.waited-t.base.waited, prev.moves-t.base.moves
	if t.out = w.now; preempted {
		t.sums.other++
	} else {
		t.sums.own++
	}
	return delay
}

// miss tells of switches that went unseen before one.
func (w *world) miss(c *cpu, prev *thread, how int) {
	lost := int64(1)
	switch {
	case how == cameSeen || how == cameFirst:
		return
	case how == cameAgain && prev == nil:
		lost = 2 * (c.left - c.idleWas - 1)
	case how == cameAgain:
		lost = 2 * (prev.left - c.at.left - 1)
	case c.seat.on != nil:
		c.seat.on.kept += c.given
		c.kept += c.given
	}
	w.rows = append(w.rows, row{w.now, "loss", v{"cpu": c.number, "since": c.came, "lost": lost, "loss_source": "sched", "loss_reason": "unseen"}})
}

// begin finds what the counters of a thread were when the recording began, or it came.
func (t *thread) begin(c *cpu, how int, wall int64) {
	mine := t.start >= 0
	switch t.noted.begun = true; {
	case mine && (t.left <= 1 || t.tid != t.pid):
	case how == cameFirst:
		t.base, t.extra = t.counters, t.clock-t.before
		t.base.left = 0
	case how == cameUnseen:
		if t.base, t.unknown = t.counters, t.clock; !mine {
			t.unknown = min(wall, t.clock)
		}
		if t.listed != 0 {
			t.extra = t.clock - t.before
			t.unknown = min(t.unknown-min(t.unknown, t.extra), t.listed)
		}
	default:
		if t.base = c.at; mine {
			t.unknown = c.at.clock
		}
	}
}

// sum tells a thread's sums.
func (w *world) sum(t *thread, at int64, exited bool) {
	as := identity{t.tid, t.start}
	if t.former != nil {
		as = *t.former
	}
	s := &t.noted.sums
	used := max(s.cpuTime+t.extra, t.clocked)
	w.rows = append(w.rows, row{at, "task_sum", v{"pid": t.pid, "tid": as.tid, "start": as.start, "cpu_time_ns": used, "on_cpu_ns": s.onCPU + t.kept,
		"run_queue_ns": s.waited, "voluntary": s.own, "involuntary": s.other, "migrations": s.moves, "cpu_unknown_ns": t.unknown, "exited": bit(exited)}})
}

// read reads all sums at one instant, which all rows have.
func (w *world) read(last bool) {
	w.now++
	seats := map[*thread]*cpu{}
	for _, c := range w.cpus {
		w.account(c)
		if t := c.seat.on; t != nil && (seats[t] == nil || seats[t].came < c.came) {
			seats[t] = c
		}
	}
	for _, t := range w.threads {
		w.readThread(t, seats[t], last)
	}
	for _, c := range w.cpus {
		w.readCPU(c, seats[c.seat.on], last)
	}
	if w.IntN(3) == 0 {
		w.flushes = append(w.flushes, w.now)
	}
}

// readThread tells of a thread whose time on a CPU grew; c is the one that it was seen to
// come to, if any.
func (w *world) readThread(t *thread, c *cpu, last bool) {
	was := t.noted
	if wall := int64(0); c != nil {
		wall = w.now - c.came
		switch at := c.at; {
		case t.left == at.left: // it is there
			if !c.seen {
				at = counters{clock: t.before, waited: t.waited, moves: t.moves}
			}
			if !t.begun {
				t.base = at
			}
			if at.waited = max(at.waited, t.base.waited); !t.begun {
				t.sums.moves = 0
			}
			t.sums.onCPU += wall
			t.sums.cpuTime += t.clock - at.clock
			t.sums.waited += t.waited - at.waited
			c.given = wall
		case last && t.out < c.came:
			ran := min(wall, t.clock-c.at.clock)
			t.sums.onCPU += ran
			t.sums.cpuTime += ran
		}
	}
	if n := t.sums.onCPU + t.kept; n < t.written && c != nil { // a reading knew better
		was.kept += t.written - n
		t.kept += t.written - n
		c.kept += t.written - n
	}
	n := t.sums.onCPU + t.kept
	if n != was.written {
		w.sum(t, w.now, false)
	}
	clocked := max(t.sums.cpuTime+t.extra, t.clocked)
	t.noted = was
	t.written, t.clocked = n, clocked
}

// readCPU tells of a CPU; c is the one that its thread was seen to come to last.
func (w *world) readCPU(c, latest *cpu, last bool) {
	idle, nobodys, wall := c.idle, int64(0), w.now-c.came
	switch t := c.seat.on; {
	case t == nil && last && c.seen && c.left != c.idleWas:
		nobodys = wall
	case t == nil:
		idle += wall
	case last && latest != c:
		nobodys = wall
	case last && t.left != c.at.left && t.out < c.came && !t.gone:
		nobodys = wall - min(wall, t.clock-c.at.clock)
	case last && t.left != c.at.left:
		nobodys = wall
	}
	w.rows = append(w.rows, row{w.now, "cpu_sum", v{"cpu": c.number, "idle_ns": idle, "switches": c.switches, "unseen_ns": max(0, c.unseen+nobodys-c.kept)}})
	w.stat(c)
	if nobodys > 0 {
		w.rows = append(w.rows, row{w.now, "loss", v{"cpu": c.number, "since": c.came, "lost": 1, "loss_source": "sched", "loss_reason": "unseen"}})
	}
}
