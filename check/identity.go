// SPDX-License-Identifier: Apache-2.0

package check

import (
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// identity checks that rows are of threads that were introduced, that parents
// are known, and that nobody is born twice, ends twice or acts after the end.
type identity struct {
	v       Verdict
	r       *recording
	strict  bool // everybody whom rows are about is introduced, with birth and end
	known   map[uint32]*being
	early   map[uint32]stranger // who acted before being introduced
	left    map[uint32]int64    // those of them who left for good, and when
	rising  map[uint32]stranger // who acted after its end, and is executing a file
	pids    map[uint32]bool     // that any row introduced
	parents map[uint32]stranger // by pid, the first child that names it
	listed  int64               // when all who were there at the start had been listed
	timed   bool                // a reading of the clock came
	unseen  map[uint32]stranger // who was there at the start and ended before it was listed
	met     int
	excused int // findings that losses explain

	start, ppid, reason, state, exited format.Col
}

// stranger is the first row of a thread that was not introduced. The tasks
// that are there at the start are listed while events come in already.
type stranger struct {
	kind string
	time int64
}

// being is who has a thread id now.
type being struct {
	start   int64
	pid     uint32
	met     int64
	born    bool  // a birth introduced it, not only the list of those who were there
	ended   int64 // 0: lives
	gone    bool  // with its whole process
	exiting bool  // it was about to end when it was listed, and no row may tell that it did
	alone   int64 // of a first thread: when it executed a file, which ends all others
	leader  *being
}

func newIdentity(r *recording) *identity {
	return &identity{
		v: Verdict{Check: "identities", Does: "every row is of a thread that was introduced and lives"}, r: r,
		strict: r.narrowed == "" && !r.hookless() && r.Meta().Repair == nil && len(r.damage) == 0,
		known:  map[uint32]*being{}, early: map[uint32]stranger{}, left: map[uint32]int64{}, rising: map[uint32]stranger{}, pids: map[uint32]bool{}, parents: map[uint32]stranger{}, unseen: map[uint32]stranger{},
		start: r.Col("start"), ppid: r.Col("ppid"), reason: r.Col("reason"), state: r.Col("prev_state"), exited: r.Col("exited"),
	}
}

func (d *identity) event(e replay.Event, kind string) {
	if e.TID() == 0 && kind != "clock" {
		return
	}
	switch kind {
	case "fork", "thread_start":
		d.born(e, kind)
	case "task":
		switch e.Str(d.reason) {
		case "created":
			d.born(e, kind)
			return
		case "snapshot":
			d.listed = max(d.listed, e.Time())
		}
		b := d.meet(e, kind)
		b.exiting = b.exiting || e.Str(d.reason) == "exiting"
	case "exec":
		d.meet(e, kind)
	case "exit", "thread_exit":
		d.end(e, kind)
	case "clock":
		if !d.timed { // the first reading follows the list
			d.timed, d.listed = true, max(d.listed, e.Time())
		}
	default:
		d.act(e, kind)
	}
}

// find is a finding unless rows that name tasks may have been lost before.
func (d *identity) find(t int64, shape string, values ...any) {
	if d.r.lost.before(t, "recording", "process") {
		d.excused++
		return
	}
	d.v.find(shape, values...)
}

// meet learns who has a thread id. A thread that ended comes back when another
// of its process executed a file: that one takes the first one's number.
func (d *identity) meet(e replay.Event, kind string) *being {
	tid, start, t := e.TID(), e.Int(d.start), e.Time()
	b := d.known[tid]
	if b == nil || b.start != start {
		if b != nil {
			d.taken(b, e, kind)
		}
		b = &being{start: start, pid: e.PID(), met: t}
		d.known[tid] = b
		d.met++
		if s, ok := d.early[tid]; ok && start <= s.time {
			delete(d.early, tid)
		}
	} else if b.ended != 0 && b.gone && kind != "exit" {
		d.find(t, "%s at %s: process %d ended at %s", kind, at(t), b.pid, at(b.ended))
	}
	if kind == "exec" || kind == "task" && (e.Str(d.reason) == "executed" || b.ended != 0) {
		b.alone = t
		delete(d.rising, tid)
	}
	if kind != "exit" && kind != "thread_exit" {
		b.ended, b.gone = 0, false
	}
	d.family(e, kind)
	return b
}

// family notes a process and its parent.
func (d *identity) family(e replay.Event, kind string) {
	d.pids[e.PID()] = true
	ppid := uint32(e.Uint(d.ppid))
	if _, ok := d.parents[ppid]; !ok && ppid != 0 && !d.pids[ppid] {
		d.parents[ppid] = stranger{kind, e.Time()}
	}
}

// taken is told that a thread id has another owner now. The one before must
// have ended; the list of who was there at the start may show both.
func (d *identity) taken(old *being, e replay.Event, kind string) {
	if d.strict && d.r.records("exit") && !d.over(old) {
		d.find(e.Time(), "%s at %s: thread %d is new, but the one before did not end", kind, at(e.Time()), e.TID())
	}
}

// over tells whether a thread is at its end: its own, its process's, or that
// which an exec makes for all other threads of the process.
func (d *identity) over(b *being) bool {
	if b.ended != 0 || b.exiting {
		return true
	}
	if b.leader == nil {
		b.leader = d.known[b.pid]
	}
	return b.leader != nil && (b.leader.gone || b.leader.exiting || b.leader.alone >= b.met)
}

func (d *identity) born(e replay.Event, kind string) {
	start := e.Int(d.start)
	if b := d.known[e.TID()]; b != nil && b.start == start && b.born {
		d.v.find("%s at %s: thread %d was born already", kind, at(e.Time()), e.TID())
	}
	if start > e.Time() {
		d.v.find("%s at %s: thread %d starts later, at %s", kind, at(e.Time()), e.TID(), at(start))
	}
	b := d.meet(e, kind)
	b.born = true
	b.leader = d.known[b.pid]
}

// end notes an end. The row of a process's is about its first thread, whichever
// was the last; the first one's own end may have been told before.
func (d *identity) end(e replay.Event, kind string) {
	tid, t := e.TID(), e.Time()
	b := d.known[tid]
	if b == nil || b.start != e.Int(d.start) {
		if e.Int(d.start) < d.r.Meta().Start.UnixNano() {
			d.unseen[tid] = stranger{kind, t}
		} else if d.strict {
			d.find(t, "%s at %s: thread %d was not introduced", kind, at(t), tid)
		}
		b = d.meet(e, kind)
	} else if b.ended != 0 && (b.gone || kind == "thread_exit") {
		d.find(t, "%s at %s: thread %d ended already, at %s", kind, at(t), tid, at(b.ended))
	}
	d.family(e, kind)
	b.ended, b.gone = t, kind == "exit"
}

// scheduling tells whether rows of a kind go on until a thread's very last
// moment on a CPU.
func scheduling(kind string) bool { return kind == "sched_switch" || kind == "sched_waking" }

// lastMoment tells whether a thread leaves its CPU for good in a row.
func (d *identity) lastMoment(e replay.Event, kind string) bool {
	return kind == "sched_switch" && e.Str(d.state) == "X" || kind == "task_sum" && e.Uint(d.exited) != 0
}

// act is a row that only has a thread's id. With a filter, switches are between
// threads of which one may be nobody's business.
func (d *identity) act(e replay.Event, kind string) {
	tid, t := e.TID(), e.Time()
	b := d.known[tid]
	if b == nil {
		if _, ok := d.early[tid]; !ok && (!scheduling(kind) || d.r.everybody()) {
			d.early[tid] = stranger{kind, t}
		}
		if d.lastMoment(e, kind) {
			d.left[tid] = t
		}
		return
	}
	// A thread switches away and has its sums read after its end was seen, and a
	// connection outlives its owner.
	if b.ended == 0 || t <= b.ended || scheduling(kind) || kind == "task_sum" || e.Kind().Field("conn") != nil {
		return
	}
	// Another thread of the process may be executing a file: it has the first
	// one's number by now, opens files, and the row of the exec is to come.
	if b.pid == tid && !b.gone {
		if _, ok := d.rising[tid]; !ok {
			d.rising[tid] = stranger{kind, t}
		}
		return
	}
	d.find(t, "%s at %s: thread %d ended at %s", kind, at(t), tid, at(b.ended))
}

func (d *identity) verdict() Verdict {
	d.v.says("%d threads", d.met)
	if !d.strict || !d.r.everybody() {
		d.v.says("not all tasks are in the recording")
	}
	if d.strict {
		d.unknown()
	}
	if d.excused > 0 {
		d.v.says("%d findings are left out that rows which were lost explain", d.excused)
	}
	return d.v
}

// unknown tells of who was never introduced, or never came back.
func (d *identity) unknown() {
	for _, tid := range slices.Sorted(maps.Keys(d.rising)) {
		s := d.rising[tid]
		d.find(s.time, "%s at %s: thread %d had ended", s.kind, at(s.time), tid)
	}
	for _, tid := range slices.Sorted(maps.Keys(d.unseen)) {
		if s := d.unseen[tid]; s.time > d.listed {
			d.find(s.time, "%s at %s: thread %d was not introduced", s.kind, at(s.time), tid)
		}
	}
	for _, tid := range slices.Sorted(maps.Keys(d.early)) {
		s := d.early[tid]
		if left, ok := d.left[tid]; ok && left <= d.listed {
			continue // its end was told before the recording began
		}
		d.find(s.time, "%s at %s: thread %d was not introduced", s.kind, at(s.time), tid)
	}
	if !d.r.everybody() || !d.r.records("exit") || d.r.Cut() != nil || d.r.stopped {
		return // who ended while tasks were listed is told of only by its exit
	}
	for _, pid := range slices.Sorted(maps.Keys(d.parents)) {
		if s := d.parents[pid]; !d.pids[pid] {
			d.find(s.time, "%s at %s: its parent, process %d, was not introduced", s.kind, at(s.time), pid)
		}
	}
}
