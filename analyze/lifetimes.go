// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"maps"
	"math"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var lifetimes = Analysis{
	Name: "lifetimes",
	Doc:  "The life of every process: who started it, what it executed, how long it lived and how it ended",
	Needs: []Need{
		{Kind: "fork", Columns: identityColumns, Source: "process"},
		{Kind: "exec", Columns: append(slices.Clip(identityColumns), "filename"), Newer: []string{"cut"}, Source: "process"},
		{Kind: "exit", Columns: append(slices.Clip(identityColumns), "lifetime_ns", "total_cpu_ns", "exit_code", "signal"), Source: "process"},
		{Kind: "thread_start", Columns: identityColumns, Source: "process", Optional: true},
		{Kind: "thread_exit", Columns: append(slices.Clip(identityColumns), "lifetime_ns"), Source: "process", Optional: true},
		{Kind: "exec_args", Columns: []string{"args"}, Newer: []string{"cut"}, Source: "args", Optional: true},
		{Kind: "task", Columns: append(slices.Clip(identityColumns), "total_cpu_ns", "reason"), Source: "recording"},
		{Kind: "task_sum", Columns: taskSumColumns, Newer: newTaskSumColumns, Source: "cpu", Optional: true},
	},
	Sort:        "start",
	By:          []string{"process", "thread"},
	Lives:       true,
	MinDuration: true,
	Picks:       true,
	Columns: []ColumnSpec{
		{Name: "pid", Doc: "process id; with start it identifies the process, so one pid may have several rows"},
		{Name: "tid", Some: true, Doc: "thread id, where rows are of threads"},
		{Name: "ppid", Doc: "process id of the parent when the process was created, or when the recording began"},
		{Name: "new_ppid", Some: true, Doc: "process id of the parent at the last row of the process, when that is another: the first one had ended"},
		{Name: "comm", Text: true, Doc: "last name of the process's first thread, or of the thread"},
		{Name: "filename", Text: true, Doc: "file that it executed last within the recording; none when it only forked or is older" + cutDoc},
		{Name: "execs", Unit: unitCount, Some: true, Doc: "files that the process executed within the recording, one after the other; 0 when it executed none"},
		{Name: "args", Text: true, Some: true, Doc: "arguments of the last of them, quoted as a shell would need them; none unless recorded with --args"},
		{Name: "start", Unit: unitInstant, Doc: "when the process started"},
		{Name: "lifetime_ns", Unit: unitNS, Doc: "from start to exit; of a running process to the end of the recording, of one that left those recorded until then; of a row of a thread its own: an exec ends all threads of its process but the first"},
		{Name: "exit_code", Doc: "exit status, 0 to 255; 0 when a signal ended it; none while it runs or when it left, and of a process that was about to end when the recording began"},
		{Name: "signal", Doc: "signal that ended it, 0 for none; none where exit_code is"},
		{Name: "cpu_time_ns", Unit: unitNS, Doc: "CPU time by the kernel's task clock since the process started, all its threads (of a row of a thread: its own); of a process older than the recording without the threads that ended before; without the source cpu as of the exit, and it may miss the time since the last scheduler tick"},
		{Name: "state", Text: true, Doc: "exited, running (at the end of the recording) or left (it went to a cgroup that the filter leaves out, and nobody knows what it did then)"},
		{Name: "before", Unit: unitFlag, Doc: "1 when the process started before the recording"},
	},
	Also: []Table{
		{Title: "Short lives by parent", Columns: churnColumns("parent", "name of the first thread of the process that started them; ? when it is not known")},
		{Title: "Short lives by file", Columns: churnColumns("filename", "file that they executed last; none when they only forked")},
		{Title: "Process tree", Columns: treeColumns},
	},
	New: newLifetimes,
}

// life is what is known of one process.
type life struct {
	ppid      uint32
	last      uint32 // ppid of the last row
	comm      string
	parent    string // name of the parent when it was created
	filename  Value
	args      Value
	execs     uint64
	kernel    bool
	exited    bool
	left      bool // those recorded
	away      bool // it had when the window began
	untold    bool // how it ended is not
	lifetime  uint64
	exitCode  uint64
	signal    uint64
	exitTotal uint64 // CPU time by the exit row, ns
}

