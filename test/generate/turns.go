// SPDX-License-Identifier: Apache-2.0

package main

import "math"

// turn ends a CPU's slice and begins the next.
func (m *machine) turn(c *cpu) error {
	now, prev := c.ends, c.task
	c.pass(now)
	ousted := prev != nil && !prev.dying() && m.oneIn(8)
	var next *task
	if ousted || prev == nil || c.waiting != nil || !m.oneIn(3) {
		next = m.choose(c, now)
	}
	if prev == nil && next == nil {
		c.ends += m.pause()
		return nil
	}
	c.switches++
	state := m.leave(c, now, ousted && next != nil)
	if err := m.out.hop(c, next, now, state); err != nil {
		return err
	}
	if prev != nil && prev.dying() {
		if err := m.bury(prev, now); err != nil {
			return err
		}
	}
	return m.arrive(c, next, now)
}

// leave takes the task off its CPU and returns its state.
func (m *machine) leave(c *cpu, now uint64, ousted bool) state {
	t := c.task
	if t == nil {
		return runnable
	}
	t.running, t.left, t.waits = false, now, ousted
	if ousted {
		t.involuntary++
		c.waiting = t
		return runnable
	}
	t.voluntary++
	switch {
	case t.dying():
		return dead
	case t.kernel:
		return idle
	case m.oneIn(30):
		return uninterruptible
	}
	return sleeping
}

// choose returns who runs next; nil when there is nobody.
func (m *machine) choose(c *cpu, now uint64) *task {
	if t := c.waiting; t != nil {
		c.waiting = nil
		return t
	}
	if n := len(m.young); n > 0 && m.oneIn(4) {
		if t := m.young[m.random.IntN(n)]; t.free() && t.left <= now {
			return t
		}
	}
	return m.resident(c)
}

const ownTries = 8

// resident is mostly one of a CPU's own few tasks, sometimes anybody.
func (m *machine) resident(c *cpu) *task {
	i := c.index + m.plan.cpus*int(m.random.ExpFloat64()*3)
	if m.oneIn(20) {
		i = m.random.IntN(m.tasks)
	}
	for try := range m.tasks + ownTries {
		if t := &m.residents[i%m.tasks]; t.free() {
			return t
		}
		if i++; try < ownTries {
			i += m.plan.cpus - 1 // another of its own
		}
	}
	return nil
}

// arrive puts a task, or nobody, on a CPU for a slice.
func (m *machine) arrive(c *cpu, t *task, now uint64) error {
	woken := c.task == nil
	c.task = t
	if t == nil {
		c.ends = now + m.pause()
		return nil
	}
	if t.cpu != c.index {
		t.migrations++
	}
	t.delay = now - t.left
	if !t.waits {
		t.delay = min(t.delay, m.latency(woken))
	}
	t.waited += t.delay
	t.cpu, t.running, t.waits = c.index, true, false
	c.ends = now + m.slowed(t, m.slice(t))
	return m.live(t, now, c.ends)
}

func (m *machine) oneIn(n int) bool { return m.random.IntN(n) == 0 }

// about is a random time of that mean.
func (m *machine) about(ns float64) uint64 { return uint64(m.random.ExpFloat64() * ns) }

// slowed is how long a slice becomes of a task that takes longer.
func (m *machine) slowed(t *task, slice uint64) uint64 {
	if m.slow == "" || t.turns != forever || t.comm != m.slow {
		return slice
	}
	return slice + slice*uint64(m.slower)/100
}

// slice is how long a task runs: mostly some tens of microseconds.
func (m *machine) slice(t *task) uint64 {
	switch {
	case t.kernel:
		return 1000 + m.about(6_000)
	case m.oneIn(50):
		return 2000 + m.about(500_000)
	case m.oneIn(4):
		return 2000 + m.about(60_000)
	}
	return 2000 + m.about(15_000)
}

// latency is what it waits between waking up and running.
func (m *machine) latency(wokeIdle bool) uint64 {
	if wokeIdle {
		return 1200 + m.about(2_500)
	}
	return min(1000+m.about(60_000), math.MaxUint32)
}

// pause is how long a CPU stays idle.
func (m *machine) pause() uint64 { return 1000 + m.about(float64(m.idle)) }
