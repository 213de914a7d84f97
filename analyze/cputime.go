// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var cputime = Analysis{
	Name: "cputime",
	Doc:  "CPU time by process: what it used, what it waited for a CPU, and how often it was switched",
	Needs: append([]Need{
		{Kind: "task_sum", Columns: taskSumColumns, Newer: newTaskSumColumns, Source: "cpu"},
		{Kind: "cpu_sum", Columns: []string{"idle_ns"}, Newer: []string{"unseen_ns"}, Source: "cpu"},
		{Kind: "cgroup_path", Columns: []string{"cgroup_id", "cgroup", "container"}, Source: "recording", Optional: true},
	}, identity()...),
	By:   []string{"process", "thread", "comm", "cgroup", "container", "cpu"},
	Sort: "on_cpu_ns",
	Sums: true,
	Exact: []Need{
		{Kind: "sched_switch", Columns: switchColumns, Source: "sched"},
		{Kind: "sched_waking", Columns: wakingColumns, Source: "wakeups", Optional: true},
	},
	Picks: true,
	Columns: []ColumnSpec{
		{Name: "pid", Some: true, Doc: "process id; with the start of the process it identifies the row, so one pid may have several; 0 for a CPU's idle task; none where rows are of more than a process"},
		{Name: "tid", Some: true, Doc: "thread id, where rows are of threads"},
		{Name: "comm", Text: true, Doc: "last name of the process's first thread, or of the thread; the cgroup, container or CPU where rows are of those; idle/N for the idle task of CPU N, unseen/N for its time that nobody is known to have had, because switches went unseen"},
		{Name: "threads", Unit: unitCount, Doc: "threads of the process that were seen within the recording, ended ones included"},
		{Name: "cpu_time_ns", Unit: unitNS, Doc: "CPU time by the kernel's task clock within the recording, what getrusage reports; 0 for idle; of a span of time that is measured by switches it is on_cpu_ns, brought within the bounds"},
		{Name: "cpu_time_min_ns", Unit: unitNS, Unlike: "cpu_time_ns", Doc: "the CPU time is this at least: the same as cpu_time_ns where that is exact. In a span measured by switches the task clock is known when sums were read, before and after its ends"},
		{Name: "cpu_time_max_ns", Unit: unitNS, Unlike: "cpu_time_ns", Doc: "and this at most. Where switches went unseen, a thread may have had more before it was first seen, and a process with a thread that was never seen all the time that nobody is known to have had. Where sums are missing (lost, or the capture is cut short), any process may have had all the time that nobody is known to have had, a quarter more, and what the task clocks of all differ from the wall clock by"},
		{Name: "on_cpu_ns", Unit: unitNS, Doc: "wall time on a CPU, from switch to switch; differs from cpu_time_ns by time stolen by the host and spent in interrupts; with idle and unseen it adds up to CPUs x recorded time. Where a switch went unseen it is what the task clock tells. None for CPUs and their idle tasks in a span that is measured by switches of a capture with a filter"},
		{Name: "cpu_percent", Unit: unitPercent, Doc: "cpu_time_ns as a share of one CPU over the recorded time; of CPUs on_cpu_ns"},
		{Name: "run_queue_ns", Unit: unitNS, Doc: "time spent runnable in a run queue; waits that ended within the recording; a thread that a CPU quota of its cgroup holds back counts as waiting"},
		{Name: "switches", Unit: unitCount, Doc: "times it left a CPU, voluntary and involuntary"},
		{Name: "voluntary", Unit: unitCount, Doc: "switches by its own will: it went to sleep or ended"},
		{Name: "involuntary", Unit: unitCount, Doc: "switches while runnable: preempted or yielding"},
		{Name: "migrations", Unit: unitCount, Doc: "moves to another CPU; in a span measured by switches only those after which it ran there"},
		{Name: "class", Text: true, Doc: "user, kernel (a kernel thread), idle, unseen or cpu"},
	},
	Also:   []Table{{Title: "CPU time over time", Columns: seriesColumns}},
	Series: true,
	New:    newCPUTime,
}

type cpuTimePass struct {
	env    *Env
	ledger *ledger
	idle   cpuTimes
	unseen cpuTimes // that nobody is known to have had
	groups *groups
	series *series // nil: it was not asked for

	idleUnknown bool // all but which CPUs there are

	idleNS, unseenNS format.Col
}

// cpuTimes are times of CPUs since the recording began, as they were read last
// and as they were when the window began.
type cpuTimes struct{ now, before map[int]uint64 }

func newCPUTimes() cpuTimes { return cpuTimes{map[int]uint64{}, map[int]uint64{}} }

// set takes a reading; they are cumulative.
func (t *cpuTimes) set(cpu int, ns uint64, before bool) {
	if t.now[cpu] = ns; before {
		t.before[cpu] = ns
	}
}

// of is a CPU's time within the window.
func (t *cpuTimes) of(cpu int) uint64 { return t.now[cpu] - min(t.now[cpu], t.before[cpu]) }

// sum is that of all CPUs.
func (t *cpuTimes) sum() (ns uint64) {
	for cpu := range t.now {
		ns += t.of(cpu)
	}
	return ns
}

