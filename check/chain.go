// SPDX-License-Identifier: Apache-2.0

package check

import (
	"maps"
	"math"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// chain follows the switches of each CPU: who leaves is who came before, and
// runs on no other CPU. A break is a finding when no loss row is of that CPU
// and time. It also adds up what the switches say of each thread, for sums.
type chain struct {
	v        Verdict
	r        *recording
	identity *identity
	begin    int64
	carried  int64 // up to here a slice has only the switches that say who is where
	cpus     map[int]*cpu
	runs     map[uint32]*runs
	dead     map[uint32]bool     // who switched away for good
	rising   map[uint32]stranger // the dead who came to a CPU again
	rows     int
	breaks   int
	excused  int // breaks that losses explain
	swaps    int // threads that took their first thread's number

	next, state, preempted, delay, online format.Col
}

// cpu is what a CPU has been doing.
type cpu struct {
	tid      uint32 // that runs
	since    int64
	came     bool   // within the recording
	last     int64  // switch
	switches uint64 // rows
	idle     int64  // ns
	unsure   bool   // switches went unseen up to the end: who was there then is not known
}

// runs is what the switches say of a thread id.
type runs struct {
	onCPU                  int64  // ns
	waited                 uint64 // ns, as far as rows tell waits within the recording
	longer                 bool   // a wait was too long for its column
	voluntary, involuntary uint64
	cpu                    *cpu // that it is on
	number                 int  // of that
	since                  int64
	open                   bool // it is on a CPU at the end: no row tells its wait for that
	unsure                 bool // a break concerns it: its time on a CPU is not known
}

func newChain(r *recording, d *identity) *chain {
	return &chain{
		v: Verdict{Check: "switches", Does: "on each CPU the thread that leaves is the one that came, and runs nowhere else"},
		r: r, identity: d, begin: r.Meta().Start.UnixNano(), carried: r.Meta().Window.From,
		cpus: map[int]*cpu{}, runs: map[uint32]*runs{}, dead: map[uint32]bool{}, rising: map[uint32]stranger{},
		next: r.Col("next_tid"), state: r.Col("prev_state"), preempted: r.Col("preempted"), delay: r.Col("delay_ns"), online: r.Col("online"),
	}
}

func (h *chain) event(e replay.Event, kind string) {
	switch kind {
	case "fork", "thread_start", "task", "exec":
		delete(h.dead, e.TID())
		delete(h.rising, e.TID())
	case "cpu_online":
		if c := h.cpus[e.CPU()]; c != nil && e.Uint(h.online) == 0 {
			h.leaveOffline(c)
		}
	case "sched_switch":
		h.rows++
		number := e.CPU()
		c := h.cpus[number]
		if c == nil { // whoever leaves was there all the time
			c = &cpu{tid: e.TID(), since: h.begin, last: h.begin}
			h.cpus[number] = c
		}
		h.leave(e, c)
		h.come(e, c, number)
	}
}

// leaveOffline is for the last thread of a CPU that went offline. In captures of
// formats before 1.2 nobody saw it leave, and the time since it came counts as
// idle; later ones have a row of that.
func (h *chain) leaveOffline(c *cpu) {
	if c.tid != 0 {
		h.of(c.tid).cpu, h.of(c.tid).unsure = nil, true
	}
	c.tid = 0
}

func (h *chain) of(tid uint32) *runs {
	r := h.runs[tid]
	if r == nil {
		r = &runs{}
		h.runs[tid] = r
	}
	return r
}

// concerns tells whether a thread is one whose every switch is recorded. With a
// filter that is one of the processes recorded, as long as it lives; nobody with
// one that processes come to and leave.
func (h *chain) concerns(tid uint32) bool {
	if h.r.everybody() {
		return true
	}
	if h.r.changing() {
		return false
	}
	b := h.identity.known[tid]
	return tid != 0 && b != nil && !h.dead[tid] && !b.gone
}

func (h *chain) leave(e replay.Event, c *cpu) {
	tid, t := e.TID(), e.Time()
	switch {
	case h.r.unseen.Before(e.CPU(), t):
		h.gap(e, c)
	case c.tid == tid || !h.concerns(tid) && !h.concerns(c.tid):
	case !h.swap(tid, c):
		h.gap(e, c)
	case !h.r.Meta().Before13():
		tid = c.tid // see FORMAT.md, Sums: the slice is of the number that it came with
	}
	c.switches++
	if c.last = t; tid == 0 {
		c.idle += t - c.since
		return
	}
	r := h.of(tid)
	r.onCPU += t - c.since
	if c.came || r.voluntary+r.involuntary > 0 {
		r.waited += e.Uint(h.delay)
		r.longer = r.longer || e.Uint(h.delay) == math.MaxUint32
	}
	if e.Uint(h.preempted) != 0 {
		r.involuntary++
	} else {
		r.voluntary++
	}
	r.cpu = nil
	if e.Str(h.state) == "X" {
		h.dead[tid] = true
	}
}

// swap tells whether a thread changed its number on the CPU: one that executes
// a file takes that of its process's first thread, and that one, ending, the
// other. The row of the exec comes later, when it has been done.
func (h *chain) swap(tid uint32, c *cpu) bool {
	now, was := h.identity.known[tid], h.identity.known[c.tid]
	if now == nil || was == nil || now.pid != was.pid || now.pid != tid && was.pid != c.tid {
		return false
	}
	h.swaps++
	h.of(c.tid).cpu = nil
	return true
}

// gap notes a break: switches between the last one of the CPU and this are not
// in the file.
func (h *chain) gap(e replay.Event, c *cpu) {
	for _, tid := range []uint32{e.TID(), c.tid} {
		if tid != 0 {
			h.of(tid).unsure, h.of(tid).cpu = true, nil
		}
	}
	if e.Time() <= h.carried {
		return
	}
	if h.breaks++; h.r.lost.between("sched", e.CPU(), c.last, e.Time()) {
		h.excused++
		return
	}
	h.v.find("CPU %d at %s: thread %d leaves, but %d was there", e.CPU(), at(e.Time()), e.TID(), c.tid)
}

func (h *chain) come(e replay.Event, c *cpu, number int) {
	tid, t := uint32(e.Uint(h.next)), e.Time()
	c.tid, c.since, c.came = tid, t, true
	if tid == 0 {
		return
	}
	if h.dead[tid] && h.concerns(tid) {
		h.rising[tid] = stranger{"sched_switch", t}
	}
	r := h.of(tid)
	if r.cpu != nil && r.cpu != c && h.concerns(tid) {
		h.twice(r, tid, number, t)
	}
	r.cpu, r.number, r.since = c, number, t
}

// twice is a thread that comes to a CPU and is on another: it left that unseen.
func (h *chain) twice(r *runs, tid uint32, number int, t int64) {
	r.unsure = true
	if t <= h.carried {
		return
	}
	if h.breaks++; h.r.lost.between("sched", r.number, r.since, t) {
		h.excused++
		return
	}
	h.v.find("CPU %d at %s: thread %d comes, but is on CPU %d since %s", number, at(t), tid, r.number, at(r.since))
}

// close adds the slices that are open at the end of the recording.
func (h *chain) close(end int64) {
	for number, c := range h.cpus {
		if h.r.unseen.Covers(number, end) {
			c.unsure = true
			h.of(c.tid).unsure = true
		}
		if c.tid == 0 {
			c.idle += end - c.since
		} else {
			h.of(c.tid).onCPU += end - c.since
			h.of(c.tid).open = true
		}
	}
}

func (h *chain) verdict() Verdict {
	if !h.r.records("sched_switch") {
		h.v.says("not recorded")
		return h.v
	}
	for _, tid := range slices.Sorted(maps.Keys(h.rising)) {
		s := h.rising[tid]
		if h.r.lost.before(s.time, "recording", "process") {
			continue // its birth may be among what was lost
		}
		h.v.find("thread %d comes at %s, but had switched away for good", tid, at(s.time))
	}
	h.v.says("%d switches, %d breaks", h.rows, h.breaks)
	if h.excused > 0 {
		h.v.says("%d of them where switches were lost", h.excused)
	}
	if h.swaps > 0 {
		h.v.says("%d threads changed their number as they executed a file", h.swaps)
	}
	return h.v
}
