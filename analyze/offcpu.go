// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var offcpu = Analysis{
	Name: "offcpu",
	Doc:  "Where threads' wall time went: on a CPU, waiting for one, asleep, and who took the CPU from them",
	Needs: append([]Need{
		{Kind: "sched_switch", Columns: append(slices.Clip(switchColumns), "prev_state"), Source: "sched"},
		{Kind: "sched_waking", Columns: wakingColumns, Source: "wakeups", Optional: true},
	}, identity()...),
	Sort: "runnable_ns",
	By:   []string{"process", "thread"},
	Columns: []ColumnSpec{
		{Name: "pid", Doc: "process id"},
		{Name: "tid", Some: true, Doc: "thread id; none where rows are of processes"},
		{Name: "comm", Text: true, Doc: "last name of the process's first thread, or of the thread"},
		{Name: "threads", Unit: unitCount, Doc: "threads of the row that left a CPU, or are on one"},
		{Name: "wall_ns", Unit: unitNS, Doc: "time within the recording from a thread's start to its end, of all threads added up; it is what the seven columns behind it add up to"},
		{Name: "on_cpu_ns", Unit: unitNS, Doc: "on a CPU, from switch to switch"},
		{Name: "runnable_ns", Unit: unitNS, Doc: "waiting in a run queue: preempted, woken and not on a CPU yet, or held back by a CPU quota of its cgroup; in captures of formats before 1.2, or without the source cpu, of a wait after sleep in which the thread was moved to another CPU only the part after the last move, the rest counts as sleep"},
		{Name: "sleeping_ns", Unit: unitNS, Doc: "asleep until something happens (states S and I)"},
		{Name: "uninterruptible_ns", Unit: unitNS, Doc: "asleep and not to be woken by signals: mostly waiting for disks (state D)"},
		{Name: "stopped_ns", Unit: unitNS, Doc: "stopped by a signal or a debugger, or frozen with its cgroup or the machine (states T, t and F; before format 1.3 frozen threads count as runnable, asleep or uninterruptible)"},
		{Name: "other_ns", Unit: unitNS, Doc: "parked, or ended and not gone (states P, X and Z)"},
		{Name: "unknown_ns", Unit: unitNS, Doc: "off the CPU in a state that is older than the recording, or where switches are missing"},
		{Name: "voluntary", Unit: unitCount, Doc: "times it gave the CPU up: to sleep or to end"},
		{Name: "preempted", Unit: unitCount, Doc: "times it left a CPU while runnable"},
		{Name: "migrations", Unit: unitCount, Doc: "times it came onto another CPU than it was on last"},
		{Name: "preempter", Text: true, Doc: "name of the thread that most often came when it was preempted; idle is none"},
		{Name: "preempter_share", Unit: unitPercent, Doc: "share of the preemptions that was by threads of that name"},
	},
	New: newOffCPU,
}

// Places where wall time goes, in the order of the columns.
const (
	placeCPU = iota
	placeRunnable
	placeSleeping
	placeUninterruptible
	placeStopped
	placeOther
	placeUnknown
	places
)

// placeOf is where a thread is that left a CPU in a state.
func placeOf(state string) int {
	switch state {
	case "R":
		return placeRunnable
	case "S", "I":
		return placeSleeping
	case "D":
		return placeUninterruptible
	case "T", "t", "F":
		return placeStopped
	case "X", "Z", "P":
		return placeOther
	}
	return placeUnknown
}

// whereabouts is where the time of one thread went.
type whereabouts struct {
	task       replay.Task
	leader     threadID // the first thread of its process
	spent      [places]int64
	upTo       int64 // time is given to places up to here
	place      int   // since then, but for the wait at its end
	cpu        int   // last; -1: none yet
	left       int64 // when it was last seen to leave a CPU
	ran        bool
	ended      bool
	until      int64 // when its process left those recorded; 0: it did not
	voluntary  uint64
	preempted  uint64
	migrations uint64
	by         map[string]uint64 // preemptions by name
}

type offCPUPass struct {
	env      *Env
	tasks    *replay.Tasks
	names    lastNames // of first threads
	timeline *timeline
	state    format.Col
	threads  map[threadID]*whereabouts
	now      replay.ByNumber[whereabouts]
	from     int64 // of what counts
	broken   int
}

func newOffCPU(env *Env) Pass {
	tasks := replay.NewTasks(env.Capture)
	p := &offCPUPass{
		env: env, tasks: tasks, timeline: newTimeline(env.Capture, tasks), state: env.Capture.Col("prev_state"),
		names: lastNames{}, threads: map[threadID]*whereabouts{},
		from: env.Capture.Meta().Start.UnixNano(),
	}
	_ = p.tasks.Preload(env.Capture) // what cannot be read ends the pass itself
	p.tasks.All(p.know)
	return p
}

