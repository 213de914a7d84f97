// SPDX-License-Identifier: Apache-2.0

package main

// States by their number in the kernel programs.
const (
	runnable = 0
	sleeping = 1
)

// pass gives a CPU's time up to an instant to whoever runs there.
func (m *machine) pass(cpu int, until uint64) {
	c := &m.cpus[cpu]
	if ran := until - c.now; c.running < 0 {
		c.idle += ran
	} else {
		t := &m.threads[c.running]
		t.onCPU += ran
		t.ran = true
	}
	c.now = until
}

// hop is one context switch: a slice of some tens of microseconds ends.
func (m *machine) hop(cpu int) error {
	c := &m.cpus[cpu]
	m.pass(cpu, c.now+2000+uint64(m.random.ExpFloat64()*20_000))
	state := m.leave(c)
	prev, next := c.running, m.choose(c)
	if prev < 0 && next < 0 {
		return nil // it stays idle
	}
	delay := uint64(0)
	if prev >= 0 {
		delay = m.threads[prev].delay
		m.threads[prev].left = c.now
		m.ready = append(m.ready, prev)
	}
	if next >= 0 {
		m.arrive(next, cpu)
	}
	c.running = next
	c.switches++
	m.events++
	return m.add("sched_switch", c.now, map[string]uint64{
		"cpu": uint64(cpu), "tid": tid(prev), "next_tid": tid(next), "prev_state": state, "delay_ns": delay,
		"prev_prio": 120, "next_prio": 120,
	})
}

func tid(thread int) uint64 {
	if thread < 0 {
		return 0
	}
	return uint64(firstTID + thread)
}

// leave ends a slice, one in eight of them against the thread's will.
func (m *machine) leave(c *cpu) (state uint64) {
	if c.running < 0 {
		return runnable
	}
	t := &m.threads[c.running]
	if m.random.IntN(8) == 0 {
		t.involuntary++
		return runnable
	}
	t.voluntary++
	return sleeping
}

// choose takes a thread that does not run, mostly one of a few; after a thread
// often none. CPUs are ahead of each other: it must have left its own before.
func (m *machine) choose(c *cpu) int {
	if c.running >= 0 && m.random.IntN(4) == 0 {
		return -1
	}
	if len(m.ready) == 0 {
		return -1
	}
	i := min(int(m.random.ExpFloat64()*8), len(m.ready)-1)
	for m.threads[m.ready[i]].left > c.now {
		if i++; i == len(m.ready) {
			return -1
		}
	}
	thread := m.ready[i]
	m.ready = append(m.ready[:i], m.ready[i+1:]...)
	return thread
}

func (m *machine) arrive(thread, cpu int) {
	t := &m.threads[thread]
	if t.cpu != cpu {
		t.migrations++
	}
	t.cpu = cpu
	t.delay = uint64(m.random.ExpFloat64() * 4000)
	t.waited += t.delay
}

// sums writes those that changed, all of them at the end. At other times a
// slice in progress is left for later.
func (m *machine) sums(now uint64, last bool) error {
	for i := range m.threads {
		t := &m.threads[i]
		if !t.ran && !last {
			continue
		}
		t.ran = false
		err := m.add("task_sum", now, map[string]uint64{
			"pid": tid(i), "tid": tid(i), "start": begin - uint64(m.plan.threads-i), "cpu": uint64(t.cpu),
			"cpu_time_ns": t.onCPU, "on_cpu_ns": t.onCPU, "run_queue_ns": t.waited,
			"voluntary": t.voluntary, "involuntary": t.involuntary, "migrations": t.migrations,
		})
		if err != nil {
			return err
		}
	}
	for i := range m.cpus {
		err := m.add("cpu_sum", now, map[string]uint64{"cpu": uint64(i), "idle_ns": m.cpus[i].idle, "switches": m.cpus[i].switches})
		if err != nil {
			return err
		}
	}
	return nil
}
