// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// sums checks that sums only grow, that they add up to the time of all CPUs,
// and that the switches say the same.
type sums struct {
	v         Verdict
	r         *recording
	chain     *chain
	begin     int64
	end       int64 // of the recording; 0: it does not say
	suspended bool  // the machine was, meanwhile
	threads   map[threadID]*sum
	cpus      map[int]*cpuSum
	left      map[uint32]bool // processes that left those recorded

	columns                                  [len(figures)]format.Col
	start, exited, idleNS, unseenNS, counted format.Col
	reason, steal                            format.Col
}

// figures are the columns of a thread's sums.
var figures = [...]string{"cpu_time_ns", "on_cpu_ns", "run_queue_ns", "voluntary", "involuntary", "migrations"}

const cpuTimeAt, onCPUAt, runQueueAt, voluntaryAt, involuntaryAt = 0, 1, 2, 3, 4

type row [len(figures)]uint64

func (r *row) add(o *row) {
	for i := range r {
		r[i] += o[i]
	}
}

type threadID struct {
	tid   uint32
	start int64
}

// sum is the last row of a thread, and the rows of series that ended before.
type sum struct {
	pid      uint32
	last     row
	past     row
	exited   int64 // when its last series ended; 0: it goes on
	again    int64 // a new series began behind one that ended then; 0: none did
	executed int64 // when the thread last executed a file
}

// total is a thread's sums over all series.
func (s *sum) total() row {
	t := s.past
	t.add(&s.last)
	return t
}

type cpuSum struct {
	idle, unseen, switches, steal uint64
	read                          int64 // when
}

func newSums(r *recording, h *chain) *sums {
	s := &sums{
		v: Verdict{Check: "sums", Does: "sums only grow, no thread had more than the time there was, with idle they add up to the time of all CPUs, and switches say the same"},
		r: r, chain: h, begin: r.Meta().Start.UnixNano(), threads: map[threadID]*sum{}, cpus: map[int]*cpuSum{}, left: map[uint32]bool{},
		start: r.Col("start"), exited: r.Col("exited"), idleNS: r.Col("idle_ns"), unseenNS: r.Col("unseen_ns"), counted: r.Col("switches"), reason: r.Col("reason"), steal: r.Col("steal_ns"),
	}
	for i, name := range figures {
		s.columns[i] = r.Col(name)
	}
	return s
}

func (s *sums) event(e replay.Event, kind string) {
	switch {
	case kind == "task_sum":
		s.thread(e)
	case kind == "cpu_sum":
		s.cpu(e)
	case kind == "cpu_stat":
		s.of(e.CPU()).steal = e.Uint(s.steal)
	case kind == "summary":
		s.end = e.Time()
	case kind == "suspended":
		s.suspended = true
	case kind == "task" && e.Str(s.reason) == "left":
		s.left[e.PID()] = true
	case kind == "exec", kind == "task" && e.Str(s.reason) == "executed":
		if t := s.threads[threadID{e.TID(), e.Int(s.start)}]; t != nil {
			t.executed = e.Time()
		}
	}
}

func (s *sums) thread(e replay.Event) {
	id := threadID{e.TID(), e.Int(s.start)}
	t := s.threads[id]
	if t == nil {
		t = &sum{pid: e.PID()}
		s.threads[id] = t
	}
	var now row
	for i, c := range s.columns {
		now[i] = e.Uint(c)
	}
	if t.exited != 0 && now != t.last {
		t.again = t.exited // see FORMAT.md, Sums; verdict wants to see the exec
		t.past.add(&t.last)
	} else {
		s.grows(&id, &t.last, &now, e.Time())
	}
	s.possible(&id, &now, e.Time())
	t.last, t.exited = now, 0
	if e.Uint(s.exited) != 0 {
		t.exited = e.Time()
	}
}

func (s *sums) grows(id *threadID, last, now *row, t int64) {
	for i, name := range figures {
		if now[i] < last[i] {
			s.v.find("%s of thread %d shrinks from %d to %d at %s", name, id.tid, last[i], now[i], at(t))
		}
	}
}

