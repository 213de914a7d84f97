// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"slices"

	"github.com/ebrec/ebrec/format"
)

// carried are the rows from before a slice's window that the slice needs, by
// their place among the rows of the kinds that may be.
//
// Sums are read now and then. What happened since they were last read before
// the window is carried whole; of what was before that, the rows that say who
// lives and what was used so far.
type carried struct {
	settled int64 // when sums were last read before the window
	tasks   map[taskKey]*carriedTask
	// The last sums of threads that ended, by process: they are part of what that
	// used, until it has ended itself.
	over   map[uint32][]int
	gone   map[uint32]bool // processes that ended
	conns  map[uint64]carriedConn
	recent []int // rows since settled, and the CPUs' sums of then
	// The last switch of each CPU, that by which each thread left one, unless it
	// ended, and that by which it came to one since. Where a filter left out other
	// switches, it need not be there any more.
	byCPU map[int]int
	byTID map[uint32]int
	onCPU map[uint32]int
	// The wakeup of each thread that has not come to a CPU since, and by CPU that of
	// the one that came last.
	wakeups map[uint32]int
	came    map[int]int
	// The last path of each cgroup.
	cgroups map[uint64]int
	// The last times of each CPU that were taken from threads.
	stats map[int]int
	// The first reading of the wall clock, which follows the list of who was there; -1: none.
	clock int
	// The last arguments of each process that lives.
	args map[uint32]int

	cgroup, state, next, woken, start, conn, exited, errno format.Col
}

type taskKey struct {
	tid   uint32
	start int64
}

// carriedTask is the rows of one thread; -1: none.
type carriedTask struct{ first, last, exec, sum int }

// carriedConn is the first and the last row of each kind of one connection: an
// analysis knows some kinds only, and each has something to say of the connection.
type carriedConn map[uint16]*[2]int

// carriedKinds are carried besides what introduces tasks and connections.
var carriedKinds = []string{"summary", "sched_switch", "sched_waking", "cgroup_path", "task_sum", "cpu_sum", "cpu_stat", "clock", "exec_args"}

// mayCarry are the kinds of which rows from before the window may be needed.
func (c *slicer) mayCarry() []string {
	kinds := c.kinds()
	return kindNames(c.reader.capture, func(k *format.Kind) bool {
		if kinds != nil && !slices.Contains(kinds, k.Name) {
			return false
		}
		return introduces(k) || slices.Contains(carriedKinds, k.Name) || k.Field("conn") != nil && !k.Hot
	})
}

// copyBefore carries what is needed from before the window: it finds the rows
// first and copies them when it comes by again.
func (c *slicer) copyBefore() error {
	s := c.selection(c.mayCarry())
	s.To = c.slice.From
	if len(s.Kinds) == 0 {
		return nil
	}
	found, err := c.findCarried(s)
	if err != nil {
		return err
	}
	rows, i := found.rows(), -1
	return c.add(s, func(Event) bool {
		i++
		if len(rows) == 0 || rows[0] != i {
			return false
		}
		rows = rows[1:]
		return true
	})
}

func (c *slicer) findCarried(s Select) (*carried, error) {
	file := c.reader.capture
	f := &carried{
		tasks: map[taskKey]*carriedTask{}, over: map[uint32][]int{}, gone: map[uint32]bool{}, conns: map[uint64]carriedConn{}, byCPU: map[int]int{}, byTID: map[uint32]int{}, onCPU: map[uint32]int{}, wakeups: map[uint32]int{}, came: map[int]int{}, cgroups: map[uint64]int{}, stats: map[int]int{}, args: map[uint32]int{}, clock: -1,
		cgroup: file.Col("cgroup_id"), state: file.Col("prev_state"), next: file.Col("next_tid"), woken: file.Col("woken_tid"), start: file.Col("start"), conn: file.Col("conn"), exited: file.Col("exited"), errno: file.Col("error"),
	}
	s.Columns = []format.Col{f.cgroup, f.state, f.next, f.woken, f.start, f.conn, f.exited, f.errno}
	readings, err := c.reader.Readings()
	if err != nil {
		return nil, err
	}
	if f.settled = c.slice.From; len(readings) > 0 {
		f.settled, _ = Reading(readings, c.slice.From)
	}
	i := 0
	for e, err := range c.reader.Events(s) {
		if err != nil {
			return nil, err
		}
		f.event(e, i)
		i++
	}
	return f, nil
}

