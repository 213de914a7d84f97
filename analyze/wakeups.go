// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var wakeups = Analysis{
	Name: "wakeups",
	Doc:  "Who wakes whom: how often, and how long the woken waited until they were on a CPU",
	Needs: append([]Need{
		{Kind: "sched_waking", Columns: wakingColumns, Source: "wakeups"},
		{Kind: "sched_switch", Columns: switchColumns, Source: "sched", Optional: true},
	}, identity()...),
	Sort: "wakeups",
	By:   []string{"process", "thread", "comm"},
	Columns: []ColumnSpec{
		{Name: "pid", Some: true, Doc: "process of the waker: of the thread that was on the CPU, which an interrupt may have used; none for idle CPUs, and where rows are of names"},
		{Name: "tid", Some: true, Doc: "thread of the waker, where rows are of threads"},
		{Name: "comm", Text: true, Doc: "last name of the waker's first thread, or of the thread; idle for interrupts on idle CPUs"},
		{Name: "woken_pid", Some: true, Doc: "process that was woken"},
		{Name: "woken_tid", Some: true, Doc: "thread that was woken, where rows are of threads"},
		{Name: "woken_comm", Text: true, Doc: "its name"},
		{Name: "wakeups", Unit: unitCount, Doc: "how often"},
		{Name: "measured", Unit: unitCount, Doc: "those of them after which the woken came onto a CPU within the recording, so that there is a latency; those of threads that were still in a run queue, preempted on their way to sleep, have none; none without the source sched"},
		{Name: "latency_average_ns", Unit: unitNS, Doc: "from the wakeup to being on a CPU: average, rounded down"},
		{Name: "latency_p50_ns", Unit: unitNS, Doc: "median latency (nearest rank)"},
		{Name: "latency_p99_ns", Unit: unitNS, Doc: "99th percentile of latencies (nearest rank)"},
		{Name: "latency_max_ns", Unit: unitNS, Doc: "longest latency"},
	},
	New: newWakeups,
}

// edge is who wakes whom: one of the rows.
type edge struct{ waker, woken waitKey }

// wakes are those of an edge.
type wakes struct {
	from, to string   // names
	waker    threadID // whose last names those are; none: nobody's
	woken    threadID
	count    uint64
	waits
}

// pending is a wakeup whose thread is not on a CPU yet.
type pending struct {
	at int64
	by *wakes
}

type wakeupsPass struct {
	env     *Env
	tasks   *replay.Tasks
	names   lastNames
	edges   map[edge]*wakes
	pending map[uint32]pending // by tid of the woken
	queued  map[uint32]bool    // threads that left their CPU while runnable

	woken, next, preempted format.Col
}

func newWakeups(env *Env) Pass {
	p := &wakeupsPass{
		env: env, tasks: replay.NewTasks(env.Capture), names: lastNames{}, edges: map[edge]*wakes{}, pending: map[uint32]pending{}, queued: map[uint32]bool{},
		woken: env.Capture.Col("woken_tid"), next: env.Capture.Col("next_tid"), preempted: env.Capture.Col("preempted"),
	}
	_ = p.tasks.Preload(env.Capture) // what cannot be read ends the pass itself
	return p
}

// Begin forgets the wakeups before the window.
func (p *wakeupsPass) Begin() {
	p.edges, p.pending = map[edge]*wakes{}, map[uint32]pending{}
}

func (p *wakeupsPass) Event(e replay.Event) error {
	switch e.Kind().Name {
	case "sched_waking":
		p.wake(e)
	case "sched_switch":
		next := uint32(e.Uint(p.next))
		if w, ok := p.pending[next]; ok {
			w.by.add(uint64(e.Time() - w.at))
			delete(p.pending, next)
		}
		delete(p.queued, next)
		// Who leaves a CPU was on one. A wakeup of then is of the sleep that it
		// falls into, and kept it awake if it does not.
		if e.Uint(p.preempted) != 0 {
			delete(p.pending, e.TID())
			p.queued[e.TID()] = true
		} else { // also of a thread that came unseen
			delete(p.queued, e.TID())
		}
	default:
		p.tasks.Update(e)
		p.names.update(p.tasks, e.TID())
	}
	return nil
}

