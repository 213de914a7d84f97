// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ebrec/ebrec/replay"
)

var runqlat = Analysis{
	Name: "runqlat",
	Doc:  "Run-queue latency: how long threads waited for a CPU before each time on one",
	Needs: append([]Need{
		{Kind: "sched_switch", Columns: switchColumns, Source: "sched"},
		{Kind: "sched_waking", Columns: wakingColumns, Source: "wakeups", Optional: true},
		{Kind: "cgroup_path", Columns: []string{"cgroup_id", "cgroup", "container"}, Source: "recording", Optional: true},
	}, identity()...),
	Sort: "total_ns",
	By:   []string{"process", "thread", "comm", "cpu", "cgroup"},
	Columns: []ColumnSpec{
		{Name: "pid", Some: true, Doc: "process id; none where rows are not of one process"},
		{Name: "tid", Some: true, Doc: "thread id; none where rows are not of one thread"},
		{Name: "comm", Text: true, Doc: "last name of the process's first thread, or of the thread; of a process whose first thread is not known the name of the thread that waited first; CPU N for a CPU, its path for a cgroup, all for everything"},
		{Name: "waits", Unit: unitCount, Doc: "times on a CPU that ended within the recording, each with the wait before it, which may be 0; the first on each CPU is left out, because its wait is not known; in captures of formats before 1.2, or without the source cpu, of a wait in which the thread was moved to another CPU only the part after the last move counts"},
		{Name: "total_ns", Unit: unitNS, Doc: "sum of the waits; a thread that a CPU quota of its cgroup holds back counts as waiting"},
		{Name: "average_ns", Unit: unitNS, Doc: "total_ns by waits, rounded down"},
		{Name: "p50_ns", Unit: unitNS, Doc: "median wait (nearest rank)"},
		{Name: "p90_ns", Unit: unitNS, Doc: "90th percentile (nearest rank)"},
		{Name: "p99_ns", Unit: unitNS, Doc: "99th percentile (nearest rank)"},
		{Name: "max_ns", Unit: unitNS, Doc: "longest wait; one of more than 2^32-1 ns (4.29 s) counts as that, here and in the sums of waits"},
	},
	Also: []Table{{Title: "Waits by length", Columns: histogramColumns}, {Title: "Longest waits", Columns: worstColumns}},
	New:  newRunqLat,
}

// worstColumns are those of the table of the longest waits.
var worstColumns = []ColumnSpec{
	{Name: "time", Unit: unitInstant, Doc: "when the wait ended: the thread came onto the CPU"},
	{Name: "wait_ns", Unit: unitNS, Doc: "how long it had waited in a run queue"},
	{Name: "tid", Some: true, Doc: "thread that waited"},
	{Name: "comm", Text: true, Doc: "its name"},
	{Name: "cpu", Doc: "CPU that it came onto"},
	{Name: "before_tid", Doc: "thread that was on the CPU until then; 0 for idle"},
	{Name: "before_comm", Text: true, Doc: "its name then"},
	{Name: "waker_tid", Some: true, Doc: "thread that woke it, or was interrupted by what did; 0 for an idle CPU; none when it had been preempted, or without the source wakeups"},
	{Name: "waker_comm", Text: true, Some: true, Doc: "its name then"},
}

// histogramColumns are those of the table of all waits by length.
var histogramColumns = []ColumnSpec{
	{Name: "from_ns", Unit: unitNS, Doc: "least wait that is counted here"},
	{Name: "to_ns", Unit: unitNS, Doc: "waits that are counted here are shorter"},
	{Name: "waits", Unit: unitCount, Doc: "how many"},
	{Name: "share", Text: true, Doc: "the same as a bar: the longest is of the most waits"},
}

// worstWaits is how many of the longest waits are kept.
const worstWaits = 10

// waits are those of one row.
type waits struct {
	pid, tid uint32
	comm     string
	who      threadID // whose last name that is; none: it is not one
	latencies
}

type waitKey struct {
	pid, tid uint32
	start    int64
	name     string
}

type runqPass struct {
	env      *Env
	tasks    *replay.Tasks
	timeline *timeline
	names    lastNames
	by       map[waitKey]*waits
	worst    []worstWait
	broken   int
	groups   *groups

	rows  replay.ByNumber[waitRow] // where waits of a thread are counted
	epoch int                      // rows of before are out of date
}