func newCPUTime(env *Env) Pass {
	p := &cpuTimePass{env: env, ledger: newLedger(env.Capture), idle: newCPUTimes(), unseen: newCPUTimes(),
		groups: newGroups(env), idleNS: env.Capture.Col("idle_ns"), unseenNS: env.Capture.Col("unseen_ns")}
	p.ledger.divided = p.groups.divides()
	if d := env.Options.Interval; d > 0 {
		p.series = newSeries(max(env.Capture.Meta().Start.UnixNano(), env.window.from), d)
	}
	if env.exact {
		return newExactCPUTime(p)
	}
	return p
}

func (p *cpuTimePass) Event(e replay.Event) error {
	kind := e.Kind().Name
	before, outside := p.env.sums.part(e.Time(), kind == "task_sum" && p.ledger.ended(e))
	switch {
	case kind == "cgroup_path":
		p.groups.event(e)
	case outside:
	case kind == "cpu_sum":
		p.own(e.CPU(), e.Uint(p.idleNS), e.Uint(p.unseenNS), before)
	default:
		p.sum(e, kind, before)
	}
	return p.seriesError()
}

// own takes a CPU's time that is no thread's. What a reading gave to the idle task may turn
// out later to be nobody's, and was nobody's before that reading.
func (p *cpuTimePass) own(cpu int, idle, unseen uint64, before bool) {
	p.idle.set(cpu, idle, before)
	if was := p.idle.before[cpu]; idle < was {
		unseen -= min(unseen, was-idle)
	}
	p.unseen.set(cpu, unseen, before)
}

// sum takes a row of the ledger.
func (p *cpuTimePass) sum(e replay.Event, kind string, before bool) {
	if kind != "task_sum" {
		p.ledger.event(e)
		return
	}
	p.ledger.event(e)
	if before {
		p.ledger.thread(e).rebase()
	} else if p.series != nil {
		for _, g := range p.ledger.grown {
			p.series.at(g.thread, e.Time(), g.used.onCPU)
		}
	}
}

func (p *cpuTimePass) seriesError() error {
	if p.series == nil {
		return nil
	}
	return p.series.err
}

// Begin forgets who ended before the window.
func (p *cpuTimePass) Begin() {
	p.ledger.bury()
	p.ledger.settleIn(p.env.window.from)
}

// Tables are the user processes, the kernel threads and the idle tasks.
func (p *cpuTimePass) Tables() []Table { return p.tables() }

func (p *cpuTimePass) tables() []Table {
	if p.seriesError() != nil {
		return nil
	}
	if p.series != nil {
		t := p.series.table(p)
		if t.Notes = p.notes(0)[:1]; !p.env.exact {
			t.Notes = append(t.Notes, "There are not all switches: what was used between two readings of the sums, about a second, counts for the interval of the second.")
		}
		return []Table{t}
	}
	tables := []Table{
		{Title: titleBy(p.env.Options.By), Columns: cputime.Columns},
		{Title: "Kernel threads", Columns: cputime.Columns},
		{Title: "Idle", Columns: cputime.Columns},
	}
	all := p.groups.of(p.ledger)
	total := p.total(all)
	open := p.open(total, all)
	if p.env.Options.By == "cpu" {
		tables[0].Rows, all = p.cpuRows(), nil
	}
	for _, id := range slices.SortedFunc(maps.Keys(all), compareGroups) {
		q := all[id]
		if !q.ran && open.any == 0 {
			continue
		}
		if !p.env.exact {
			q.bound(open)
		}
		t := &tables[boolInt(q.leader.Kernel)]
		t.Rows = append(t.Rows, p.row(id, q))
	}
	for _, cpu := range slices.Sorted(maps.Keys(p.idle.now)) {
		tables[2].Rows = append(tables[2].Rows, p.ownRow(cpu, "idle", p.idle.of(cpu)))
		if ns := p.unseen.of(cpu); ns > 0 {
			tables[2].Rows = append(tables[2].Rows, p.ownRow(cpu, "unseen", ns))
		}
	}
	tables[0].Notes = p.notes(total)
	return tables
}

// total is the time of all CPUs that somebody is known to have had.
func (p *cpuTimePass) total(all map[groupID]*process) (ns uint64) {
	for _, q := range all {
		ns += q.used.onCPU
	}
	return ns + p.idle.sum()
}

// wall is the time of all CPUs; 0: not known, because a filter leaves some out.
func (p *cpuTimePass) wall() uint64 {
	r := p.env.Recording
	if r.Filter != "" || r.CPUs <= 0 {
		return 0
	}
	return uint64(max(r.CPUs, len(p.idle.now))) * r.DurationNS // more may have gone online
}

// openTime is CPU time that processes may have had beyond their sums.
type openTime struct {
	any    uint64 // any process
	unseen uint64 // a process of which a thread was never seen to run
}

// of is that of one process.
func (o openTime) of(q *process) uint64 {
	open := o.any + q.used.unknown
	if q.unread {
		open += o.unseen
	}
	return open
}