func (p *wakeupsPass) wake(e replay.Event) {
	woken := uint32(e.Uint(p.woken))
	from, waker := p.key(e.TID())
	to, whom := p.key(woken)
	k := edge{from, to}
	w := p.edges[k]
	if w == nil {
		w = &wakes{}
		p.edges[k] = w
	}
	w.waker, w.woken = waker, whom
	w.count++
	if !p.queued[woken] { // who waits already does not from now on
		p.pending[woken] = pending{e.Time(), w}
	}
}

// key is the row of a thread, and whose name that has. Rows of names are those of
// processes, which are put together in the end: a name may change.
func (p *wakeupsPass) key(tid uint32) (waitKey, threadID) {
	if tid == 0 {
		return waitKey{name: "idle"}, threadID{}
	}
	task, known := p.tasks.Lookup(tid)
	if !known {
		return waitKey{tid: tid}, threadID{}
	}
	if p.env.Options.By == "thread" {
		return waitKey{pid: task.PID, tid: tid, start: task.Start}, p.names.keep(task)
	}
	leader := leaderOf(p.tasks, task)
	return waitKey{pid: task.PID, start: leader.Start}, p.names.keep(leader)
}

// name gives rows their names, and puts those of the same names together where
// rows are of names.
func (p *wakeupsPass) name() {
	named := map[edge]*wakes{}
	for _, k := range slices.SortedFunc(maps.Keys(p.edges), compareEdges) {
		w := p.edges[k]
		w.from, w.to = p.named(&k.waker, w.waker), p.named(&k.woken, w.woken)
		if of := named[k]; of == nil {
			named[k] = w
		} else {
			of.count += w.count
			of.merge(&w.latencies)
		}
	}
	p.edges = named
}

// named is the name of a thread, which its key has where rows are of names.
func (p *wakeupsPass) named(k *waitKey, who threadID) string {
	if who == (threadID{}) {
		return k.name
	}
	name := p.names[who]
	if p.env.Options.By == "comm" {
		*k = waitKey{name: name}
	}
	return name
}

// Tables is one table.
func (p *wakeupsPass) Tables() []Table {
	t := Table{Title: "Wakeups", Columns: wakeups.Columns}
	folded := false
	p.name()
	for _, k := range slices.SortedFunc(maps.Keys(p.edges), compareEdges) {
		w := p.edges[k]
		folded = folded || w.folded()
		t.Rows = append(t.Rows, w.values(k))
	}
	t.Notes = []string{"A wakeup by an interrupt counts for the thread that it interrupted."}
	if folded {
		t.Notes = append(t.Notes, foldedNote("latencies"))
	}
	if p.env.Missing("sched_switch") {
		t.Notes = append(t.Notes, "There are no latencies, because switches were not recorded: ebrec record -e sched,wakeups")
	}
	return []Table{t}
}

func compareEdges(a, b edge) int {
	return cmp.Or(compareWaitKeys(a.waker, b.waker), compareWaitKeys(a.woken, b.woken))
}

func (w *wakes) values(k edge) []Value {
	some := func(n uint32) Value {
		if n == 0 {
			return nil
		}
		return uint64(n)
	}
	named := func(name string) Value {
		if name == "" {
			return nil
		}
		return name
	}
	row := []Value{some(k.waker.pid), some(k.waker.tid), named(w.from), some(k.woken.pid), some(k.woken.tid), named(w.to), w.count, nil, nil, nil, nil, nil}
	if w.waits.count > 0 {
		copy(row[7:], []Value{w.waits.count, w.waits.average(), w.percentile(50), w.percentile(99), w.max()})
	}
	return row
}