// waitRow is where waits of a thread are counted; nil: nowhere.
type waitRow struct {
	epoch int
	leads bool // others' rows may depend on this thread, the first of their process
	waits *waits
}

// worstWait is one of the longest.
type worstWait struct {
	stay
	comm             string
	beforeComm       Value // nil: a filter left it out
	waker, wakerComm Value // nil: nobody woke it
}

func (w *worstWait) size() uint64 { return w.wait }

func newRunqLat(env *Env) Pass {
	tasks := replay.NewTasks(env.Capture)
	p := &runqPass{env: env, tasks: tasks, timeline: newTimeline(env.Capture, tasks), names: lastNames{}, by: map[waitKey]*waits{}, groups: newGroups(env)}
	p.timeline.names = true
	_ = p.tasks.Preload(env.Capture) // what cannot be read ends the pass itself
	return p
}

// Begin forgets the waits that ended before the window.
func (p *runqPass) Begin() {
	p.by, p.worst, p.broken = map[waitKey]*waits{}, nil, 0
	p.epoch++
}

func (p *runqPass) Event(e replay.Event) error {
	switch e.Kind().Name {
	case "sched_switch":
		p.stay(p.timeline.stay(e), e)
	case "sched_waking":
		p.timeline.wake(e)
	case "cgroup_path":
		p.groups.event(e)
		p.epoch++
	default:
		p.tasks.Update(e)
		p.names.update(p.tasks, e.TID())
		p.forget(e.TID())
	}
	return nil
}

// forget finds out anew where waits of a thread are counted, of which something
// may have changed.
func (p *runqPass) forget(tid uint32) {
	r := p.rows.Get(tid)
	if r == nil {
		return
	}
	r.epoch = never
	if r.leads {
		p.epoch++
	}
}

// never is no epoch.
const never = -1

// Switches takes switches that follow each other.
func (p *runqPass) Switches(r replay.Run) { p.timeline.stays(r, p.stay) }

func (p *runqPass) stay(s *stay, _ replay.Event) {
	broken := s.broken
	p.broken += boolInt(broken)
	if s.tid == 0 || !s.waitKnown || broken || s.away || s.parted {
		return
	}
	row := p.rowOf(s)
	if row == nil {
		return
	}
	row.add(s.wait)
	p.keep(s)
}

// stranger tells whether a filter left a thread out: only its number is there.
func (p *runqPass) stranger(tid uint32) bool {
	_, ok := p.tasks.Lookup(tid)
	return !ok && p.env.Recording.Filter != ""
}

// rowOf is where a wait is counted; nil: nowhere, because a filter left the
// thread out.
func (p *runqPass) rowOf(s *stay) *waits {
	if p.env.Options.By == "cpu" {
		return p.row(s)
	}
	r := p.cached(s.tid)
	if r.epoch == p.epoch {
		return r.waits
	}
	r.epoch, r.waits = p.epoch, nil
	if task := p.tasks.Find(s.tid); task != nil && task.PID != task.TID {
		p.cached(task.PID).leads = true
	}
	if !p.stranger(s.tid) {
		r.waits = p.row(s)
	}
	return r.waits
}

// cached is what is remembered of a thread.
func (p *runqPass) cached(tid uint32) *waitRow {
	r := p.rows.Get(tid)
	if r == nil {
		r = &waitRow{epoch: never}
		p.rows.Set(tid, r)
	}
	return r
}

// row is where a wait is counted. Rows of names are those of processes, which are
// put together in the end: a name may change.
func (p *runqPass) row(s *stay) *waits {
	task, _ := p.tasks.Lookup(s.tid)
	var k waitKey
	switch p.env.Options.By {
	case "thread":
		k = waitKey{pid: task.PID, tid: s.tid, start: task.Start}
	case "cpu":
		k.name = "CPU " + strconv.Itoa(s.cpu)
	case "cgroup":
		k.name = p.groups.cgroup(p.tasks.Cgroup(task))
	default:
		k = waitKey{pid: task.PID}
		if leader, ok := p.tasks.Lookup(task.PID); ok {
			k.start = leader.Start
		}
		if task.PID == 0 { // never named
			k.tid = s.tid
		}
	}
	w := p.by[k]
	first := w == nil
	if first {
		w = &waits{pid: k.pid, tid: k.tid, comm: k.name}
		p.by[k] = w
	}
	switch {
	case k.name != "":
	case k.tid != 0:
		w.who = p.names.keep(task)
	default:
		if leader, ok := p.tasks.Lookup(task.PID); ok {
			w.who = p.names.keep(leader)
		} else if first { // of the threads whose first one nobody knows that which waited first
			w.comm = task.Comm
		}
	}
	return w
}

