// SPDX-License-Identifier: Apache-2.0

package second

import (
	"fmt"
	"math/rand/v2"
)

// world makes up what a machine does, one thing after the other, and tells it in
// rows. Instants are in ns since the recording began.
type world struct {
	*rand.Rand
	now     int64
	began   bool
	cpus    []*cpu
	threads []*thread // that there are
	freed   []uint32  // numbers of those that are gone
	nextTID uint32
	nextFD  int
	rows    []row
	flushes []int64 // rows up to then are written at once

	lossy bool // rows are lost
	blind bool // switches go unseen
	cut   bool // the recording is

	network
}

// row is one of the capture; its values are those of format.Kind.Encode.
type row struct {
	at     int64
	kind   string
	values map[string]any
}

type v = map[string]any

// cpu is what a CPU does.
type cpu struct {
	number         int
	on             *thread // nil: idle
	offline        bool
	still          bool  // it never switches: whoever is on it stays there
	since          int64 // it is accounted for up to here
	left           int64 // how often it stopped to be idle
	idle, switches int64
	steal          int64 // in interrupts too, of /proc/stat
	unseen, kept   int64 // that nobody is known to have had, and what of that a reading knew better
	seat
}

// process is what threads share.
type process struct {
	pid     uint32
	leader  *thread // that has the number of the process
	threads int     // alive: not exited
	total   int64   // CPU time since it started
	code    int
	signal  int
	ended   bool
	execing *thread // waits for all others to end
}

// thread is one, and its sums since the recording began.
type thread struct {
	*process
	tid          uint32
	start        int64
	parent       uint32
	comm         string
	kernel       bool
	cgroup       uint64
	state        string // in which it left its CPU, or R
	cpu          *cpu   // that it is on
	last         int    // CPU that it was on; -1: none
	queuedAt     int64  // it is runnable since then
	exited, gone bool
	preempted    bool // it waits since it was
	killed       bool // it exits as soon as it runs
	before       int64
	counters
	noted
	listed int64     // when it was, if it was there when the recording began
	came   int64     // how long it had waited before it came to its CPU
	former *identity // number that it came with to its CPU, before it took that of its process
}

// counters are the kernel's of a thread.
type counters struct{ clock, waited, moves, left int64 }

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, seed)), now: -1_000_000_000, nextTID: 100, nextFD: 3}
	for i := range 1 + w.IntN(3) {
		w.cpus = append(w.cpus, &cpu{number: i})
	}
	w.lossy, w.cut = w.IntN(5) == 0, w.IntN(8) == 0
	w.blind = w.IntN(4) == 0
	w.cpus[len(w.cpus)-1].still = len(w.cpus) > 1 && w.IntN(8) == 0
	w.settle()
	w.inherit()
	return w
}

// settle makes who is there when the recording begins.
func (w *world) settle() {
	init := w.born(nil, "init", 0, false)
	init.tid, init.pid = 1, 1
	for i := range 2 + w.IntN(4) {
		t := w.born(nil, fmt.Sprintf("old-%d", i), 1, i == 1)
		for range w.IntN(3) {
			w.born(t, t.comm, 1, t.kernel)
		}
	}
	for _, c := range w.cpus {
		if t := w.next(); t != nil && w.IntN(3) > 0 {
			c.on, t.cpu, t.last, t.state = t, c, c.number, "R"
			c.seat.on = t
		}
	}
	w.now, w.began = 0, true
	for _, t := range w.threads {
		t.before = w.Int64N(5_000_000)
		t.total += t.before
		t.clock = t.before
		if t.cpu == nil && w.IntN(2) == 0 {
			t.state = "S"
		}
	}
}

// tick goes on by at most so much.
func (w *world) tick(most int64) { w.now += 1 + w.Int64N(most) }

// tell writes a row of now; a further one is of a later instant.
func (w *world) tell(kind string, values v) {
	if !w.began {
		return
	}
	w.now++
	w.rows = append(w.rows, row{w.now, kind, values})
}

// of is what rows that say who a thread is have.
func (t *thread) of(more v) v {
	all := v{"pid": t.pid, "tid": t.tid, "start": t.start, "ppid": t.parent, "comm": t.comm, "kernel_thread": bit(t.kernel), "cgroup_id": t.cgroup}
	for k, x := range more {
		all[k] = x
	}
	return all
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// number is one that is free: often one that comes back.
func (w *world) number() uint32 {
	if n := len(w.freed); n > 0 && w.IntN(2) == 0 {
		i := w.IntN(n)
		tid := w.freed[i]
		w.freed = append(w.freed[:i], w.freed[i+1:]...)
		return tid
	}
	w.nextTID++
	return w.nextTID
}

// born makes a thread, of a process or as a process.
func (w *world) born(of *thread, comm string, parent uint32, kernel bool) *thread {
	w.tick(5000)
	t := &thread{tid: w.number(), start: w.now, parent: parent, comm: comm, kernel: kernel, cgroup: 1, state: "R", last: -1, queuedAt: w.now + 1}
	if of != nil {
		t.process, t.parent, t.cgroup = of.process, of.parent, of.cgroup
	} else {
		t.process = &process{pid: t.tid, leader: t}
	}
	t.threads++
	w.threads = append(w.threads, t)
	return t
}