func (f *carried) event(e Event, i int) {
	kind := e.Kind()
	switch {
	case kind.Name == "sched_switch":
		f.hop(e, i)
	case kind.Name == "sched_waking":
		f.wakeups[uint32(e.Uint(f.woken))] = i
	case kind.Name == "cgroup_path":
		f.cgroups[e.Uint(f.cgroup)] = i
	case kind.Name == "clock":
		if f.clock < 0 {
			f.clock = i
		}
	case kind.Name == "cpu_stat" && e.Time() <= f.settled:
		f.stats[e.CPU()] = i
	case e.Time() > f.settled, e.Time() == f.settled && kind.Name == "cpu_sum", kind.Name == "summary":
		f.recent = append(f.recent, i)
	case kind.Name == "cpu_sum":
	case kind.Name == "exec_args":
		f.args[e.PID()] = i
	case kind.Field("conn") != nil:
		f.connection(e, i)
	case kind.Name == "task_sum":
		f.sum(e, i)
	default:
		f.identity(e, i)
	}
}

func (f *carried) key(e Event) taskKey { return taskKey{e.TID(), e.Int(f.start)} }

func (f *carried) task(e Event) *carriedTask {
	t := f.tasks[f.key(e)]
	if t == nil {
		t = &carriedTask{-1, -1, -1, -1}
		f.tasks[f.key(e)] = t
	}
	return t
}

// sum notes a row of sums, which may come after the thread's end. A first thread
// may have several series (FORMAT.md, Sums).
func (f *carried) sum(e Event, i int) {
	t := f.task(e)
	if t.sum = i; e.Uint(f.exited) == 0 {
		return
	}
	if t.sum = -1; !f.gone[e.PID()] {
		f.over[e.PID()] = append(f.over[e.PID()], i)
	}
	if e.TID() != e.PID() || t.first < 0 {
		delete(f.tasks, f.key(e))
	}
}

// identity notes a row that says who a task is. A process keeps its name until
// its last thread ends, so its first thread is kept until then.
func (f *carried) identity(e Event, i int) {
	kind, first := e.Kind().Name, e.TID() == e.PID()
	if kind == "exit" {
		f.gone[e.PID()] = true
		delete(f.over, e.PID())
	}
	if kind == "exit" || kind == "thread_exit" && !first {
		delete(f.tasks, f.key(e))
		if kind == "exit" {
			delete(f.args, e.PID())
		}
		return
	}
	if first {
		delete(f.gone, e.PID())
	}
	t := f.task(e)
	if t.first < 0 {
		t.first = i
	}
	if t.last = i; kind == "exec" {
		t.exec = i
	}
}

// hop notes a switch: who is on each CPU, and in what state others left theirs.
func (f *carried) hop(e Event, i int) {
	f.byCPU[e.CPU()] = i
	next := uint32(e.Uint(f.next))
	delete(f.came, e.CPU())
	if woken, ok := f.wakeups[next]; ok {
		f.came[e.CPU()] = woken
		delete(f.wakeups, next)
	}
	f.onCPU[next] = i
	delete(f.onCPU, e.TID())
	if f.byTID[e.TID()] = i; e.Str(f.state) == "X" {
		delete(f.byTID, e.TID())
	}
}

// connection notes a row of a connection: all but its end.
func (f *carried) connection(e Event, i int) {
	id := e.Uint(f.conn)
	if name := e.Kind().Name; name == "tcp_close" || name == "tcp_connect" && e.Int(f.errno) != 0 {
		delete(f.conns, id)
		return
	}
	if f.conns[id] == nil {
		f.conns[id] = carriedConn{}
	}
	if rows := f.conns[id][e.Kind().ID]; rows != nil {
		rows[1] = i
		return
	}
	f.conns[id][e.Kind().ID] = &[2]int{i, i}
}

// rows are the places, ascending.
func (f *carried) rows() []int {
	all := append(f.recent, f.clock)
	for _, t := range f.tasks {
		all = append(all, t.first, t.last, t.exec, t.sum)
	}
	for _, byCPU := range []map[int]int{f.byCPU, f.came} {
		for _, i := range byCPU {
			all = append(all, i)
		}
	}
	for _, byTID := range []map[uint32]int{f.byTID, f.onCPU, f.wakeups} {
		for _, i := range byTID {
			all = append(all, i)
		}
	}
	for _, rows := range f.over {
		all = append(all, rows...)
	}
	for _, i := range f.cgroups {
		all = append(all, i)
	}
	for _, i := range f.stats {
		all = append(all, i)
	}
	for _, i := range f.args {
		all = append(all, i)
	}
	for _, c := range f.conns {
		for _, rows := range c {
			all = append(all, rows[:]...)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > 0 && all[0] < 0 {
		all = all[1:]
	}
	return all
}