// bound says between which bounds the CPU time is that sums tell.
func (q *process) bound(o openTime) {
	q.least = q.used.cpuTime - min(q.used.cpuTime, q.less)
	q.most = q.used.cpuTime + q.more + o.of(q)
}

// open finds it. Sums were lost, or not read to the end; of a whole recording none
// are missing. Task clocks differ from the wall clock, so what they are seen to
// differ by is open, too.
func (p *cpuTimePass) open(total uint64, all map[groupID]*process) openTime {
	r := p.env.Recording
	open := openTime{unseen: p.unseen.sum()}
	lost := slices.ContainsFunc(p.env.losses(), func(l Loss) bool {
		return l.Source == "cpu" && l.Reason != "ring_full" && !l.Unseen()
	})
	wall := p.wall()
	if wall == 0 {
		wall = uint64(max(r.CPUs, len(p.idle.now))) * r.DurationNS
	}
	missing := wall - min(wall, total+open.unseen)
	if missing == 0 || !lost && r.Complete && !(p.env.asked.open() && p.wall() != 0) {
		return open
	}
	open.any = missing + missing/4
	for _, q := range all {
		open.any += uint64(abs(int64(q.used.cpuTime - q.used.onCPU)))
	}
	return open
}

// cpuRows are what each CPU did for somebody. Whose switches they were is not
// asked, nor what of the time was CPU time.
func (p *cpuTimePass) cpuRows() (rows [][]Value) {
	for _, cpu := range slices.Sorted(maps.Keys(p.idle.now)) {
		var busy, percent Value
		if ns := p.env.Recording.DurationNS - min(p.env.Recording.DurationNS, p.idle.of(cpu)+p.unseen.of(cpu)); !p.idleUnknown {
			busy, percent = ns, p.percent(ns)
		}
		rows = append(rows, []Value{nil, nil, "CPU " + strconv.Itoa(cpu), nil, nil, nil, nil, busy, percent, nil, nil, nil, nil, nil, "cpu"})
	}
	return rows
}

func compareProcesses(a, b processID) int {
	return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.start, b.start))
}

func (p *cpuTimePass) row(id groupID, q *process) []Value {
	u := &q.used
	class := "user"
	if q.leader.Kernel {
		class = "kernel"
	}
	var pid, tid Value
	comm := name(q)
	switch {
	case id.name != "":
		comm = id.name
	case id.tid != 0:
		tid = uint64(id.tid)
		fallthrough
	default:
		pid = uint64(id.pid)
	}
	return []Value{
		pid, tid, comm, uint64(q.threads), u.cpuTime, q.least, q.most, u.onCPU, p.percent(u.cpuTime), u.runQueue,
		u.voluntary + u.involuntary, u.voluntary, u.involuntary, u.migrations, class,
	}
}

// name is nil for a process that no row introduced.
func name(q *process) Value {
	if !q.named {
		return nil
	}
	return q.leader.Comm
}

// ownRow is of a CPU's time that is no thread's: there are no switches in it.
func (p *cpuTimePass) ownRow(cpu int, class string, ns uint64) []Value {
	var onCPU Value = ns
	if p.idleUnknown {
		onCPU = nil
	}
	return []Value{
		uint64(0), nil, class + "/" + strconv.Itoa(cpu), nil, uint64(0), uint64(0), uint64(0), onCPU, nil, nil,
		nil, nil, nil, nil, class,
	}
}

// percent has three decimals.
func (p *cpuTimePass) percent(ns uint64) Value {
	d := p.env.Recording.DurationNS
	if d == 0 {
		return nil
	}
	return share(ns, d)
}

func (p *cpuTimePass) notes(total uint64) []string {
	r := p.env.Recording
	notes := []string{"Processes that did not run within the recording are left out."}
	notes = append(notes, p.spanNotes()...)
	if p.groups.divides() {
		notes = append(notes, quotaNote)
	}
	if p.ledger.moves > 0 {
		notes = append(notes, "Threads moved among cgroups: the time of each is divided at the moves. Where its sums were not read then, the bounds of the CPU time say how far it may be off.")
	}
	if p.wall() == 0 {
		return notes
	}
	if unseen := p.unseen.sum(); unseen > 0 {
		notes = append(notes, fmt.Sprintf("Switches went unseen: nobody is known to have had %s of CPU time, %.3f%% of all.", duration(unseen), float64(unseen)/float64(p.wall())*100))
		total += unseen
	}
	return append(notes, fmt.Sprintf("Time on a CPU with idle adds up to %s, %.3f%% of %d CPUs x %s.",
		duration(total), float64(total)/float64(p.wall())*100, max(r.CPUs, len(p.idle.now)), duration(r.DurationNS)))
}

// spanNotes say where the span begins and ends that was measured.
func (p *cpuTimePass) spanNotes() (notes []string) {
	if p.env.exact {
		notes = append(notes, "The span is measured by its switches, to the nanosecond; waits are those for times on a CPU that began and ended in it.")
	}
	if p.env.sums != nil {
		notes = append(notes, "The span begins and ends where sums were read, about once a second; reading them takes a while, by which it is blurred.")
	}
	return notes
}
