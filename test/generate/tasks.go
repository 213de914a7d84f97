// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// state is how a task left its CPU, by its number in the kernel programs.
type state uint64

const (
	runnable        state = 0
	sleeping        state = 1
	uninterruptible state = 2
	dead            state = 5
	idle            state = 8
)

// task is a thread and its sums, in ns where they are times.
type task struct {
	pid, tid, ppid uint32
	start          uint64
	comm           string
	kernel         bool

	onCPU, waited, voluntary, involuntary, migrations uint64

	running, waits bool   // waits: it was preempted
	ran            bool   // since its last row of sums
	cpu            int    // its last
	left           uint64 // its last CPU, or came to be
	delay          uint64 // before its slice
	turns          int    // still to come; forever for residents
	fresh          bool   // it has not executed a file yet
	conn           *connection
}

const forever = -1

// dying tells whether this is its last slice.
func (t *task) dying() bool { return t.turns == 0 }

// free tells whether it can be chosen.
func (t *task) free() bool { return !t.running && !t.waits }

const (
	firstPID   = 2
	mostPIDs   = 4 << 20 // the kernel's limit; then they begin anew
	mostYoung  = 64
	forkOnceIn = 1000 // slices
)

// settle makes the residents: processes of one to eight threads, and some
// kernel threads.
func (m *machine) settle() {
	sizes := []int{1, 1, 1, 2, 1, 4, 1, 8}
	m.nextPID = firstPID
	for n := 0; len(m.residents) < m.tasks; n++ {
		size, comm, kernel := sizes[n%len(sizes)], fmt.Sprintf("server-%d", n%40), n%5 == 4
		if kernel {
			size, comm = 1, fmt.Sprintf("kworker/%d:%d", n%m.plan.cpus, n/m.plan.cpus)
		} else if m.comm != "" {
			comm = m.comm
		}
		pid := m.nextPID
		for range min(size, m.tasks-len(m.residents)) {
			i := len(m.residents)
			start := begin - uint64(time.Hour)/2 + uint64(i)*uint64(time.Millisecond)
			m.residents = append(m.residents, task{pid: pid, tid: m.nextPID, ppid: 0, start: start, comm: comm, kernel: kernel, cpu: i % m.plan.cpus, left: begin, turns: forever})
			m.nextPID++
		}
	}
}

// live is what happens within a slice besides computing.
func (m *machine) live(t *task, now, ends uint64) error {
	length := ends - now
	switch {
	case t.kernel:
		return nil
	case t.turns == forever && len(m.young) < mostYoung && m.oneIn(forkOnceIn):
		return m.fork(t, now+length/4, now+length/2)
	case t.turns == forever:
		return m.talk(t, now, ends)
	}
	if t.turns--; t.dying() {
		at := ends - length/10
		return m.out.exit(t, at, t.onCPU+at-now, m.oneIn(20), m.oneIn(50))
	}
	if t.fresh {
		t.fresh = false
		t.comm = cmp.Or(m.comm, fmt.Sprintf("job-%d", m.random.IntN(20)))
		return m.out.exec(t, now+length/3)
	}
	return nil
}

// fork makes a process of at least three turns.
func (m *machine) fork(parent *task, start, at uint64) error {
	t := &task{pid: m.nextPID, tid: m.nextPID, ppid: parent.pid, start: start, comm: parent.comm, cpu: parent.cpu, left: at, turns: 3 + m.random.IntN(40), fresh: true}
	if m.nextPID++; m.nextPID == mostPIDs {
		m.nextPID = firstPID + uint32(m.tasks)
	}
	m.young = append(m.young, t)
	return m.out.fork(t, at)
}

// bury writes the last sums of a process and forgets it.
func (m *machine) bury(t *task, now uint64) error {
	m.young = slices.DeleteFunc(m.young, func(other *task) bool { return other == t })
	return m.out.last(t, now)
}
