// SPDX-License-Identifier: Apache-2.0

package second

import "slices"

// next is a thread that may come to a CPU; nil: none.
func (w *world) next() *thread {
	var may []*thread
	for _, t := range w.threads {
		if t.cpu == nil && t.state == "R" && !t.gone && t.queuedAt < w.now {
			may = append(may, t)
		}
	}
	if len(may) == 0 || w.IntN(6) == 0 {
		return nil
	}
	return may[w.IntN(len(may))]
}

// account gives the time since to who is on a CPU, suspended without CPU time.
func (w *world) account(c *cpu) {
	ns := w.now - c.since
	c.since = w.now
	t := c.on
	if t == nil {
		c.idle += ns
		return
	}
	used := ns - ns/64
	t.onCPU += ns
	t.cpuTime += used
	t.total += used
	t.changed = true
}

// hop is a switch: who is on the CPU leaves in a state, and another comes.
func (w *world) hop(c *cpu, state string, preempted bool) {
	w.now++
	w.account(c)
	prev, next := c.on, w.next()
	if prev == nil && next == nil {
		return
	}
	values := v{"cpu": c.number, "tid": 0, "next_tid": 0, "prev_state": state, "preempted": bit(preempted), "delay_ns": 0}
	if prev == nil {
		values["prev_state"] = "R"
	} else {
		w.leave(prev, values, state, preempted)
	}
	if c.on = next; next != nil {
		values["next_tid"] = next.tid
		w.come(c, next)
	}
	c.switches++
	w.rows = append(w.rows, row{w.now, "sched_switch", values})
	if prev != nil && (state == "X" || prev.former != nil) {
		w.sum(prev, w.now+1, true)
		w.now++
		w.renumbered(prev)
	}
	if prev != nil && state == "X" {
		w.free(prev)
	}
}

// renumbered begins the sums of a thread under the number of its process, which it took while
// it was on the CPU.
func (w *world) renumbered(t *thread) {
	if t.former != nil {
		w.freed = append(w.freed, t.former.tid)
		t.former, t.sums = nil, sums{}
	}
}

// free frees the number of a thread that is gone. A first thread's is that of its
// process, as long as others of it are there.
func (w *world) free(t *thread) {
	last := w.alone(t)
	if t.tid != t.pid {
		w.freed = append(w.freed, t.tid)
	}
	if last {
		w.freed = append(w.freed, t.pid)
	}
}

func (w *world) leave(t *thread, values v, state string, preempted bool) {
	values["tid"], values["delay_ns"] = t.tid, t.delay
	t.cpu, t.state, t.delay = nil, state, 0
	if t.preempted = preempted; preempted {
		t.state, t.queuedAt = "R", w.now
		t.involuntary++
	} else {
		t.voluntary++
	}
	if state == "X" {
		t.gone = true
		w.threads = slices.DeleteFunc(w.threads, func(o *thread) bool { return o == t })
	}
}

func (w *world) come(c *cpu, t *thread) {
	if t.delay = w.now - t.queuedAt; t.delay > 3 && w.IntN(2) == 0 {
		t.delay -= w.Int64N(3) // it is put into the queue a little after it was woken
	}
	if w.IntN(9) == 0 { // the kernel counts none
		t.delay = 0
	}
	t.waited += t.delay
	if t.last >= 0 && t.last != c.number {
		t.moves++
	}
	t.cpu, t.last, t.changed, t.preempted = c, c.number, true, false
}

// wake wakes a thread from a CPU.
func (w *world) wake(c *cpu, t *thread) {
	waker := uint32(0)
	if c.on != nil {
		waker = c.on.tid
	}
	w.tell("sched_waking", v{"cpu": c.number, "tid": waker, "woken_tid": t.tid})
	if t.cpu == nil && t.state != "R" {
		t.state, t.queuedAt = "R", w.now
	}
}

// sum tells a thread's sums.
func (w *world) sum(t *thread, at int64, exited bool) {
	as := identity{t.tid, t.start}
	if t.former != nil {
		as = *t.former
	}
	w.rows = append(w.rows, row{at, "task_sum", v{"pid": t.pid, "tid": as.tid, "start": as.start, "cpu_time_ns": t.cpuTime, "on_cpu_ns": t.onCPU,
		"run_queue_ns": t.waited, "voluntary": t.voluntary, "involuntary": t.involuntary, "migrations": t.moves, "exited": bit(exited)}})
	t.changed = false
}

// read reads all sums at one instant, which all rows have.
func (w *world) read() {
	w.now++
	for _, c := range w.cpus {
		w.account(c)
	}
	for _, c := range w.cpus {
		w.rows = append(w.rows, row{w.now, "cpu_sum", v{"cpu": c.number, "idle_ns": c.idle, "switches": c.switches}})
	}
	for _, t := range w.threads {
		if t.changed {
			w.sum(t, w.now, false)
		}
	}
	if w.IntN(3) == 0 {
		w.flushes = append(w.flushes, w.now)
	}
}
