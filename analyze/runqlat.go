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
	}, identity()...),
	Sort: "total_ns",
	By:   []string{"process", "thread", "comm", "cpu"},
	Columns: []ColumnSpec{
		{Name: "pid", Some: true, Doc: "process id; none where rows are not of one process"},
		{Name: "tid", Some: true, Doc: "thread id; none where rows are not of one thread"},
		{Name: "comm", Text: true, Doc: "last name of the process's first thread, or of the thread; CPU N for a CPU, all for everything"},
		{Name: "waits", Unit: unitCount, Doc: "times on a CPU that ended within the recording, each with the wait before it, which may be 0; the first on each CPU is left out, because its wait is not known; of a wait in which the thread was moved to another CPU only the part after the last move counts"},
		{Name: "total_ns", Unit: unitNS, Doc: "sum of the waits"},
		{Name: "average_ns", Unit: unitNS, Doc: "total_ns by waits, rounded down"},
		{Name: "p50_ns", Unit: unitNS, Doc: "median wait (nearest rank)"},
		{Name: "p90_ns", Unit: unitNS, Doc: "90th percentile (nearest rank)"},
		{Name: "p99_ns", Unit: unitNS, Doc: "99th percentile (nearest rank)"},
		{Name: "max_ns", Unit: unitNS, Doc: "longest wait"},
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
	{Name: "before_comm", Text: true, Doc: "its name"},
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
	total    uint64
	latencies
}

func (w *waits) add(ns uint64) {
	w.total += ns
	w.latencies.add(ns)
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
	all      waits
	by       map[waitKey]*waits
	log2     [65]uint64 // waits by the length of their binary number
	worst    []worstWait
	broken   int
}

// worstWait is one of the longest.
type worstWait struct {
	stay
	comm       string
	beforeComm Value // nil: a filter left it out
}

func newRunqLat(env *Env) Pass {
	p := &runqPass{env: env, tasks: replay.NewTasks(env.Capture), timeline: newTimeline(env.Capture), by: map[waitKey]*waits{}}
	_ = p.tasks.Preload(env.Capture) // what cannot be read ends the pass itself
	return p
}

// Begin forgets the waits that ended before the window.
func (p *runqPass) Begin() {
	p.all, p.by, p.log2, p.worst, p.broken = waits{}, map[waitKey]*waits{}, [65]uint64{}, nil, 0
}

func (p *runqPass) Event(e replay.Event) error {
	if e.Kind().Name != "sched_switch" {
		p.tasks.Update(e)
		return nil
	}
	s := p.timeline.stay(e)
	broken := s.broken(p.tasks)
	p.broken += boolInt(broken)
	if s.tid == 0 || !s.waitKnown || broken || p.stranger(s.tid) {
		return nil
	}
	p.all.add(s.wait)
	p.log2[bitLength(s.wait)]++
	p.row(&s).add(s.wait)
	p.keep(&s)
	return nil
}

// stranger tells whether a filter left a thread out: only its number is there.
func (p *runqPass) stranger(tid uint32) bool {
	_, ok := p.tasks.Lookup(tid)
	return !ok && p.env.Recording.Filter != ""
}

// row is where a wait is counted.
func (p *runqPass) row(s *stay) *waits {
	task, _ := p.tasks.Lookup(s.tid)
	var k waitKey
	switch p.env.Options.By {
	case "thread":
		k = waitKey{pid: task.PID, tid: s.tid, start: task.Start}
	case "comm":
		k.name = leaderOf(p.tasks, task).Comm
	case "cpu":
		k.name = "CPU " + strconv.Itoa(s.cpu)
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
	if w == nil {
		w = &waits{pid: k.pid, tid: k.tid, comm: k.name}
		p.by[k] = w
	}
	if k.name == "" {
		w.comm = task.Comm
		if k.tid == 0 {
			w.comm = leaderOf(p.tasks, task).Comm
		}
	}
	return w
}

// keep keeps a wait when it is among the longest, longest first.
func (p *runqPass) keep(s *stay) {
	if len(p.worst) == worstWaits && s.wait <= p.worst[worstWaits-1].wait {
		return
	}
	task, _ := p.tasks.Lookup(s.tid)
	before, _ := p.tasks.Lookup(s.before)
	w := worstWait{stay: *s, comm: task.Comm}
	switch {
	case s.before == 0:
		w.beforeComm = "idle"
	case before.TID != 0:
		w.beforeComm = before.Comm
	}
	i, _ := slices.BinarySearchFunc(p.worst, s.wait, func(x worstWait, wait uint64) int { return cmp.Compare(wait, x.wait) })
	for i < len(p.worst) && p.worst[i].wait == s.wait { // the first of equals stays first
		i++
	}
	p.worst = slices.Insert(p.worst, i, w)
	p.worst = p.worst[:min(len(p.worst), worstWaits)]
}

// Tables are the rows asked for with everything first, the histogram and the
// longest waits.
func (p *runqPass) Tables() []Table {
	p.all.comm = "all"
	everything := Table{Title: "Everything", Columns: runqlat.Columns, Rows: [][]Value{p.all.row()}}
	t := Table{Title: titleBy(p.env.Options.By), Columns: runqlat.Columns}
	folded := p.all.folded()
	for _, k := range slices.SortedFunc(maps.Keys(p.by), compareWaitKeys) {
		w := p.by[k]
		folded = folded || w.folded()
		t.Rows = append(t.Rows, w.row())
	}
	if folded {
		t.Notes = append(t.Notes, fmt.Sprintf("Rows of more than %d waits have percentiles that are true within 0.4%%; all other figures are exact.", exactLimit))
	}
	if p.broken > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("Switches are missing in %d places; waits that ended there are left out.", p.broken))
	}
	return []Table{everything, t, p.histogram(), p.longest()}
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
		average = w.total / w.count
	}
	return []Value{pid, tid, w.comm, w.count, w.total, average, w.percentile(50), w.percentile(90), w.percentile(99), w.max()}
}

// histogram has a row for each power of two between the shortest wait and the
// longest.
func (p *runqPass) histogram() Table {
	t := Table{Title: "Waits by length", Columns: histogramColumns, Own: true}
	first, last, most := -1, -1, uint64(0)
	for i, n := range p.log2 {
		if n == 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		last, most = i, max(most, n)
	}
	for i := max(first, 0); i <= last; i++ {
		from, to := uint64(0), uint64(1)
		if i > 0 {
			from, to = 1<<(i-1), 1<<min(i, 63)
		}
		if p.log2[i] == 0 && len(t.Rows) == 1 { // those between 0 and the least that is more
			continue
		}
		t.Rows = append(t.Rows, []Value{from, to, p.log2[i], bar(p.log2[i], most)})
	}
	return t
}

func (p *runqPass) longest() Table {
	t := Table{Title: "Longest waits", Columns: worstColumns, Own: true}
	for _, w := range p.worst {
		t.Rows = append(t.Rows, []Value{w.from, w.wait, uint64(w.tid), w.comm, uint64(w.cpu), uint64(w.before), w.beforeComm})
	}
	return t
}
