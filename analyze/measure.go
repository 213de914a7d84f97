// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"slices"

	"github.com/ebrec/ebrec/replay"
)

// Measure reads the parts and latencies of all that is to be kept, and the
// remote ends. Call it once, after Keep was set.
func (p *Profile) Measure(ctx context.Context, o Options) error {
	if err := p.divide(); err != nil {
		return err
	}
	p.lives()
	m, err := p.measure()
	if err != nil {
		return err
	}
	a := Analysis{Name: "profile", Needs: identity(), New: func(*Env) Pass { return m }}
	for _, from := range []struct {
		source string
		needs  []Need
	}{
		{"sched", append([]Need{{Kind: "sched_waking", Columns: wakingColumns, Source: "wakeups", Optional: true}}, switchesOnly.Needs...)},
		{"cpu", sumsOnly.Needs[:1]},
		{"tcp", remoteNeeds()},
	} {
		if p.Lacks[from.source] == "" && (from.source != "cpu" || !p.exact()) {
			a.Needs = append(a.Needs, from.needs...)
		}
	}
	s, _, err := pass(ctx, p.capture, &a, o)
	if err != nil {
		return err
	}
	was := p.Recording
	p.take(s)
	p.Recording = was
	return nil
}

// exact tells whether all switches are there.
func (p *Profile) exact() bool { return p.Lacks["sched"] == "" && p.Lost("sched") == 0 }

// divide finds the steps.
func (p *Profile) divide() error {
	from, to := p.Recording.End.UnixNano()-int64(p.Recording.DurationNS), p.Recording.End.UnixNano()
	p.Equal = equalSteps(from, to)
	if p.Steps = p.Equal; p.exact() {
		return nil
	}
	var err error
	p.readings, err = replay.New(p.capture).Readings()
	p.Steps = stepsAt(from, to, p.readings)
	return err
}

// lives counts the processes of places.
func (p *Profile) lives() {
	begin, end := p.Recording.End.UnixNano()-int64(p.Recording.DurationNS), p.Recording.End.UnixNano()
	for _, k := range p.kin {
		from, to := max(k.id.start, begin), end
		if k.ended != 0 {
			to = min(k.ended, end)
		}
		if to <= from {
			continue
		}
		own, to64 := p.kept(k.place), uint64(to-from)
		k.place.Own.Total[Alive] += to64
		if own != nil {
			p.Equal.each(from, to, func(i int, ns uint64) { own.part(i)[Alive] += ns })
		}
		if i := p.Equal.at(k.id.start); i >= 0 {
			k.place.Own.Total[Starts]++
			if own != nil {
				own.part(i)[Starts]++
			}
		}
	}
}

// kept is where parts of a place count that are of no thread that is kept: nil
// for nowhere.
func (p *Profile) kept(at *Place) *Use {
	if at.Keep {
		return &at.Own
	}
	for at = at.Parent; at != nil; at = at.Parent {
		if at.Keep {
			return &at.below
		}
	}
	return nil
}

// of is where parts of a thread count.
func (p *Profile) of(id threadID) *Use {
	u := p.uses[id]
	if u == nil {
		return nil
	}
	if u.to.Keep && u.place.Keep {
		return u.to
	}
	return p.kept(u.place)
}

// measurePass divides what happens among the steps.
type measurePass struct {
	p        *Profile
	ledger   *ledger // nil: by switches
	tasks    *replay.Tasks
	timeline *timeline
	now      replay.ByNumber[measured]
	remotes  *remotes // nil: no connections were recorded
}

// measured is where the thread counts that has a number now.
type measured struct {
	task *replay.Task
	use  *Use
}

func (p *Profile) measure() (*measurePass, error) {
	tasks := replay.NewTasks(p.capture)
	m := &measurePass{p: p, tasks: tasks, timeline: newTimeline(p.capture, tasks)}
	m.timeline.occupy(p.capture, p.capture.Meta().Window.To)
	err := m.tasks.Preload(p.capture)
	if !p.exact() && p.Lacks["cpu"] == "" {
		m.ledger = newLedger(p.capture)
	}
	if err == nil && p.Lacks["tcp"] == "" {
		m.remotes, err = newRemotes(p.capture, p)
	}
	return m, err
}

