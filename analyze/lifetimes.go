// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var lifetimes = Analysis{
	Name: "lifetimes",
	Doc:  "The life of every process: who started it, what it executed, how long it lived and how it ended",
	Needs: []Need{
		{Kind: "fork", Columns: identityColumns, Source: "process"},
		{Kind: "exec", Columns: append(slices.Clip(identityColumns), "filename"), Source: "process"},
		{Kind: "exit", Columns: append(slices.Clip(identityColumns), "lifetime_ns", "total_cpu_ns", "exit_code", "signal"), Source: "process"},
		{Kind: "thread_start", Columns: identityColumns, Source: "process", Optional: true},
		{Kind: "task", Columns: append(slices.Clip(identityColumns), "total_cpu_ns", "reason"), Source: "recording"},
		{Kind: "task_sum", Columns: taskSumColumns, Source: "cpu", Optional: true},
	},
	Sort:        "start",
	MinDuration: true,
	Columns: []ColumnSpec{
		{Name: "pid", Doc: "process id; with start it identifies the process, so one pid may have several rows"},
		{Name: "ppid", Doc: "process id of the parent when the process was created, or when the recording began"},
		{Name: "comm", Text: true, Doc: "last name of the process's first thread"},
		{Name: "filename", Text: true, Doc: "file that it executed last within the recording; none when it only forked or is older"},
		{Name: "start", Unit: unitInstant, Doc: "when the process started"},
		{Name: "lifetime_ns", Unit: unitNS, Doc: "from start to exit; of a running process to the end of the recording"},
		{Name: "exit_code", Doc: "exit status, 0 to 255; 0 when a signal ended it; none while it runs"},
		{Name: "signal", Doc: "signal that ended it, 0 for none; none while it runs"},
		{Name: "cpu_time_ns", Unit: unitNS, Doc: "CPU time by the kernel's task clock since the process started, all its threads; of a process older than the recording without the threads that ended before; without the source cpu as of the exit, and it may miss the time since the last scheduler tick"},
		{Name: "state", Text: true, Doc: "exited or running (at the end of the recording)"},
		{Name: "before", Unit: unitFlag, Doc: "1 when the process started before the recording"},
	},
	New: newLifetimes,
}

// life is what is known of one process.
type life struct {
	ppid      uint32
	comm      string
	filename  Value
	kernel    bool
	exited    bool
	lifetime  uint64
	exitCode  uint64
	signal    uint64
	exitTotal uint64 // CPU time by the exit row, ns
}

type lifetimesPass struct {
	env    *Env
	ledger *ledger
	lives  map[processID]*life

	start, ppid, comm, kernel, filename, lifetime, exitCode, signal, total format.Col
}

func newLifetimes(env *Env) Pass {
	c := env.Capture
	return &lifetimesPass{
		env: env, ledger: newLedger(c), lives: map[processID]*life{},
		start: c.Col("start"), ppid: c.Col("ppid"), comm: c.Col("comm"), kernel: c.Col("kernel_thread"),
		filename: c.Col("filename"), lifetime: c.Col("lifetime_ns"), exitCode: c.Col("exit_code"),
		signal: c.Col("signal"), total: c.Col("total_cpu_ns"),
	}
}

// Event follows processes by the rows of their first thread.
func (p *lifetimesPass) Event(e replay.Event) error {
	p.ledger.event(e)
	kind := e.Kind().Name
	if kind == "task_sum" || kind == "thread_start" || e.TID() != e.PID() {
		return nil
	}
	l := p.life(e)
	l.comm = e.Str(p.comm)
	switch kind {
	case "exec":
		l.filename = e.Str(p.filename)
	case "exit":
		l.exited = true
		l.lifetime = e.Uint(p.lifetime)
		l.exitCode, l.signal = e.Uint(p.exitCode), e.Uint(p.signal)
		l.exitTotal = e.Uint(p.total)
	}
	return nil
}

// Begin leaves out who ended before the window.
func (p *lifetimesPass) Begin() {
	maps.DeleteFunc(p.lives, func(_ processID, l *life) bool { return l.exited })
}

// life finds a process. Its first row has the parent that created it; later
// ones may have a new parent.
func (p *lifetimesPass) life(e replay.Event) *life {
	id := processID{e.PID(), e.Int(p.start)}
	l := p.lives[id]
	if l == nil {
		l = &life{ppid: uint32(e.Uint(p.ppid)), kernel: e.Uint(p.kernel) != 0}
		p.lives[id] = l
	}
	return l
}

// Tables is one table.
func (p *lifetimesPass) Tables() []Table {
	t := Table{Title: "Processes", Columns: lifetimes.Columns}
	used := p.ledger.processes()
	begin := p.env.Recording.Start.UnixNano()
	for _, id := range slices.SortedFunc(maps.Keys(p.lives), compareProcesses) {
		l := p.lives[id]
		before := id.start < begin
		if l.kernel && before {
			continue
		}
		if !l.exited {
			l.lifetime = uint64(max(0, p.env.Recording.End.UnixNano()-id.start))
		}
		if l.lifetime >= uint64(p.env.Options.MinDuration) {
			t.Rows = append(t.Rows, l.row(id, before, p.cpuTime(l, used[id], before)))
		}
	}
	t.Notes = p.notes()
	return []Table{t}
}

func (l *life) row(id processID, before bool, cpu Value) []Value {
	var exitCode, signal Value
	state := "running"
	if l.exited {
		exitCode, signal, state = l.exitCode, l.signal, "exited"
	}
	return []Value{
		uint64(id.pid), uint64(l.ppid), l.comm, l.filename, id.start, l.lifetime,
		exitCode, signal, cpu, state, uint64(boolInt(before)),
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
	case l.exited:
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
