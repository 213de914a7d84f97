// SPDX-License-Identifier: Apache-2.0

package second

import (
	"fmt"
	"slices"
)

// live makes up the recording.
func (w *world) live(steps int) {
	w.snapshot()
	w.held()
	for i := range steps {
		w.tick(20_000)
		w.step(w.cpus[w.IntN(len(w.cpus))])
		if i%(steps/4) == steps/5 {
			w.read(false)
		}
	}
	if !w.cut {
		w.sockets()
	}
	for range w.IntN(8) {
		w.tick(20_000)
		w.step(w.cpus[w.IntN(len(w.cpus))])
	}
	w.tick(20_000)
	if !w.cut { // what is cut lacks the last reading
		w.read(true)
	}
}

// snapshot lists who is there, while things go on.
func (w *world) snapshot() {
	for _, t := range slices.Clone(w.threads) {
		reason := "snapshot"
		if t.exited { // a row of its end tells of it
			continue
		}
		if t.pid != 1 && t.threads == 1 && t.cpu == nil && w.IntN(9) == 0 {
			reason, t.exited, t.threads, t.ended = "exiting", true, 0, true
			t.state, t.queuedAt = "R", w.now
		}
		w.tell("task", t.of(v{"reason": reason, "total_cpu_ns": t.before}))
		t.listed = w.now
		if w.IntN(3) == 0 {
			w.step(w.cpus[w.IntN(len(w.cpus))])
		}
	}
	w.tell("cgroup_path", v{"cgroup_id": 1, "cgroup_reason": "used", "cgroup": "/"})
}

// step does something on a CPU.
func (w *world) step(c *cpu) {
	t := c.on
	if c.offline || c.still {
		return
	}
	switch n := w.IntN(100); {
	case t == nil && n < 30:
		w.wakeSome(c)
	case t == nil && n < 33:
		w.offline(c)
	case t == nil || n < 25:
		w.leaveSome(c)
	case t.exited:
		w.hop(c, "X", false)
	case t.killed:
		w.exit(t)
	case t.execing == t:
		w.renumber(t)
	case n < 45:
		w.wakeSome(c)
	case n < 53:
		w.fork(t)
	case n < 58 && t.pid != 1:
		w.exit(t)
	case n < 62 && !t.kernel:
		w.exec(t)
	case n < 67:
		w.rename(t)
	case n < 70:
		w.move(t)
	case n < 80 && !t.kernel:
		w.open(t)
	case n < 82:
		w.suspend()
	case !t.kernel:
		w.talk(t)
	}
}

var leaves = []string{"S", "S", "S", "S", "D", "D", "T", "t", "P", "I"}

func (w *world) leaveSome(c *cpu) {
	switch {
	case c.on == nil:
		w.hop(c, "R", false)
	case c.on.exited:
		w.hop(c, "X", false)
	case w.IntN(3) == 0 || c.on.killed || c.on.execing == c.on && w.alone(c.on):
		w.hop(c, "R", true)
	default:
		w.hop(c, leaves[w.IntN(len(leaves))], false)
	}
}

// wakeSome wakes a thread: one that sleeps, mostly.
func (w *world) wakeSome(c *cpu) {
	var may []*thread
	for _, t := range w.threads {
		asleep, going := t.cpu == nil && t.state != "R", t.cpu != nil || t.preempted
		if t != c.on && (asleep || going && w.IntN(12) == 0) { // on its way to sleep
			may = append(may, t)
		}
	}
	if len(may) > 0 {
		w.wake(c, may[w.IntN(len(may))])
	}
}

func (w *world) fork(t *thread) {
	switch w.IntN(4) {
	case 0:
		if t.execing == nil {
			w.tell("thread_start", w.born(t, t.comm, 0, t.kernel).of(nil))
		}
	case 1: // CLONE_PARENT
		w.tell("fork", w.child(t, t.parent).of(nil))
	default:
		w.tell("fork", w.child(t, t.pid).of(nil))
	}
}

func (w *world) child(t *thread, parent uint32) *thread {
	n := w.born(nil, t.comm, parent, t.kernel)
	n.cgroup = t.cgroup
	return n
}

// exit ends a thread, and sometimes all of its process.
func (w *world) exit(t *thread) {
	if !t.killed && w.IntN(2) == 0 { // exit_group
		t.code = w.IntN(4)
		w.kill(t)
	}
	w.end(t)
}

// kill has all other threads of a process exit.
func (w *world) kill(t *thread) {
	for _, o := range w.threads {
		if o.process == t.process && o != t && !o.exited {
			o.killed = true
			if o.cpu == nil && o.state != "R" {
				w.wake(t.cpu, o)
			}
		}
	}
}

