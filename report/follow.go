// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/replay"
)

// left takes a stay that a switch ended.
func (l *lanes) left(s *analyze.Stay, e replay.Event) {
	state := byte('S')
	if text := e.Str(l.state); text != "" {
		state = text[0]
	}
	l.stay(s, state)
}

// stay takes a time on a CPU, and the time off it before.
func (l *lanes) stay(s *analyze.Stay, state byte) {
	var now *running
	proc := int32(unknown)
	if s.TID != 0 {
		now = l.running(s.TID)
		proc = now.proc
	}
	if l.counting && s.To > l.span.begin {
		l.count(s, now, proc, state)
	}
	if now != nil {
		now.left, now.state = s.To, state
	}
}

func (l *lanes) count(s *analyze.Stay, now *running, proc int32, state byte) {
	if !s.Open {
		l.chunks.pass(l, s)
	}
	from, to := l.span.clip(s.From, s.To)
	if s.Broken {
		l.cpus.add(s.CPU, unknown, from, to)
		return
	}
	if now == nil {
		return
	}
	l.cpus.add(s.CPU, proc, from, to)
	l.procs[proc].ns += uint64(max(0, to-from))
	if lane := l.procs[proc].lane; lane != nil {
		lane.stay(l.span, s, now)
	}
	if s.Open {
		return
	}
	l.chunks.add(l.span.begin, s, now.thread, state)
	if s.WaitKnown && !l.stranger(s.TID) {
		l.heat.add(min(max(s.From-l.span.begin, 0), l.span.ns()-1), s.Wait)
	}
}

// stranger tells whether a filter left a thread out: runqlat does not count it.
func (l *lanes) stranger(tid uint32) bool {
	return l.env.Recording.Filter != "" && !l.tasks.Known(tid)
}

// running is who has a thread id now.
func (l *lanes) running(tid uint32) *running {
	n, task := l.now.Get(tid), l.tasks.Find(tid)
	leader := task
	if task != nil && task.PID != task.TID {
		leader = l.tasks.Find(task.PID)
	}
	if n != nil && n.task == task && n.leader == leader {
		return n
	}
	if n == nil || n.task == nil || task == nil || n.task.Start != task.Start {
		n = &running{}
		l.now.Set(tid, n)
	}
	n.task, n.leader = task, leader
	comm := "?"
	if n.proc = unknown; !l.stranger(tid) {
		id, name := processID{0, int64(tid)}, comm // never named
		if task != nil {
			id, name, comm = processID{task.PID, task.Start}, task.Comm, task.Comm
		}
		if leader != nil {
			id.start, name = leader.Start, leader.Comm
		}
		n.proc = l.process(id, name)
	}
	n.thread = int32(len(l.threads))
	l.threads = append(l.threads, thread{tid, n.proc, comm})
	return n
}

// process is the place of a process, with its newest name.
func (l *lanes) process(id processID, comm string) int32 {
	i, ok := l.byID[id]
	if !ok {
		i = int32(len(l.procs))
		l.byID[id] = i
		l.procs = append(l.procs, process{id: id})
		if _, chosen := l.chosen[id.pid]; chosen && len(l.lanes) < mostProcessLanes {
			lane := newProcessLane(l.span, i, id.start, l.stays != nil)
			l.procs[i].lane = lane
			l.lanes = append(l.lanes, lane)
		}
	}
	l.procs[i].comm = comm
	return i
}

// mark notes what happened to a process.
func (l *lanes) mark(kind string, e replay.Event) {
	if e.TID() != e.PID() || e.PID() == 0 {
		return
	}
	task := l.tasks.Find(e.PID())
	if task == nil {
		return
	}
	if _, known := l.byID[processID{task.PID, task.Start}]; !known && l.chosen[task.PID] == 0 {
		return
	}
	p := &l.procs[l.process(processID{task.PID, task.Start}, task.Comm)]
	if p.lane == nil || !l.counting {
		return
	}
	at, _ := l.span.clip(e.Time(), e.Time())
	switch kind {
	case "fork":
		l.marks.add(p.lane, at, "fork", "")
	case "exec":
		l.marks.add(p.lane, at, "exec", replay.Clean(e.Str(l.filename)))
	case "exit":
		p.lane.died = at
		l.marks.add(p.lane, at, "exit", ending(e.Uint(l.exitCode), e.Uint(l.signal)))
	}
}

func ending(code, signal uint64) string {
	if signal != 0 {
		return fmt.Sprintf("signal %d", signal)
	}
	return fmt.Sprintf("exit %d", code)
}

// turn notes a part of a turn of a TCP connection, which ends with the event.
func (l *lanes) turn(kind string, e replay.Event) {
	task := l.tasks.Find(e.PID())
	if task == nil || !l.counting {
		return
	}
	i, ok := l.byID[processID{task.PID, task.Start}]
	if !ok || l.procs[i].lane == nil {
		return
	}
	ns := int64(min(e.Uint(l.turnNS[kind]), uint64(l.span.ns())))
	from, to := l.span.clip(e.Time()-ns, e.Time())
	l.turns.add(turn{l.procs[i].lane, kind, from, to, ns})
}
