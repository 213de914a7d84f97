// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"errors"
	"slices"

	"github.com/ebrec/ebrec/replay"
)

// crowd is who lives.
type crowd struct {
	tasks     *replay.Tasks           // that are known
	told      replay.ByNumber[person] // that the sink knows, by thread id
	strangers replay.ByNumber[person] // by CPU: whoever a filter left out
	idle      person
	processes uint64 // so far
	roots     map[string]*lane
	lives     bool // ends of processes are recorded
	switched  bool // switches are
	filtered  bool
}

// strangerTID is the thread id of the first stranger. No kernel gives it
// (PID_MAX_LIMIT).
const strangerTID = 1 << 22

// strangerName is what is shown for threads that a filter left out.
const strangerName = "(not recorded)"

func newCrowd(s *story) crowd {
	return crowd{
		tasks: replay.NewTasks(s.capture), idle: person{Task: replay.Task{Comm: "swapper"}}, roots: map[string]*lane{},
		lives: s.capture.Kind("exit") != nil, switched: s.capture.Kind("sched_switch") != nil, filtered: s.capture.Meta().Filter != "",
	}
}

// introduce tells who is there when the recording, or its window, begins.
func (s *story) introduce() error {
	p := people{at: s.begin}
	s.tasks.All(func(t replay.Task) {
		if t.Start <= s.begin && t.TID != 0 {
			p.all = append(p.all, &person{Task: t})
		}
	})
	slices.SortFunc(p.all, func(a, b *person) int { // threads behind the first of their process
		return cmp.Or(cmp.Compare(min(1, a.TID^a.PID), min(1, b.TID^b.PID)), cmp.Compare(a.TID, b.TID))
	})
	for _, who := range p.all {
		s.know(who)
	}
	return s.sink.tell(p)
}

// know keeps a thread, and counts it in its process, which is new where the first
// thread of it is not known.
func (s *story) know(who *person) (again bool) {
	was, leader := s.told.Get(who.TID), s.told.Get(who.PID)
	again = was != nil
	if leader == nil || leader.process.alive <= 0 || who.TID == who.PID && was != nil {
		s.processes++
		who.process = &process{pid: who.PID, again: leader != nil, serial: s.processes}
	} else {
		who.process = leader.process
	}
	who.process.alive++
	s.told.Set(who.TID, who)
	return again
}

// identity takes a row that says who a thread is.
func (s *story) identity(e replay.Event) error {
	s.tasks.Update(e)
	t, was := s.tasks.Find(e.TID()), s.told.Get(e.TID())
	if t == nil || t.TID == 0 {
		return nil
	}
	switch {
	case was == nil || was.Start != t.Start || was.PID != t.PID:
		return s.come(*t, e.Time())
	case was.Comm != t.Comm:
		now := *was
		now.Task = *t
		s.told.Set(t.TID, &now)
		return s.sink.tell(renamed{e.Time(), uint32(max(0, e.CPU())), &now, was.Comm})
	}
	return nil
}

// come tells of a thread that the sink does not know.
func (s *story) come(t replay.Task, at int64) error {
	who := &person{Task: t}
	if again := s.know(who); t.Start > s.begin {
		return s.sink.tell(came{who, again})
	}
	return s.sink.tell(people{at, []*person{who}})
}

// of is the person that has a thread id on a CPU.
func (s *story) of(tid, cpu uint32, at int64) (*person, error) {
	if tid == 0 && !s.filtered {
		return &s.idle, nil
	}
	p, t := s.told.Get(tid), s.tasks.Find(tid)
	switch {
	case p != nil && !p.gone:
		return p, nil
	case p != nil && p.TID == p.PID && p.process.alive > 0 && t != nil && t.Start == p.Start:
		// A thread that executed a file took the id of the first one.
		p.gone = false
		p.process.alive++
		return p, nil
	case s.filtered && t == nil:
		return s.stranger(cpu), nil
	case t == nil: // its row was lost
		t = &replay.Task{TID: tid, PID: tid, Start: s.begin, Comm: "?"}
	}
	err := s.come(*t, at)
	return s.told.Get(tid), err
}

// stranger is whoever a filter left out, on a CPU: idle, too, because who came
// after it was left out as well.
func (s *story) stranger(cpu uint32) *person {
	p := s.strangers.Get(cpu)
	if p == nil {
		p = &person{Task: replay.Task{TID: strangerTID + cpu, Comm: strangerName}}
		s.strangers.Set(cpu, p)
	}
	return p
}

