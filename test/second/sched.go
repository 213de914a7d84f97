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

// account has the task clock of who is on a CPU go on; it stands while suspended.
func (w *world) account(c *cpu) {
	ns := w.now - c.since
	c.since = w.now
	if c.on != nil {
		c.on.clock += ns - ns/64
		c.on.total += ns - ns/64
	}
}

// hop is a switch: who is on the CPU leaves in a state, and another comes.
func (w *world) hop(c *cpu, state string, preempted bool) {
	w.now++
	w.account(c)
	prev, next := c.on, w.next()
	if prev == nil && next == nil {
		return
	}
	hidden := w.blind && c.seen && state != "X" && (prev == nil || prev.former == nil) && w.IntN(8) == 0
	values := v{"cpu": c.number, "tid": 0, "next_tid": 0, "prev_state": state, "preempted": bit(preempted), "delay_ns": 0}
	if prev == nil {
		values["prev_state"] = "R"
		c.left++
	} else {
		values["tid"] = prev.tid
		w.leave(prev, state, preempted)
	}
	if c.on = next; next != nil {
		values["next_tid"] = next.tid
	}
	if !hidden {
		values["delay_ns"] = w.notice(c, prev, preempted)
		w.rows = append(w.rows, row{w.now, "sched_switch", values})
	}
	if next != nil {
		w.come(c, next)
	}
	if !hidden {
		w.sit(c, next)
	}
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
		t.former, t.noted = nil, noted{begun: true, base: t.counters, out: w.now}
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

func (w *world) leave(t *thread, state string, preempted bool) {
	t.left++
	t.cpu, t.state = nil, state
	if t.preempted = preempted; preempted {
		t.state, t.queuedAt = "R", w.now
	}
	if state == "X" {
		t.gone = true
		w.threads = slices.DeleteFunc(w.threads, func(o *thread) bool { return o == t })
	}
}

func (w *world) come(c *cpu, t *thread) {
	t.came = t.waited
	delay := w.now - t.queuedAt
	if delay > 3 && w.IntN(2) == 0 {
		delay -= w.Int64N(3) // it is put into the queue a little after it was woken
	}
	if w.IntN(9) == 0 { // the kernel counts none
		delay = 0
	}
	t.waited += delay
	if t.last >= 0 && t.last != c.number {
		t.moves++
	}
	t.cpu, t.last, t.preempted = c, c.number, false
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