// of is what is known of a CPU.
func (s *sums) of(cpu int) *cpuSum {
	c := s.cpus[cpu]
	if c == nil {
		c = &cpuSum{read: s.begin}
		s.cpus[cpu] = c
	}
	return c
}

// cpu takes a row of a CPU. Its idle time may turn out to be less where another
// thread had come unseen.
func (s *sums) cpu(e replay.Event) {
	c := s.of(e.CPU())
	now := cpuSum{e.Uint(s.idleNS), e.Uint(s.unseenNS), e.Uint(s.counted), c.steal, e.Time()}
	if now.idle < c.idle && !s.r.unseen.Between(e.CPU(), c.read, e.Time()) {
		s.v.find("idle_ns of CPU %d shrinks from %d to %d at %s", e.CPU(), c.idle, now.idle, at(e.Time()))
	}
	if now.switches < c.switches {
		s.v.find("switches of CPU %d shrink from %d to %d at %s", e.CPU(), c.switches, now.switches, at(e.Time()))
	}
	*c = now
}

func (s *sums) verdict() Verdict {
	if !s.r.records("task_sum") || !s.r.records("cpu_sum") {
		s.v.says("not recorded")
		return s.v
	}
	s.v.says("%d threads", len(s.threads))
	switch {
	case !s.r.whole() || s.end <= s.begin:
	case s.r.lost.ever("cpu"):
		s.series()
		s.v.says("sums were lost: they are not held against the clock and the switches")
	default:
		s.series()
		s.total()
		s.compare()
		s.clocks()
		s.explain()
	}
	return s.v
}

// ids are the threads in order, so that the first findings are always the same.
func (s *sums) ids() []threadID {
	return slices.SortedFunc(maps.Keys(s.threads), func(a, b threadID) int {
		return cmp.Or(cmp.Compare(a.tid, b.tid), cmp.Compare(a.start, b.start))
	})
}

// series wants an exec behind each series that began anew.
func (s *sums) series() {
	for _, id := range s.ids() {
		if s.left[s.threads[id].pid] { // its process may have come back
			continue
		}
		if t := s.threads[id]; t.again != 0 && t.executed < t.again {
			s.v.find("thread %d has sums behind its last ones of %s, and executed no file", id.tid, at(t.again))
		}
	}
}

// total compares the sums with the wall clock: all programs begin and end at
// one instant, and what stands in the kernel at the end is read at rest, so
// they agree to the nanosecond.
func (s *sums) total() {
	if !s.r.everybody() {
		return
	}
	var all uint64
	for _, t := range s.threads {
		all += t.total()[onCPUAt]
	}
	var unseen uint64
	for _, c := range s.cpus {
		all += c.idle
		unseen += c.unseen
	}
	if all += unseen; unseen > 0 {
		s.v.says("%d ns of it nobody is known to have had", unseen)
	}
	cpus := max(s.r.Meta().CPUs, len(s.cpus)) // more may have gone online
	want := uint64(cpus) * uint64(s.end-s.begin)
	off := int64(all - want)
	s.v.says("%d ns on a CPU or idle, %+d ns of %d CPUs x %d ns", all, off, cpus, s.end-s.begin)
	if off != 0 && want != 0 {
		s.v.find("they are off by %+d ns, %.1f millionths of the time of all CPUs", off, float64(off)/float64(want)*1e6)
	}
}

// clocks says how far CPU time and time on a CPU are apart: they are two clocks,
// so a difference is no finding.
func (s *sums) clocks() {
	by := map[uint32]*row{}
	var all row
	for id, t := range s.threads {
		if by[t.pid] == nil {
			by[t.pid] = &row{}
		}
		used := s.threads[id].total()
		by[t.pid].add(&used)
		all.add(&used)
	}
	most, pid := int64(0), uint32(0)
	for _, p := range slices.Sorted(maps.Keys(by)) {
		if off := apart(by[p]); max(off, -off) > max(most, -most) {
			most, pid = off, p
		}
	}
	s.v.says("CPU time %+d ns of that on a CPU, the most in process %d: %+d ns", apart(&all), pid, most)
}

func apart(r *row) int64 { return int64(r[cpuTimeAt] - r[onCPUAt]) }