// keep keeps a wait when it is among the longest, longest first.
func (p *runqPass) keep(s *stay) {
	if !isLarge(p.worst, s.wait, worstWaits, (*worstWait).size) {
		return
	}
	task, _ := p.tasks.Lookup(s.tid)
	w := worstWait{stay: *s, comm: task.Comm}
	switch {
	case s.before == 0:
		w.beforeComm = "idle"
	case s.beforeTask != nil:
		w.beforeComm = s.beforeTask.Comm
	}
	if s.woken {
		w.waker, w.wakerComm = uint64(s.waker), "idle"
		if s.wakerTask != nil {
			w.wakerComm = s.wakerTask.Comm
		} else if s.waker != 0 {
			w.wakerComm = nil
		}
	}
	p.worst = keepLarge(p.worst, w, worstWaits, (*worstWait).size)
}

// Tables are the rows asked for with everything first, the histogram and the
// longest waits.
func (p *runqPass) Tables() []Table {
	t := Table{Title: titleBy(p.env.Options.By), Columns: runqlat.Columns}
	all := waits{comm: "all"}
	p.name()
	for _, k := range slices.SortedFunc(maps.Keys(p.by), compareWaitKeys) {
		w := p.by[k]
		all.merge(&w.latencies)
		t.Rows = append(t.Rows, w.row())
	}
	everything := Table{Title: "Everything", Columns: runqlat.Columns, Rows: [][]Value{all.row()}}
	if all.folded() {
		t.Notes = append(t.Notes, foldedNote("waits"))
	}
	if p.env.Options.By == "cgroup" {
		t.Notes = append(t.Notes, quotaNote)
	}
	t.Notes = append(t.Notes, p.brokenNotes()...)
	return []Table{everything, t, histogram("Waits by length", histogramColumns, &all.latencies), p.longest()}
}

// name gives rows their names, and puts those of one name together where rows are
// of names.
func (p *runqPass) name() {
	named := map[waitKey]*waits{}
	for _, k := range slices.SortedFunc(maps.Keys(p.by), compareWaitKeys) {
		w := p.by[k]
		if w.who != (threadID{}) {
			w.comm = p.names[w.who]
		}
		if of := named[waitKey{name: w.comm}]; of == nil {
			named[waitKey{name: w.comm}] = &waits{comm: w.comm, latencies: w.latencies}
		} else {
			of.merge(&w.latencies)
		}
	}
	if p.env.Options.By == "comm" {
		p.by = named
	}
}

// brokenNotes say where waits are not known.
func (p *runqPass) brokenNotes() []string {
	if p.broken == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Switches are missing in %d places; waits that ended there are left out.", p.broken)}
}

func compareWaitKeys(a, b waitKey) int {
	return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.start, b.start), cmp.Compare(a.tid, b.tid), cmp.Compare(a.name, b.name))
}

func (w *waits) row() []Value {
	var pid, tid, average Value
	if w.pid != 0 {
		pid = uint64(w.pid)
	}
	if w.tid != 0 {
		tid = uint64(w.tid)
	}
	if w.count > 0 {
		average = w.average()
	}
	return []Value{pid, tid, w.comm, w.count, w.sum, average, w.percentile(50), w.percentile(90), w.percentile(99), w.max()}
}

func (p *runqPass) longest() Table {
	t := Table{Title: "Longest waits", Columns: worstColumns, Own: true}
	for _, w := range p.worst {
		t.Rows = append(t.Rows, []Value{w.from, w.wait, uint64(w.tid), w.comm, uint64(w.cpu), uint64(w.before), w.beforeComm, w.waker, w.wakerComm})
	}
	return t
}