func (p *offCPUPass) Event(e replay.Event) error {
	switch e.Kind().Name {
	case "sched_switch":
		p.stay(p.timeline.stay(e), e)
	case "sched_waking":
		p.timeline.wake(e)
	default:
		p.tasks.Update(e)
		p.names.update(p.tasks, e.TID())
		p.meet(e)
	}
	return nil
}

// Switches takes switches that follow each other.
func (p *offCPUPass) Switches(r replay.Run) { p.timeline.stays(r, p.stay) }

func (p *offCPUPass) stay(s *stay, e replay.Event) {
	broken := s.broken
	p.broken += boolInt(broken)
	if broken && s.expected != 0 {
		if w := p.now.Get(s.expected); w != nil && w.left <= s.from { // it left unseen
			w.spend(w.place, s.from)
			w.spend(placeUnknown, s.to)
			w.place = placeUnknown
		}
	}
	if w := p.now.Get(s.tid); w != nil && s.tid != 0 && !s.away {
		w.stay(s, broken, e.Str(p.state), p.preempter(s))
		if first := p.now.Get(s.left); s.left != s.tid && first != nil { // it has its process's number now
			w.ended = true
			first.spend(first.place, s.to)
			first.leave(s, e.Str(p.state))
		}
	}
}

// meet learns of a thread, or its name.
func (p *offCPUPass) meet(e replay.Event) {
	if task, ok := p.tasks.Lookup(e.TID()); ok {
		p.know(task)
		if p.timeline.changes && task.TID == task.PID {
			p.follow(task)
		}
	}
}

// follow notes that a process left those recorded, or came back.
func (p *offCPUPass) follow(leader replay.Task) {
	for _, w := range p.threads {
		switch {
		case w.task.PID != leader.PID:
		case leader.Left > leader.Joined:
			w.until = leader.Left
		case w.until != 0:
			w.spend(w.place, w.until)
			w.upTo, w.place, w.until = max(w.upTo, leader.Joined), placeUnknown, 0
		}
	}
}

// know notes a thread.
func (p *offCPUPass) know(task replay.Task) {
	if task.TID == 0 {
		return
	}
	id := threadID{task.TID, task.Start}
	w := p.threads[id]
	if w == nil {
		w = &whereabouts{upTo: max(task.Start, p.from, leaderOf(p.tasks, task).Joined), place: placeUnknown, cpu: -1}
		if task.Start >= w.upTo { // a new thread waits for its first CPU
			w.place = placeRunnable
		}
		p.threads[id] = w
	}
	w.task = task
	p.lead(w)
	p.now.Set(task.TID, w)
}

// lead finds the first thread of a thread's process, which may be told of later
// than the thread.
func (p *offCPUPass) lead(w *whereabouts) {
	if w.leader.tid == w.task.PID {
		return
	}
	if leader := leaderOf(p.tasks, w.task); leader.Start <= w.task.Start {
		w.leader = p.names.keep(leader)
	}
}

// preempter is who came onto the CPU that a thread had to leave; empty: nobody.
func (p *offCPUPass) preempter(s *stay) string {
	if !s.preempted || s.next == 0 {
		return ""
	}
	if task := p.tasks.Find(s.next); task != nil {
		return task.Comm
	}
	return "?"
}

// spend gives the time up to an instant to a place.
func (w *whereabouts) spend(place int, until int64) {
	if w.until != 0 {
		until = min(until, w.until)
	}
	if until > w.upTo {
		w.spent[place] += until - w.upTo
		w.upTo = until
	}
}

// stay takes a time on a CPU, and the time off it before.
func (w *whereabouts) stay(s *stay, broken bool, state, preempter string) {
	w.ran = true
	if broken {
		w.spend(placeUnknown, s.to)
	} else {
		w.spend(w.place, s.from-int64(min(s.wait, uint64(s.from))))
		w.spend(placeRunnable, s.from)
		w.spend(placeCPU, s.to)
	}
	if w.cpu >= 0 && w.cpu != s.cpu {
		w.migrations++
	}
	w.leave(s, state)
	if s.parted {
		return
	}
	if !s.preempted {
		w.voluntary++
		return
	}
	w.preempted++
	if preempter == "" {
		return
	}
	if w.by == nil {
		w.by = map[string]uint64{}
	}
	w.by[preempter]++
}

// leave notes where a thread is when it has left a CPU.
func (w *whereabouts) leave(s *stay, state string) {
	w.left, w.cpu, w.place, w.ended = s.to, s.cpu, placeOf(state), state == "X"
	if s.preempted {
		w.place = placeRunnable
	}
}