// end tells a thread's exit, or its process's.
func (w *world) end(t *thread) {
	t.exited = true
	if t.threads--; t.threads > 0 {
		w.tell("thread_exit", t.of(v{"lifetime_ns": w.now + 1 - t.start}))
		return
	}
	if w.IntN(4) == 0 {
		t.code, t.signal = 0, 9
	}
	if t.ended = true; t.cpu != nil {
		w.account(t.cpu)
	}
	for _, o := range w.threads {
		if o.parent == t.pid {
			o.parent = 1
		}
	}
	w.tell("exit", t.leader.of(v{"lifetime_ns": w.now + 1 - t.leader.start, "total_cpu_ns": t.total - t.total/100, "exit_code": t.code, "signal": t.signal}))
}

func (w *world) alone(t *thread) bool {
	for _, o := range w.threads {
		if o.process == t.process && o != t {
			return false
		}
	}
	return true
}

// exec begins another program. Other threads end first: the one that executes it
// waits for them.
func (w *world) exec(t *thread) {
	if w.alone(t) && t.leader == t {
		w.executed(t)
		return
	}
	if t.execing == nil {
		t.execing = t
		w.kill(t)
	}
}

// renumber gives a thread its process's number, once it is alone.
func (w *world) renumber(t *thread) {
	if !w.alone(t) {
		return
	}
	t.execing = nil
	if t.leader == t {
		w.executed(t)
		return
	}
	t.former = &identity{t.tid, t.start}
	t.tid, t.start, t.leader = t.pid, t.leader.start, t
	w.executed(t)
}

func (w *world) executed(t *thread) {
	w.now++
	at := w.now
	t.comm = fmt.Sprintf("prog-%d", w.IntN(9))
	rows := []row{{at, "exec", t.of(v{"filename": "/bin/" + t.comm})}, {at, "exec_args", v{"pid": t.pid, "tid": t.tid, "args": fmt.Sprintf("%s -%d", t.comm, w.IntN(99))}}}
	if w.IntN(2) == 0 {
		rows[0], rows[1] = rows[1], rows[0]
	}
	if w.IntN(4) == 0 {
		rows = rows[:1]
		if rows[0].kind != "exec" {
			rows[0] = row{at, "exec", t.of(v{"filename": "/bin/" + t.comm})}
		}
	}
	w.rows = append(w.rows, rows...)
}

func (w *world) rename(t *thread) {
	t.comm = fmt.Sprintf("name-%d", w.IntN(9))
	w.tell("task", t.of(v{"reason": "renamed", "total_cpu_ns": t.clock}))
}

// containers are those that cgroups are of, one of two.
var containers = map[uint64]string{3: "box", 4: "box"}

// move moves a process to another cgroup.
func (w *world) move(t *thread) {
	to := uint64(2 + w.IntN(3))
	for _, o := range w.threads {
		if o.process == t.process {
			o.cgroup = to
		}
	}
	l := t.leader
	l.cgroup = to
	w.tell("cgroup_path", v{"cgroup_id": to, "cgroup_reason": "entered", "cgroup": fmt.Sprintf("/group-%d", to), "container": containers[to]})
	w.tell("task", l.of(v{"reason": "moved", "total_cpu_ns": l.clock}))
}

// openCalls are what a row of kind open may be of.
var openCalls = []string{"openat", "openat2", "open", "creat", "open_by_handle_at", "io_uring"}

func (w *world) open(t *thread) {
	values := v{"pid": t.pid, "tid": t.tid, "cpu": t.cpu.number, "comm": t.comm, "open_ns": w.Int64N(90_000), "path": fmt.Sprintf("/tmp/%d", w.IntN(12)), "flags": 0, "open_call": openCalls[w.IntN(len(openCalls))]}
	if w.IntN(3) == 0 {
		values["fd"], values["error"] = -1, []int{1, 2, 13}[w.IntN(3)]
	} else {
		values["fd"], values["error"] = w.nextFD, 0
		w.nextFD++
	}
	w.tell("open", values)
}

// offline takes a CPU off, and gets back another one.
func (w *world) offline(c *cpu) {
	for _, o := range w.cpus {
		if o.offline {
			w.tell("cpu_online", v{"cpu": o.number, "online": 1})
			o.offline = false
			return
		}
	}
	if len(w.cpus) < 2 || w.IntN(3) > 0 {
		return
	}
	c.offline = true
	w.tell("cpu_online", v{"cpu": c.number, "online": 0})
}

// suspend lets time pass that no task clock counts.
func (w *world) suspend() {
	if w.IntN(6) > 0 {
		return
	}
	since, slept := w.now, 1_000_000+w.Int64N(50_000_000)
	for _, c := range w.cpus {
		w.account(c)
		c.since += slept
	}
	w.now += slept
	w.tell("suspended", v{"since": since, "suspended_ns": slept})
}