// Begin does nothing: the pass looks at the time of each event.
func (m *measurePass) Begin() {}

// Tables are none: what was measured is in the profile.
func (m *measurePass) Tables() []Table {
	if m.p.exact() {
		m.timeline.cpus.All(func(number uint32, seat *seat) {
			if s := m.timeline.open(number, seat, m.p.Recording.End.UnixNano()); s != nil && !s.broken {
				m.count(s, false)
			}
		})
	}
	return nil
}

func (m *measurePass) Event(e replay.Event) error {
	m.tasks.Update(e)
	switch e.Kind().Name {
	case "sched_switch":
		m.stay(m.timeline.stay(e), e)
	case "sched_waking":
		m.timeline.wake(e)
	case "task_sum":
		m.sum(e)
	case "task", "fork", "exec", "exit", "thread_start", "thread_exit":
		if m.ledger != nil {
			m.ledger.event(e)
		}
	default:
		if m.remotes != nil {
			m.remotes.event(e)
		}
	}
	return nil
}

// Switches takes switches that follow each other.
func (m *measurePass) Switches(r replay.Run) { m.timeline.stays(r, m.stay) }

func (m *measurePass) stay(s *stay, _ replay.Event) {
	if s.tid != 0 && !s.broken && !s.away {
		m.count(s, !s.parted)
	}
}

// count adds a stay on a CPU; over tells whether it ended with a switch.
func (m *measurePass) count(s *stay, over bool) {
	u, p := m.useOf(s.tid), m.p
	if u == nil {
		return
	}
	if p.exact() {
		p.Steps.each(s.from, s.to, func(i int, ns uint64) { u.part(i)[CPUTime] += ns })
	}
	i := p.Equal.at(s.to)
	if !over || i < 0 {
		return
	}
	if p.exact() {
		part := u.part(i)
		part[Switches]++
		part[Involuntary] += uint64(boolInt(s.preempted))
		part[RunQueue] += s.wait
	}
	if s.waitKnown {
		u.times(Wait).add(i, s.wait)
	}
}

// useOf is where the thread counts that has a number now; nil: nowhere.
func (m *measurePass) useOf(tid uint32) *Use {
	n, task := m.now.Get(tid), m.tasks.Find(tid)
	if n != nil && n.task == task {
		return n.use
	}
	if n == nil {
		n = &measured{}
		m.now.Set(tid, n)
	}
	n.task, n.use = task, nil
	if task != nil {
		n.use = m.p.of(threadID{tid, task.Start})
	} else if m.p.Recording.Filter == "" {
		n.use = m.p.of(threadID{tid, 0})
	}
	return n.use
}

// sum divides what sums grew by. A row that says how a thread is belongs to a
// reading, one that it ended to its own time.
func (m *measurePass) sum(e replay.Event) {
	l := m.ledger
	if l == nil {
		return
	}
	t := l.thread(e)
	was := t.past
	was.add(t.last)
	l.event(e)
	grown := t.past
	grown.add(t.last)
	grown.subtract(was)
	u := m.p.of(threadID{e.TID(), e.Int(l.start)})
	at := e.Time()
	if !l.ended(e) {
		at = m.p.reading(at)
	}
	i := m.p.Steps.at(at)
	if u == nil || i < 0 {
		return
	}
	part := u.part(i)
	part[CPUTime] += grown.cpuTime
	part[RunQueue] += grown.runQueue
	part[Switches] += grown.voluntary + grown.involuntary
	part[Involuntary] += grown.involuntary
}

// reading is the reading of sums that is nearest to an instant; 0: there is none.
// Rows of a reading come within some milliseconds of it, on either side.
func (p *Profile) reading(t int64) int64 {
	i, _ := slices.BinarySearch(p.readings, t)
	switch n := len(p.readings); {
	case n == 0:
		return 0
	case i == n || i > 0 && t-p.readings[i-1] < p.readings[i]-t:
		return p.readings[i-1]
	}
	return p.readings[i]
}
