// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// processID identifies a process, threadID a thread: numbers come back, a
// number with its start does not.
type (
	processID struct {
		pid   uint32
		start int64
	}
	threadID struct {
		tid   uint32
		start int64
	}
)

// sums are what a thread or a process used.
type sums struct {
	cpuTime, onCPU, runQueue, voluntary, involuntary, migrations uint64

	unknown uint64 // CPU time besides, at most
}

func (s *sums) add(t sums) {
	s.cpuTime += t.cpuTime
	s.onCPU += t.onCPU
	s.runQueue += t.runQueue
	s.voluntary += t.voluntary
	s.involuntary += t.involuntary
	s.migrations += t.migrations
	s.unknown += t.unknown
}

// subtract takes away what is part of it; what is not, in a damaged capture,
// leaves 0.
func (s *sums) subtract(t sums) {
	s.cpuTime -= min(s.cpuTime, t.cpuTime)
	s.onCPU -= min(s.onCPU, t.onCPU)
	s.runQueue -= min(s.runQueue, t.runQueue)
	s.voluntary -= min(s.voluntary, t.voluntary)
	s.involuntary -= min(s.involuntary, t.involuntary)
	s.migrations -= min(s.migrations, t.migrations)
	s.unknown -= min(s.unknown, t.unknown)
}

// thread is one thread's share in the ledger.
type thread struct {
	process processID
	born    int64 // its own start
	settled bool  // process is the leader's, not only a guess
	read    bool  // has sums, if only to say that it did not run
	ran     bool  // has sums of its running
	exited  bool  // last is the last row of its series
	again   bool  // its number, that of its process, is another's since then, who executed a file
	past    sums  // of finished series
	base    sums  // what had been used when the window began
	last    sums
	before  uint64 // CPU time at the snapshot, ns
	comm    string // last name

	least, most uint64 // bounds of the CPU time, where it is not known exactly
	stint
}

// process is what the ledger says of a process.
type process struct {
	threads int
	ran     bool
	used    sums
	before  uint64 // CPU time of its threads at the snapshot, ns
	unread  bool   // a thread of it has no sums: it did not run, or was never seen to
	least   uint64 // bounds of the CPU time, see thread
	most    uint64
	less    uint64 // see stint
	more    uint64
	leader  replay.Task
	named   bool // leader is known
}

// ledger adds the threads' sums up by process.
//
// The rows of a thread are cumulative, so its last row counts. One thing breaks
// the series: when a thread that is not the leader executes a file it takes the
// leader's id and start over, and a new series begins after the leader's last
// row.
type ledger struct {
	tasks   *replay.Tasks
	threads map[threadID]*thread
	leaders map[processID]replay.Task
	starts  map[uint32][]int64 // of the leaders that had a pid
	begin   int64              // of the recording
	divided bool               // by cgroup, see stint
	moves   int                // of threads among cgroups, so far
	grown   []growth           // what the last row of sums added, and to whom

	start, cpuTime, onCPU, runQueue, voluntary, involuntary, migrations, unknown, exited, total, reason, comm format.Col
}

func newLedger(c *format.Capture) *ledger {
	return &ledger{
		tasks: replay.NewTasks(c), threads: map[threadID]*thread{}, leaders: map[processID]replay.Task{}, starts: map[uint32][]int64{}, begin: c.Meta().Start.UnixNano(),
		start: c.Col("start"), cpuTime: c.Col("cpu_time_ns"), onCPU: c.Col("on_cpu_ns"),
		runQueue: c.Col("run_queue_ns"), voluntary: c.Col("voluntary"), involuntary: c.Col("involuntary"),
		migrations: c.Col("migrations"), unknown: c.Col("cpu_unknown_ns"), exited: c.Col("exited"), total: c.Col("total_cpu_ns"), reason: c.Col("reason"), comm: c.Col("comm"),
	}
}

// taskSumColumns are the columns that the ledger reads of a task_sum row.
var taskSumColumns = []string{"start", "cpu_time_ns", "on_cpu_ns", "run_queue_ns", "voluntary", "involuntary", "migrations", "exited"}

// newTaskSumColumns are those that captures have from format version 1.3 on.
var newTaskSumColumns = []string{"cpu_unknown_ns"}

// event takes any event; rows that neither name a task nor sum one are ignored.
func (l *ledger) event(e replay.Event) {
	l.tasks.Update(e)
	switch e.Kind().Name {
	case "task_sum":
		l.sum(l.thread(e), e)
	case "task":
		t := l.thread(e)
		t.comm = e.Str(l.comm)
		switch e.Str(l.reason) {
		case "snapshot", "exiting":
			t.before = e.Uint(l.total)
		case "present": // of a further file, which lacks the snapshot
			if used := t.past.cpuTime + t.last.cpuTime; t.before == 0 && e.Int(l.start) < l.begin {
				t.before = e.Uint(l.total) - min(e.Uint(l.total), used)
			}
		}
		l.lead(e)
		l.place(e, t)
	case "fork", "exec", "exit", "thread_start", "thread_exit":
		t := l.thread(e)
		t.comm = e.Str(l.comm)
		if e.Kind().Name == "exec" && t.exited { // its number is that of who executed the file
			t.again, t.read = true, false
		}
		l.lead(e)
		l.place(e, t)
	}
}