type lifetimesPass struct {
	env    *Env
	ledger *ledger
	lives  map[processID]*life
	ends   map[threadID]uint64   // lifetimes of threads that ended before their process
	execs  map[processID][]int64 // when: no other thread than the first outlives one
	args   execArgs

	start, ppid, comm, kernel, lifetime, exitCode, signal, total, reason format.Col
	filename, text                                                       bounded
}

func newLifetimes(env *Env) Pass {
	c := env.Capture
	ledger := newLedger(c)
	_ = ledger.tasks.Preload(c) // what cannot be read ends the pass itself
	return &lifetimesPass{
		env: env, ledger: ledger, lives: map[processID]*life{}, ends: map[threadID]uint64{}, execs: map[processID][]int64{}, args: newExecArgs(),
		start: c.Col("start"), ppid: c.Col("ppid"), comm: c.Col("comm"), kernel: c.Col("kernel_thread"),
		filename: newBounded(c, "exec", "filename", "cut"), lifetime: c.Col("lifetime_ns"), exitCode: c.Col("exit_code"),
		signal: c.Col("signal"), total: c.Col("total_cpu_ns"), text: newBounded(c, "exec_args", "args", "cut"), reason: c.Col("reason"),
	}
}

// Event follows processes by the rows of their first thread.
func (p *lifetimesPass) Event(e replay.Event) error {
	p.ledger.event(e)
	kind := e.Kind().Name
	switch {
	case kind == "exec_args":
		p.args.args(e, p.text.of(e))
		return nil
	case kind == "thread_exit":
		p.ends[threadID{e.TID(), e.Int(p.start)}] = e.Uint(p.lifetime)
		return nil
	case kind == "task_sum" || kind == "thread_start" || e.TID() != e.PID():
		return nil
	}
	l := p.life(e)
	l.comm, l.last, l.left, l.away = e.Str(p.comm), uint32(e.Uint(p.ppid)), false, false
	switch kind {
	case "exec":
		l.filename, l.args = p.filename.of(e), nil
		l.execs++
		p.args.exec(e, &l.args)
		p.replaced(e)
	case "task":
		p.leave(l, e)
	case "exit":
		l.exited, l.untold = true, false
		l.lifetime = e.Uint(p.lifetime)
		l.exitCode, l.signal = e.Uint(p.exitCode), e.Uint(p.signal)
		l.exitTotal = e.Uint(p.total)
	}
	return nil
}

// replaced is for an exec, which ends all threads of a process but the one that makes
// it. That is the first one from then on, whatever it was before.
func (p *lifetimesPass) replaced(e replay.Event) {
	if p.env.Options.By == "thread" {
		delete(p.ends, threadID{e.TID(), e.Int(p.start)})
		id := processID{e.PID(), e.Int(p.start)}
		p.execs[id] = append(p.execs[id], e.Time())
	}
}

// over is how long a thread lived that ended before its process.
func (p *lifetimesPass) over(id threadID, process processID) (lifetime uint64, over bool) {
	if lifetime, over = p.ends[id]; over || id.tid == process.pid {
		return lifetime, over
	}
	for _, at := range p.execs[process] {
		if at > id.start {
			return uint64(at - id.start), true
		}
	}
	return 0, false
}

// leave is for a row that says that nothing more will be known of a process.
func (p *lifetimesPass) leave(l *life, e replay.Event) {
	switch e.Str(p.reason) {
	case "exiting":
		l.exited, l.untold = true, true
	case "left":
		l.left = true
	default:
		return
	}
	l.lifetime = uint64(max(0, e.Time()-e.Int(p.start)))
}

// Begin leaves out who ended before the window, who left and does not come back, and
// what was executed before.
func (p *lifetimesPass) Begin() {
	maps.DeleteFunc(p.lives, func(_ processID, l *life) bool { return l.exited })
	for _, l := range p.lives {
		l.execs, l.away = 0, l.left
	}
}

// life finds a process. Its first row has the parent that created it; later
// ones may have a new parent.
func (p *lifetimesPass) life(e replay.Event) *life {
	id := processID{e.PID(), e.Int(p.start)}
	l := p.lives[id]
	if l == nil {
		l = &life{ppid: uint32(e.Uint(p.ppid)), kernel: e.Uint(p.kernel) != 0}
		if parent, ok := p.ledger.tasks.Lookup(l.ppid); ok {
			l.parent = parent.Comm
		}
		p.lives[id] = l
	}
	return l
}

