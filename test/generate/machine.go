// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"math/rand/v2"
	"time"
)

const (
	begin      = uint64(time.Hour) // boot time, ns
	sumEvery   = uint64(time.Second)
	flushEvery = uint64(4500 * time.Millisecond)
	flushRows  = 64 << 10
)

// machine makes up what CPUs do, and writes it.
type machine struct {
	plan
	random      *rand.Rand
	out         *output
	cpus        []cpu
	residents   []task  // there from start to end
	young       []*task // came during the recording, and will go
	nextPID     uint32
	connections uint64
	nextSum     uint64
	lastFlush   uint64
}

// cpu is what a CPU does.
type cpu struct {
	index          int
	task           *task  // nil: idle
	waiting        *task  // preempted here, goes on next
	since          uint64 // its time is accounted for up to here
	ends           uint64 // when the slice ends
	idle, switches uint64 // sums
}

func newMachine(w io.Writer, p plan) (*machine, error) {
	out, err := newOutput(w, p)
	if err != nil {
		return nil, err
	}
	m := &machine{plan: p, random: rand.New(rand.NewPCG(p.seed, 0)), out: out, nextSum: begin + sumEvery, lastFlush: begin}
	m.settle()
	for i := range p.cpus {
		m.cpus = append(m.cpus, cpu{index: i, since: begin, ends: begin + m.pause()})
	}
	return m, nil
}

func (m *machine) run() error {
	for i := range m.residents {
		if err := m.out.introduce(&m.residents[i]); err != nil {
			return err
		}
	}
	for m.out.switches < m.switches {
		c := m.first()
		if err := m.tick(c.ends); err != nil {
			return err
		}
		if err := m.turn(c); err != nil {
			return err
		}
	}
	return m.end()
}

// first is the CPU whose slice ends first: things are made up in time order.
func (m *machine) first() *cpu {
	c := &m.cpus[0]
	for i := range m.cpus {
		if m.cpus[i].ends < c.ends {
			c = &m.cpus[i]
		}
	}
	return c
}

// pass accounts for a CPU's time up to an instant of its slice.
func (c *cpu) pass(now uint64) {
	if c.task == nil {
		c.idle += now - c.since
	} else {
		c.task.onCPU += now - c.since
		c.task.ran = true
	}
	c.since = now
}

// tick does what is due by now: sums once a second, a flush now and then.
func (m *machine) tick(now uint64) error {
	for ; m.nextSum <= now; m.nextSum += sumEvery {
		if err := m.sums(m.nextSum); err != nil {
			return err
		}
	}
	if m.out.writer.Pending() < flushRows && now-m.lastFlush < flushEvery {
		return nil
	}
	m.lastFlush = now
	return m.out.writer.Flush(now)
}

// sums writes those that changed, slices in progress included.
func (m *machine) sums(now uint64) error {
	for i := range m.cpus {
		m.cpus[i].pass(now)
	}
	for i := range m.residents {
		if err := m.out.changed(&m.residents[i], now); err != nil {
			return err
		}
	}
	for _, t := range m.young {
		if err := m.out.changed(t, now); err != nil {
			return err
		}
	}
	for i := range m.cpus {
		if err := m.out.cpuSum(&m.cpus[i], now); err != nil {
			return err
		}
	}
	return nil
}

// end closes the recording where the last slice ends.
func (m *machine) end() error {
	last := uint64(0)
	for i := range m.cpus {
		last = max(last, m.cpus[i].ends)
	}
	if err := m.tick(last - 1); err != nil {
		return err
	}
	if err := m.sums(last); err != nil {
		return err
	}
	if err := m.open(last); err != nil {
		return err
	}
	return m.out.summary(last)
}
