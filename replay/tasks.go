// SPDX-License-Identifier: Apache-2.0

package replay

import "github.com/ebrec/ebrec/format"

// A Task is a thread as the capture knows it. (TID, Start) identifies it:
// thread ids come back.
type Task struct {
	TID, PID, PPID uint32
	Start          int64 // ns since the Unix epoch
	Comm           string
	Kernel         bool   // a kernel thread
	Cgroup         uint64 // of its last row; see Tasks.Cgroup
	// Of the first thread of a process: when the process came to those recorded while
	// it lived, and when it left them; 0: it did not.
	Joined, Left int64

	told  int64 // when the last row came
	moved int64 // of a process's first thread: when all its threads moved
}

// Tasks follows who has which thread id. Feed it events in time order; it
// answers for the moment of the last one. An ended task stays known until its
// id is taken again, because rows about its end come after it. It holds at most
// one task for each thread id.
type Tasks struct {
	byTID ByNumber[Task]
	names []string // kinds that introduce tasks
	kinds []bool   // the same, by number
	joins bool     // processes come to those recorded while they live

	pid, tid, start, ppid, comm, kernel, cgroup, reason format.Col
}

// NewTasks makes a tracker that knows nobody yet.
func NewTasks(c *format.Capture) *Tasks {
	t := &Tasks{
		pid:    c.Col(format.ColumnPID),
		tid:    c.Col(format.ColumnTID),
		start:  c.Col("start"),
		ppid:   c.Col("ppid"),
		comm:   c.Col("comm"),
		kernel: c.Col("kernel_thread"),
		cgroup: c.Col("cgroup_id"),
		reason: c.Col("reason"),
		joins:  Changing(c.Meta()),
	}
	t.names = kindNames(c, introduces)
	t.kinds = kindSet(c, t.names)
	return t
}

// Preload learns who was there when the recording began. They are listed in its
// first moments, while rows about them come already.
func (t *Tasks) Preload(c *format.Capture) error {
	if c.Kind("task") == nil || t.reason == format.NoCol {
		return nil
	}
	s := Select{Kinds: []string{"task"}, Columns: t.Columns()}
	for e, err := range New(c).Events(s) {
		if err != nil {
			return err
		}
		if t.byTID.Get(e.TID()) == nil && (e.Str(t.reason) == "snapshot" || e.Str(t.reason) == "exiting") {
			t.Update(e)
		}
	}
	return nil
}

// All visits every task that is known, in no order.
func (t *Tasks) All(visit func(Task)) {
	t.byTID.All(func(_ uint32, task *Task) { visit(*task) })
}

// introduces tells whether a kind's rows say who a task is.
func introduces(k *format.Kind) bool {
	return k.Field("tid") != nil && k.Field("start") != nil && k.Field("ppid") != nil && k.Field("comm") != nil
}

// Kinds are the kinds of rows that the tracker learns from.
func (t *Tasks) Kinds() []string { return t.names }

// Columns are the columns that it reads.
func (t *Tasks) Columns() []format.Col {
	return []format.Col{t.pid, t.tid, t.start, t.ppid, t.comm, t.kernel, t.cgroup, t.reason}
}

// Update learns from an event; most teach nothing.
func (t *Tasks) Update(e Event) {
	if !has(t.kinds, e.Kind()) {
		return
	}
	tid := uint32(e.Uint(t.tid))
	task := &Task{
		TID:    tid,
		PID:    uint32(e.Uint(t.pid)),
		PPID:   uint32(e.Uint(t.ppid)),
		Start:  e.Int(t.start),
		Comm:   e.Str(t.comm),
		Kernel: e.Uint(t.kernel) != 0,
		Cgroup: e.Uint(t.cgroup),
		told:   e.Time(),
	}
	t.place(task, e)
	t.byTID.Set(tid, task)
}

// place notes when a task came to those recorded, moved among cgroups and left.
func (t *Tasks) place(task *Task, e Event) {
	was, reason := t.byTID.Get(task.TID), ""
	if e.Kind().Name == "task" {
		reason = e.Str(t.reason)
	}
	if was == nil || was.Start != task.Start {
		if t.joins && joins(e.Kind().Name, reason) {
			task.Joined = task.told
		}
	} else if task.moved, task.Joined = was.moved, was.Joined; was.Left != 0 && reason != "left" {
		task.Joined = task.told
	}
	if reason == "moved" || reason == "left" {
		task.moved = task.told
	}
	if reason == "left" {
		task.Left = task.told
	}
}

// joins tells whether the first row of a task says that it had lived before, and
// was none of those recorded.
func joins(kind, reason string) bool {
	return kind == "exec" || kind == "task" && (reason == "executed" || reason == "renamed" || reason == "moved")
}

// Cgroup is the cgroup that a task is in. A move of all threads of a process has
// one row, that of the first.
func (t *Tasks) Cgroup(of Task) uint64 {
	leader := t.byTID.Get(of.PID)
	if leader == nil || leader.PID != leader.TID || of.Cgroup != 0 && leader.moved <= of.told {
		return of.Cgroup
	}
	return leader.Cgroup
}

// Lookup is the latest task that had the thread id.
func (t *Tasks) Lookup(tid uint32) (Task, bool) {
	if task := t.byTID.Get(tid); task != nil {
		return *task, true
	}
	return Task{}, false
}

// Find is Lookup without a copy, nil for nobody. What it points to does not
// change: who takes the id, or a name, is another Task.
func (t *Tasks) Find(tid uint32) *Task { return t.byTID.Get(tid) }

// Known tells whether Lookup finds a task.
func (t *Tasks) Known(tid uint32) bool { return t.byTID.Get(tid) != nil }