// Tables are the lives, what came and went, and the tree when it is asked for.
func (p *lifetimesPass) Tables() []Table {
	all := p.all()
	if p.env.Options.Tree {
		return []Table{p.tree(all)}
	}
	t := Table{Title: titleBy(p.env.Options.By), Columns: lifetimes.Columns, Notes: p.notes()}
	for i := range all {
		t.Rows = append(t.Rows, p.rows(&all[i])...)
	}
	return append([]Table{t}, p.churn(all)...)
}

// over tells whether nothing is known of a process any more.
func (l *life) over() bool { return l.exited || l.left }

// state is what became of a process.
func (l *life) state() string {
	switch {
	case l.exited:
		return "exited"
	case l.left:
		return "left"
	}
	return "running"
}

// ended is a life with what is known at the end of the recording.
type ended struct {
	id processID
	*life
	before bool // it is older than the recording
	cpu    Value
}

// all are the lives that were asked for, in order.
func (p *lifetimesPass) all() (all []ended) {
	used := p.ledger.processes()
	begin := p.env.begin()
	for _, id := range slices.SortedFunc(maps.Keys(p.lives), compareProcesses) {
		l := p.lives[id]
		before := id.start < begin
		if l.kernel && before || l.left && l.away {
			continue
		}
		if !l.over() {
			l.lifetime = uint64(max(0, p.env.end()-id.start))
		}
		if p.env.Options.Failed && l.exitCode == 0 && l.signal == 0 {
			continue
		}
		if l.lifetime >= uint64(p.env.Options.MinDuration) {
			all = append(all, ended{id, l, before, p.cpuTime(l, used[id], before)})
		}
	}
	return all
}

// rows are the process, or its threads.
func (p *lifetimesPass) rows(l *ended) (rows [][]Value) {
	if p.env.Options.By != "thread" {
		return [][]Value{l.row()}
	}
	for id, t := range p.ledger.threads {
		p.ledger.settle(t)
		lifetime, over := p.over(id, l.id)
		gone := over && id.start+int64(min(lifetime, math.MaxInt64/2)) <= p.env.asked.from
		if first := id.tid == l.id.pid; t.process != l.id || gone || !first && t.comm == "" {
			continue
		}
		row := l.row()
		row[1] = uint64(id.tid)
		if id.tid != l.id.pid {
			p.thread(row, id, t, l)
		}
		if over {
			row[9], row[13] = lifetime, "exited"
		}
		if row[12] = nil; t.ran || t.before > 0 {
			row[12] = t.before + t.past.cpuTime + t.last.cpuTime
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b []Value) int { return compareNumbers(a[1], b[1]) })
	return rows
}

// thread makes the row of a process that of one of its threads.
func (p *lifetimesPass) thread(row []Value, id threadID, t *thread, l *ended) {
	row[4], row[5], row[6], row[7] = t.comm, nil, nil, nil
	row[8], row[10], row[11] = id.start, nil, nil
	row[12], row[13], row[14] = nil, "running", uint64(boolInt(id.start < p.env.begin()))
	if row[9] = uint64(max(0, p.env.end()-id.start)); l.over() { // with the process
		row[9], row[13] = uint64(max(0, l.id.start+int64(l.lifetime)-id.start)), l.state()
	}
}

func (l *ended) row() []Value {
	var exitCode, signal, parent Value
	if l.exited && !l.untold {
		exitCode, signal = l.exitCode, l.signal
	}
	if l.last != l.ppid {
		parent = uint64(l.last)
	}
	return []Value{
		uint64(l.id.pid), nil, uint64(l.ppid), parent, l.comm, l.filename, l.execs, l.args, l.id.start, l.lifetime,
		exitCode, signal, l.cpu, l.state(), uint64(boolInt(l.before)),
	}
}

// cpuTime is exact for a process whose sums cover its whole life. For an older
// one the snapshot lacks the threads that had ended, which the exit row has.
func (p *lifetimesPass) cpuTime(l *life, q *process, before bool) Value {
	sums := q != nil && !p.env.Missing("task_sum")
	switch {
	case sums && before:
		return max(q.before+q.used.cpuTime, l.exitTotal)
	case sums && q.ran:
		return q.used.cpuTime
	case l.exited && !l.untold:
		return l.exitTotal
	}
	return nil
}

func (p *lifetimesPass) notes() []string {
	notes := []string{"Kernel threads older than the recording are left out."}
	if p.env.Missing("task_sum") {
		notes = append(notes, "The source cpu was not recorded: the CPU time of running processes is not known.")
	}
	return notes
}
