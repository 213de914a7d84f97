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
		{Kind: "task_sum", Columns: taskSumColumns, Source: "cpu"},
		{Kind: "cpu_sum", Columns: []string{"idle_ns"}, Source: "cpu"},
		{Kind: "cgroup_path", Columns: []string{"cgroup_id", "cgroup", "container"}, Source: "recording", Optional: true},
	}, identity()...),
	By:   []string{"process", "thread", "comm", "cgroup", "container"},
	Sort: "on_cpu_ns",
	Sums: true,
	Columns: []ColumnSpec{
		{Name: "pid", Some: true, Doc: "process id; with the start of the process it identifies the row, so one pid may have several; 0 for a CPU's idle task; none where rows are of more than a process"},
		{Name: "tid", Some: true, Doc: "thread id, where rows are of threads"},
		{Name: "comm", Text: true, Doc: "last name of the process's first thread, or of the thread; the cgroup or container where rows are of those; idle/N for the idle task of CPU N"},
		{Name: "threads", Unit: unitCount, Doc: "threads of the process that were seen within the recording, ended ones included"},
		{Name: "cpu_time_ns", Unit: unitNS, Doc: "CPU time by the kernel's task clock within the recording, what getrusage reports; 0 for idle"},
		{Name: "on_cpu_ns", Unit: unitNS, Doc: "wall time on a CPU, from switch to switch; differs from cpu_time_ns by time stolen by the host and spent in interrupts; with idle it adds up to CPUs x recorded time"},
		{Name: "cpu_percent", Unit: unitPercent, Doc: "cpu_time_ns as a share of one CPU over the recorded time"},
		{Name: "run_queue_ns", Unit: unitNS, Doc: "time spent runnable in a run queue; waits that ended within the recording"},
		{Name: "switches", Unit: unitCount, Doc: "times it left a CPU, voluntary and involuntary"},
		{Name: "voluntary", Unit: unitCount, Doc: "switches by its own will: it went to sleep or ended"},
		{Name: "involuntary", Unit: unitCount, Doc: "switches while runnable: preempted or yielding"},
		{Name: "migrations", Unit: unitCount, Doc: "moves to another CPU"},
		{Name: "class", Text: true, Doc: "user, kernel (a kernel thread) or idle"},
	},
	New: newCPUTime,
}

type cpuTimePass struct {
	env    *Env
	ledger *ledger
	idle   map[int]uint64 // by CPU, since the recording began
	before map[int]uint64 // the same when the window began
	groups *groups
	idleNS format.Col
}

func newCPUTime(env *Env) Pass {
	return &cpuTimePass{env: env, ledger: newLedger(env.Capture), idle: map[int]uint64{}, before: map[int]uint64{},
		groups: newGroups(env), idleNS: env.Capture.Col("idle_ns")}
}

func (p *cpuTimePass) Event(e replay.Event) error {
	kind := e.Kind().Name
	before, outside := p.env.sums.part(e.Time(), kind == "task_sum" && p.ledger.ended(e))
	switch {
	case kind == "cgroup_path":
		p.groups.event(e)
	case outside:
	case kind == "cpu_sum":
		p.idle[e.CPU()] = e.Uint(p.idleNS) // cumulative: the last one counts
		if before {
			p.before[e.CPU()] = p.idle[e.CPU()]
		}
	default:
		p.ledger.event(e)
		if before && kind == "task_sum" {
			p.ledger.thread(e).rebase()
		}
	}
	return nil
}

// Begin forgets who ended before the window.
func (p *cpuTimePass) Begin() { p.ledger.bury() }

// Tables are the user processes, the kernel threads and the idle tasks.
func (p *cpuTimePass) Tables() []Table {
	tables := []Table{
		{Title: titleBy(p.env.Options.By), Columns: cputime.Columns},
		{Title: "Kernel threads", Columns: cputime.Columns},
		{Title: "Idle", Columns: cputime.Columns},
	}
	all := p.groups.of(p.ledger)
	var total uint64
	for _, id := range slices.SortedFunc(maps.Keys(all), compareGroups) {
		q := all[id]
		if !q.ran {
			continue
		}
		total += q.used.onCPU
		t := &tables[boolInt(q.leader.Kernel)]
		t.Rows = append(t.Rows, p.row(id, q))
	}
	for _, cpu := range slices.Sorted(maps.Keys(p.idle)) {
		total += p.idle[cpu] - p.before[cpu]
		tables[2].Rows = append(tables[2].Rows, p.idleRow(cpu))
	}
	tables[0].Notes = p.notes(total)
	return tables
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
		pid, tid, comm, uint64(q.threads), u.cpuTime, u.onCPU, p.percent(u.cpuTime), u.runQueue,
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

// idleRow has no switches: those of the CPU are not the idle task's.
func (p *cpuTimePass) idleRow(cpu int) []Value {
	return []Value{
		uint64(0), nil, "idle/" + strconv.Itoa(cpu), nil, uint64(0), p.idle[cpu] - p.before[cpu], nil, nil,
		nil, nil, nil, nil, "idle",
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
	if p.env.sums != nil {
		notes = append(notes, "The span begins and ends where sums were read, about once a second; reading them takes a while, by which it is blurred.")
	}
	if r.Filter != "" || r.CPUs <= 0 || r.DurationNS == 0 {
		return notes
	}
	cpus := max(r.CPUs, len(p.idle)) // more may have gone online
	all := float64(cpus) * float64(r.DurationNS)
	return append(notes, fmt.Sprintf("Time on a CPU with idle adds up to %s, %.3f%% of %d CPUs x %s.",
		duration(total), float64(total)/all*100, cpus, duration(r.DurationNS)))
}