// lead keeps the latest identity of a process's leader.
func (l *ledger) lead(e replay.Event) {
	if t, ok := l.tasks.Lookup(e.TID()); ok && t.TID == t.PID {
		id := processID{t.PID, t.Start}
		if _, known := l.leaders[id]; !known {
			l.starts[t.PID] = append(l.starts[t.PID], t.Start)
		}
		l.leaders[id] = t
	}
}

func (l *ledger) thread(e replay.Event) *thread {
	id := threadID{e.TID(), e.Int(l.start)}
	t := l.threads[id]
	if t == nil {
		t = &thread{process: processID{e.PID(), id.start}, born: id.start, settled: e.PID() == id.tid}
		l.threads[id] = t
	}
	l.settle(t)
	return t
}

// settle finds the process of a thread: while the thread lives, its pid is the
// thread id of its leader. When the leader is listed only after the thread has
// ended, the number may have come back since: no thread is older than its process.
func (l *ledger) settle(t *thread) {
	if t.settled {
		return
	}
	own := t.process.start // the thread's, until it is settled
	if leader, ok := l.tasks.Lookup(t.process.pid); ok && leader.PID == leader.TID && leader.Start <= own {
		t.process.start, t.settled = leader.Start, true
		return
	}
	for _, start := range l.starts[t.process.pid] {
		if start <= own && (!t.settled || start > t.process.start) {
			t.process.start, t.settled = start, true
		}
	}
}

// row is what a task_sum row says.
func (l *ledger) row(e replay.Event) sums {
	return sums{
		cpuTime: e.Uint(l.cpuTime), onCPU: e.Uint(l.onCPU), runQueue: e.Uint(l.runQueue),
		voluntary: e.Uint(l.voluntary), involuntary: e.Uint(l.involuntary), migrations: e.Uint(l.migrations),
		unknown: e.Uint(l.unknown),
	}
}

func (l *ledger) sum(t *thread, e replay.Event) {
	row, was := l.row(e), t.total()
	if t.exited && row != t.last {
		t.past.add(t.last)
	}
	t.last, t.read, t.ran, t.exited, t.again = row, true, t.ran || row != sums{}, e.Uint(l.exited) != 0, false
	l.divide(t, was, e.Time())
}

// total is what a thread used since the recording began.
func (t *thread) total() sums {
	all := t.past
	all.add(t.last)
	return all
}

// ended tells whether a task_sum row is the last of its thread.
func (l *ledger) ended(e replay.Event) bool { return e.Uint(l.exited) != 0 }

// rebase counts only what the thread uses from now on.
func (t *thread) rebase() {
	t.base, t.ran = t.total(), false
	t.prev, t.less, t.more = nil, 0, 0
}

// bury forgets threads that ended, and returns them.
func (l *ledger) bury() map[threadID]*thread {
	ended := map[threadID]*thread{}
	for id, t := range l.threads {
		if l.settle(t); t.exited && !t.again {
			ended[id] = t
			delete(l.threads, id)
		}
	}
	return ended
}

// processes adds up by process. Call it after the last event.
func (l *ledger) processes() map[processID]*process {
	return addUp(l, func(_ threadID, t *thread, _ *replay.Task) processID { return t.process })
}

// addUp adds the threads up that a function gives the same key.
func addUp[K comparable](l *ledger, key func(threadID, *thread, *replay.Task) K) map[K]*process {
	all := map[K]*process{}
	var keys []K // of a thread
	for id, t := range l.threads {
		l.settle(t)
		leader, named := l.leaders[t.process]
		keys = keys[:0]
		read := t.read // whenever it moved
		for ; t != nil; t = t.prev {
			k := key(id, t, &leader)
			p := all[k]
			if p == nil {
				p = &process{leader: leader, named: named}
				all[k] = p
			}
			p.unread = p.unread || !read
			if p.add(t); !slices.Contains(keys, k) {
				keys = append(keys, k)
				p.threads++
			}
		}
	}
	return all
}

// add adds a thread.
func (p *process) add(t *thread) {
	p.ran = p.ran || t.ran
	p.less += t.less
	p.more += t.more
	p.before += t.before
	p.least += t.least
	p.most += t.most
	used := t.total()
	used.subtract(t.base) // of each thread by itself: what is less than it was leaves 0
	p.used.add(used)
}