// Begin forgets who ended before the window, and where time went until then.
func (p *offCPUPass) Begin() {
	p.from, p.broken = p.env.window.from, 0
	alive := map[threadID]bool{} // first threads of processes of which somebody lives: they may come again
	for _, w := range p.threads {
		alive[w.leader] = alive[w.leader] || !w.ended
	}
	maps.DeleteFunc(p.threads, func(id threadID, w *whereabouts) bool { return w.ended && !alive[id] })
	for _, w := range p.threads {
		*w = whereabouts{task: w.task, leader: w.leader, upTo: max(w.upTo, p.from), place: w.place, cpu: w.cpu, left: w.left, ended: w.ended, until: w.until}
	}
}

// end gives the rest of the recording to where threads are then.
func (p *offCPUPass) end() {
	until := p.env.Recording.End.UnixNano()
	var seats []*seat
	last := map[uint32]*seat{} // of each thread: from others it went unseen
	p.timeline.cpus.All(func(_ uint32, seat *seat) { seats = append(seats, seat) })
	slices.SortFunc(seats, func(a, b *seat) int { return cmp.Compare(a.since, b.since) })
	for _, seat := range seats {
		last[seat.tid] = seat
	}
	for _, seat := range seats {
		w := p.now.Get(seat.tid)
		if seat.tid == 0 || w == nil {
			continue
		}
		if w.ran = true; w.left > seat.since { // on another CPU, so it went from here unseen
			continue
		}
		w.spend(w.place, seat.since)
		w.place = placeUnknown
		if last[seat.tid] == seat {
			w.spend(placeCPU, until)
		}
	}
	for _, w := range p.threads {
		if !w.ended {
			w.spend(w.place, until)
		}
	}
}

// Tables is one table.
func (p *offCPUPass) Tables() []Table {
	p.end()
	t := Table{Title: titleBy(p.env.Options.By), Columns: offcpu.Columns}
	byThread := p.env.Options.By == "thread"
	rows := map[processID]*offCPURow{}
	for _, id := range slices.SortedFunc(maps.Keys(p.threads), compareThreads) {
		w := p.threads[id]
		if !w.ran {
			continue
		}
		if byThread {
			r := offCPURow{pid: w.task.PID, tid: w.task.TID, comm: w.task.Comm}
			r.add(w)
			t.Rows = append(t.Rows, r.values())
			continue
		}
		k, comm := processID{pid: w.task.PID}, w.task.Comm
		if p.lead(w); w.leader.tid == k.pid {
			k.start, comm = w.leader.start, p.names[w.leader]
		}
		if rows[k] == nil {
			rows[k] = &offCPURow{pid: k.pid, comm: comm}
		}
		rows[k].add(w)
	}
	for _, k := range slices.SortedFunc(maps.Keys(rows), compareProcesses) {
		t.Rows = append(t.Rows, rows[k].values())
	}
	t.Notes = p.notes()
	return []Table{t}
}

func (p *offCPUPass) notes() []string {
	notes := []string{
		"Threads that were not on a CPU within the recording are left out.",
		"A wait for a time on a CPU that has not ended with the recording counts as the sleep before it.",
	}
	if p.broken > 0 {
		notes = append(notes, fmt.Sprintf("Switches are missing in %d places; the time around them is unknown.", p.broken))
	}
	return notes
}

func compareThreads(a, b threadID) int {
	return cmp.Or(cmp.Compare(a.tid, b.tid), cmp.Compare(a.start, b.start))
}

// offCPURow adds threads up.
type offCPURow struct {
	pid, tid                         uint32
	comm                             string
	threads                          uint64
	spent                            [places]int64
	voluntary, preempted, migrations uint64
	by                               map[string]uint64
}

func (r *offCPURow) add(w *whereabouts) {
	r.threads++
	for i, ns := range w.spent {
		r.spent[i] += ns
	}
	r.voluntary += w.voluntary
	r.preempted += w.preempted
	r.migrations += w.migrations
	if r.by == nil {
		r.by = map[string]uint64{}
	}
	for name, n := range w.by {
		r.by[name] += n
	}
}

func (r *offCPURow) values() []Value {
	var tid Value
	if r.tid != 0 {
		tid = uint64(r.tid)
	}
	all := int64(0)
	for _, ns := range r.spent {
		all += ns
	}
	row := []Value{uint64(r.pid), tid, r.comm, r.threads, uint64(all)}
	for _, ns := range r.spent {
		row = append(row, uint64(ns))
	}
	row = append(row, r.voluntary, r.preempted, r.migrations)
	name, n := r.mostOften()
	if n == 0 {
		return append(row, nil, nil)
	}
	return append(row, name, share(n, r.preempted))
}

// mostOften is the name that preempted most, the first by alphabet of equals.
func (r *offCPURow) mostOften() (name string, n uint64) {
	for _, candidate := range slices.Sorted(maps.Keys(r.by)) {
		if r.by[candidate] > n {
			name, n = candidate, r.by[candidate]
		}
	}
	return name, n
}
