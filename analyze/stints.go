// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math"

	"github.com/ebrec/ebrec/replay"
)

// stint is what a ledger that is divided by cgroup knows besides: each time that a
// thread is in a cgroup is a thread of its own in it, and its sums are divided at
// the moves. A row of sums says what was used since the one before. Where moves
// lie between the two, that is divided by the time between the moves; less and more
// say by how much a stint's CPU time may differ from that.
type stint struct {
	prev       *thread // the stint before; nil: this is the first
	cgroup     uint64  // 0: not known
	since      int64   // when it began; 0: with the thread, or the recording
	until      int64   // when it ended; 0: it has not
	readAt     int64   // when the thread's sums were read last
	began      uint64  // CPU time at the last reading before it began
	less, more uint64
	late       uint64 // time on a CPU that the task clock may not have had at the last reading, which followed a move
}

// growth is what a row of sums adds to a stint.
type growth struct {
	thread *thread
	used   sums
}

// settleIn forgets where threads were before an instant at which a window begins. Their
// sums were read then, as far as they had changed.
func (l *ledger) settleIn(at int64) {
	for _, t := range l.threads {
		t.prev, t.readAt, t.late = nil, max(t.readAt, at), 0
	}
}

// place follows the cgroup of a task that a row is of, and, when all threads of its
// process moved, theirs.
func (l *ledger) place(e replay.Event, t *thread) {
	task, ok := l.tasks.Lookup(e.TID())
	if !l.divided || !ok {
		return
	}
	was, now := t.cgroup, l.tasks.Cgroup(task)
	if was == 0 && task.PID != task.TID {
		l.precede(threadID{e.TID(), e.Int(l.start)}, t, now)
	}
	l.move(threadID{e.TID(), e.Int(l.start)}, now, e.Time())
	reason := ""
	if e.Kind().Name == "task" {
		reason = e.Str(l.reason)
	}
	if was == 0 && reason != "moved" || was == now || task.PID != task.TID || reason == "moved_alone" {
		return
	}
	for id, other := range l.threads {
		l.settle(other)
		if other.process != t.process || id.tid == task.TID {
			continue
		}
		if other.cgroup == 0 {
			other.cgroup = was
		}
		l.move(id, now, e.Time())
	}
}

// precede gives a thread that is named only now the cgroups in which its process was
// before: it may have moved while those who were there were listed.
func (l *ledger) precede(id threadID, t *thread, now uint64) {
	first := l.threads[threadID{t.process.pid, t.process.start}]
	if first == nil || first.cgroup != now {
		return
	}
	for _, s := range first.stintsSince(max(l.begin, t.born)) {
		l.move(id, s.cgroup, s.since)
	}
}

// move begins another stint of a thread that is in another cgroup than before.
func (l *ledger) move(id threadID, cgroup uint64, at int64) {
	t := l.threads[id]
	if t.cgroup == 0 {
		t.cgroup = cgroup
	}
	if t.cgroup == cgroup {
		return
	}
	next := *t
	next.base, next.before, next.ran, next.exited = t.total(), 0, false, t.exited
	next.stint = stint{prev: t, cgroup: cgroup, since: at, readAt: t.readAt, began: next.base.cpuTime}
	t.until = at
	l.threads[id] = &next
	l.moves++
}

// divide gives what a row of sums adds to the stints since the row before.
func (l *ledger) divide(t *thread, was sums, at int64) {
	l.grown = l.grown[:0]
	used := t.total()
	used.subtract(was)
	from := max(t.readAt, l.begin, t.born)
	t.readAt = at
	if !l.divided || t.since <= from || t.prev == nil {
		t.settleLate(used.cpuTime)
		l.grown = append(l.grown, growth{t, used})
		return
	}
	var given sums
	for _, s := range t.stintsSince(from) {
		share := used.part(float64(s.end(at)-from) / float64(max(1, at-from)))
		share.subtract(given)
		given.add(share)
		l.give(s, t, share, used.cpuTime, uint64(s.end(at)-max(s.since, from)), uint64(at-from))
	}
	t.late = used.onCPU - min(used.onCPU, used.cpuTime)
}

// stintsSince are those that had not ended, the earliest first.
func (t *thread) stintsSince(from int64) (all []*thread) {
	for s := t; s != nil && s.end(math.MaxInt64) > from; s = s.prev {
		all = append([]*thread{s}, all...)
	}
	return all
}

// end is when it ended, or an instant until which it goes on.
func (s *stint) end(until int64) int64 {
	if s.until != 0 {
		return s.until
	}
	return until
}

// give adds a share of what was used within a time to a stint of a part of that. It
// had no more than its part is long, and no less than there was beyond the rest.
func (l *ledger) give(s, last *thread, share sums, used, part, all uint64) {
	least, most := used-min(used, all-min(all, part)), min(used, part)
	s.less += share.cpuTime - min(share.cpuTime, least)
	s.more += most - min(most, share.cpuTime)
	if s != last {
		s.last.add(share)
		s.ran = s.ran || share != sums{}
		last.base.add(share)
	} else {
		s.ran = share != sums{}
	}
	l.grown = append(l.grown, growth{s, share})
}

// settleLate takes into account that the task clock may have been late as the
// thread moved: what it had then came to it after the move.
func (t *thread) settleLate(used uint64) {
	if t.late == 0 || t.prev == nil {
		return
	}
	late := min(t.late, used)
	t.less += late
	t.prev.more += late
	t.late = 0
}

// part is a share of sums, rounded.
func (s sums) part(of float64) sums {
	share := func(n uint64) uint64 { return uint64(math.Round(float64(n) * min(of, 1))) }
	return sums{
		cpuTime: share(s.cpuTime), onCPU: share(s.onCPU), runQueue: share(s.runQueue), voluntary: share(s.voluntary),
		involuntary: share(s.involuntary), migrations: share(s.migrations), unknown: share(s.unknown),
	}
}