// processOf is the process that has a pid; nil for nobody's.
func (s *story) processOf(pid uint32, at int64) (*process, error) {
	if pid == 0 {
		return nil, nil
	}
	if leader := s.told.Get(pid); leader != nil {
		return leader.process, nil
	}
	t := replay.Task{TID: pid, PID: pid, Start: s.begin, Comm: "?"}
	if known := s.tasks.Find(pid); known != nil {
		t = *known
	}
	err := s.come(t, at)
	return s.told.Get(pid).process, err
}

// laneOf is the lane of a process; nil for nobody's.
func (s *story) laneOf(pid uint32, at int64) (*lane, error) {
	p, err := s.processOf(pid, at)
	if p == nil || err != nil {
		return nil, err
	}
	return s.lane(p), nil
}

func (s *story) lane(p *process) *lane {
	if p.lane == nil {
		p.lane = s.newLane("", nil)
		p.lane.pid, p.lane.again = p.pid, p.again
	}
	return p.lane
}

// root is a lane of no process.
func (s *story) root(name string) *lane {
	l := s.roots[name]
	if l == nil {
		l = s.newLane(name, nil)
		s.roots[name] = l
	}
	return l
}

func (s *story) exec(e replay.Event) error {
	if err := s.identity(e); err != nil {
		return err
	}
	l, err := s.laneOf(e.PID(), e.Time())
	if err != nil || l == nil {
		return err
	}
	return s.sink.tell(mark{lane: l, name: "exec", at: e.Time(), args: []arg{{"filename", e.Str(s.col("filename"))}}})
}

// exit takes the end of a process, which any of its threads may tell.
func (s *story) exit(e replay.Event) error {
	if err := s.identity(e); err != nil {
		return err
	}
	p, err := s.processOf(e.PID(), e.Time())
	if err != nil || p == nil || p.over {
		return err
	}
	p.over = true
	how := []arg{{"exit_code", e.Uint(s.col("exit_code"))}, {"signal", e.Uint(s.col("signal"))}}
	err = s.sink.tell(mark{lane: s.lane(p), name: "exit", at: e.Time(), args: how})
	if leader := s.told.Get(e.PID()); err == nil && !leader.Kernel {
		err = s.sink.tell(span{lane: s.life(p), name: leader.Comm, from: min(max(leader.Start, s.begin), e.Time()), to: e.Time(), args: how})
	}
	return errors.Join(err, s.endThread(e))
}

// threadExit takes the end of a thread.
func (s *story) threadExit(e replay.Event) error {
	return errors.Join(s.identity(e), s.endThread(e))
}

// endThread tells of the end of a thread, unless it still has to leave its CPU.
func (s *story) endThread(e replay.Event) error {
	who := s.told.Get(e.TID())
	if s.switched || who == nil || who.gone {
		return nil
	}
	return s.leave(who, uint32(max(0, e.CPU())), e.Time())
}

// leave tells of a thread's end. That of the first thread ends the process, so it
// is told with the end of the last one.
func (s *story) leave(who *person, cpu uint32, at int64) error {
	if who.process == nil || who.gone {
		return nil
	}
	who.gone = true
	who.process.alive--
	if who.TID != who.PID {
		if err := s.sink.tell(left{at, cpu, who}); err != nil {
			return err
		}
	}
	leader := s.told.Get(who.PID)
	if who.process.alive > 0 || leader == nil || leader.process != who.process {
		return nil
	}
	leader.gone = true
	return s.sink.tell(left{at, cpu, leader})
}

// life is the lane of a process's lifetime.
func (s *story) life(p *process) *lane {
	if p.life == nil {
		p.life = s.newLane("lifetime", s.lane(p))
	}
	return p.life
}

// outlive tells of the lives that the recording does not see end.
func (s *story) outlive() error {
	if !s.lives {
		return nil
	}
	for _, tid := range s.told.Numbers() {
		p := s.told.Get(tid)
		if p.TID != p.PID || p.Kernel || p.process.over {
			continue
		}
		err := s.sink.tell(span{lane: s.life(p.process), name: p.Comm, from: min(max(p.Start, s.begin), s.until), to: s.until, open: true})
		if err != nil {
			return err
		}
	}
	return nil
}
