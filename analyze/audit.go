// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var audit = Analysis{
	Name: "audit",
	Doc:  "How far the numbers can be trusted: time on a CPU by switches, by sums and by the kernel's task clock, held against each other and the wall clock",
	Needs: append([]Need{
		{Kind: "task_sum", Columns: taskSumColumns, Newer: newTaskSumColumns, Source: "cpu"},
		{Kind: "cpu_sum", Columns: []string{"idle_ns"}, Newer: []string{"unseen_ns"}, Source: "cpu"},
		{Kind: "cpu_stat", Columns: []string{"steal_ns", "irq_ns", "softirq_ns"}, Source: "cpu", Optional: true},
		{Kind: "sched_switch", Columns: switchColumns, Source: "sched", Optional: true},
	}, identity()...),
	Sort:  "disagreement_ns",
	Whole: true,
	Columns: []ColumnSpec{
		{Name: "pid", Doc: "process id"},
		{Name: "tid", Doc: "thread id; threads that had it one after the other are one row"},
		{Name: "comm", Text: true, Doc: "last name of the thread"},
		{Name: "switches_ns", Unit: unitNS, Some: true, Doc: "time on a CPU by its switches, added up here; none without the source sched, where switches of the thread went unseen, or where any were lost"},
		{Name: "on_cpu_ns", Unit: unitNS, Doc: "time on a CPU by the sums that the kernel program kept"},
		{Name: "cpu_time_ns", Unit: unitNS, Doc: "CPU time by the kernel's task clock"},
		{Name: "switches_off_ns", Unit: unitNS, Some: true, Doc: "on_cpu_ns less switches_ns: one program makes both, so anything but 0 is an error"},
		{Name: "clock_off_ns", Unit: unitNS, Doc: "cpu_time_ns less on_cpu_ns: two clocks, read a little apart at each switch; less than 0 where the host stole time, or interrupts took it, from a thread on a CPU"},
		{Name: "disagreement_ns", Unit: unitNS, Doc: "the larger of both, without its sign"},
	},
	Also: []Table{{Title: "CPUs", Columns: auditCPUColumns}, {Title: "Largest disagreements of an interval", Columns: auditIntervalColumns}, {Title: unseenTitle, Columns: unseenColumns}},
	New:  newAudit,
}

var auditCPUColumns = []ColumnSpec{
	{Name: "cpu", Doc: "number of the CPU"},
	{Name: "wall_ns", Unit: unitNS, Doc: "recorded time; of a recording that was cut short, up to the last reading of the sums"},
	{Name: "idle_ns", Unit: unitNS, Doc: "idle by the sums"},
	{Name: "busy_ns", Unit: unitNS, Some: true, Doc: "threads on the CPU, added up from its switches; none without the source sched, with a filter, or where switches were lost"},
	{Name: "unseen_ns", Unit: unitNS, Doc: "time that nobody is known to have had, because switches went unseen"},
	{Name: "off_ns", Unit: unitNS, Some: true, Doc: "idle_ns and busy_ns less wall_ns; none where busy_ns is none, or switches went unseen: busy_ns has that time, too"},
	{Name: "steal_ns", Unit: unitNS, Some: true, Doc: "time that the hypervisor gave to others while the CPU had work, of /proc/stat"},
	{Name: "irq_ns", Unit: unitNS, Some: true, Doc: "time in interrupts, of /proc/stat; 0 where the kernel does not measure it"},
	{Name: "softirq_ns", Unit: unitNS, Some: true, Doc: "time in soft interrupts, of /proc/stat; 0 where the kernel does not measure it"},
}

var auditIntervalColumns = []ColumnSpec{
	{Name: "time", Unit: unitInstant, Doc: "when the sums were read: the end of the interval"},
	{Name: "interval_ns", Unit: unitNS, Doc: "since the thread's row of sums before that, or since the recording began"},
	{Name: "tid", Doc: "thread id"},
	{Name: "comm", Text: true, Doc: "its name"},
	{Name: "on_cpu_ns", Unit: unitNS, Doc: "time on a CPU within the interval by the sums"},
	{Name: "switches_off_ns", Unit: unitNS, Some: true, Doc: "that less the time by switches; none where switches of the thread had gone unseen until then, or any were lost"},
	{Name: "clock_off_ns", Unit: unitNS, Doc: "CPU time less that"},
}

// audited is what is known of whoever had a thread id: switches know no more of
// a thread, and one that executes a file takes another's.
type audited struct {
	pid      uint32
	start    int64 // of the one that now is of
	past     sums  // of series that ended
	now      sums  // last row
	exited   bool  // it is the last of its series
	switches int64 // ns on a CPU, in stays that ended
	unsure   bool  // switches of it are missing
	read     int64 // when its last row is from
	off      int64 // on_cpu_ns less switches, at that time
	clock    int64 // cpu_time_ns less on_cpu_ns, at that time
}

// auditedCPU is what is known of a CPU.
type auditedCPU struct {
	idle, unseen, steal, irq, softirq uint64
	busy                              int64
	stat                              bool
}

type auditPass struct {
	env      *Env
	end      int64 // what happened after that is in no sums
	lost     bool  // switches are, so that those of any thread may be missing
	ledger   *ledger
	timeline *timeline
	threads  replay.ByNumber[audited]
	cpus     replay.ByNumber[auditedCPU]
	worst    []auditedInterval
	broken   int

	unseen unseenIntervals

	idle, unseenNS, steal, irq, softirq format.Col
}

// auditedInterval is the time between two rows of a thread's sums.
type auditedInterval struct {
	from, to   int64
	tid        uint32
	comm       Value
	onCPU      uint64
	off, clock int64
	unsure     bool
}

func (i *auditedInterval) size() uint64 {
	if i.unsure {
		return uint64(abs(i.clock))
	}
	return uint64(max(abs(i.off), abs(i.clock)))
}

func abs(n int64) int64 { return max(n, -n) }

func newAudit(env *Env) Pass {
	c := env.Capture
	ledger := newLedger(c)
	p := &auditPass{
		env: env, end: math.MaxInt64, ledger: ledger, timeline: newTimeline(c, ledger.tasks),
		unseenNS: c.Col("unseen_ns"),
		idle:     c.Col("idle_ns"), steal: c.Col("steal_ns"), irq: c.Col("irq_ns"), softirq: c.Col("softirq_ns"),
	}
	p.timeline.occupy(c, c.Meta().Start.UnixNano()) // sums are read while nobody has left a CPU yet
	if c.Cut() != nil {
		p.end, _ = lastReading(c)
	}
	p.lost = p.timeline.unseen.Lost(-1, math.MinInt64, math.MaxInt64)
	p.unseen = newUnseenIntervals(p.timeline.unseen, p.end)
	_ = p.ledger.tasks.Preload(c) // what cannot be read ends the pass itself
	return p
}

func (p *auditPass) Event(e replay.Event) error {
	kind := e.Kind().Name
	if e.Time() > p.end && slices.Contains([]string{"sched_switch", "task_sum", "cpu_sum", "cpu_stat"}, kind) {
		return nil
	}
	switch kind {
	case "sched_switch":
		p.stay(p.timeline.stay(e), e)
	case "task_sum":
		p.sum(e)
	case "cpu_sum":
		c := p.cpu(e.CPU())
		c.idle, c.unseen = e.Uint(p.idle), e.Uint(p.unseenNS)
	case "cpu_stat":
		c := p.cpu(e.CPU())
		c.steal, c.irq, c.softirq, c.stat = e.Uint(p.steal), e.Uint(p.irq), e.Uint(p.softirq), true
	default:
		p.ledger.event(e)
	}
	return nil
}

func (p *auditPass) cpu(number int) *auditedCPU {
	c := p.cpus.Get(uint32(number))
	if c == nil {
		c = &auditedCPU{}
		p.cpus.Set(uint32(number), c)
	}
	return c
}

func (p *auditPass) thread(tid uint32) *audited {
	a := p.threads.Get(tid)
	if a == nil {
		a = &audited{read: p.env.Capture.Meta().Start.UnixNano()}
		p.threads.Set(tid, a)
	}
	return a
}

// Switches takes switches that follow each other.
func (p *auditPass) Switches(r replay.Run) {
	if within, _ := r.Split(p.end); within.Len() > 0 {
		p.timeline.stays(within, p.stay)
	}
}

func (p *auditPass) stay(s *stay, _ replay.Event) {
	if s.broken {
		p.broken++
		p.thread(s.tid).unsure = true
		p.thread(s.expected).unsure = true
	}
	if s.tid == 0 || s.away {
		return
	}
	p.cpu(s.cpu).busy += s.to - s.from
	p.thread(s.tid).switches += s.to - s.from
}

// sum holds a row of sums against the switches up to then.
func (p *auditPass) sum(e replay.Event) {
	l := p.ledger
	tid, start := e.TID(), e.Int(l.start)
	a, row, t := p.thread(tid), l.row(e), e.Time()
	before := a.total().onCPU
	if (a.exited || start != a.start) && row != a.now {
		a.past.add(a.now)
	}
	a.pid, a.start, a.now, a.exited = e.PID(), start, row, l.ended(e)
	total := a.total()
	open, unseen := p.open(tid, t)
	off, clock := int64(total.onCPU)-a.switches-open, int64(total.cpuTime-total.onCPU)
	i := auditedInterval{from: a.read, to: t, tid: tid, comm: p.name(tid), onCPU: total.onCPU - before, off: off - a.off, clock: clock - a.clock, unsure: unseen || p.unsure(a)}
	if i.size() > 0 {
		p.worst = keepLarge(p.worst, i, worstIntervals, (*auditedInterval).size)
	}
	a.read, a.off, a.clock = t, off, clock
}

func (a *audited) total() sums {
	t := a.past
	t.add(a.now)
	return t
}

// name is the last name of a thread so far.
func (p *auditPass) name(tid uint32) Value {
	if task, ok := p.ledger.tasks.Lookup(tid); ok {
		return task.Comm
	}
	return nil
}

// open is how long a thread has been on a CPU that it was not seen to leave, and
// whether it may have left it unseen.
func (p *auditPass) open(tid uint32, t int64) (ns int64, unseen bool) {
	p.timeline.cpus.All(func(cpu uint32, seat *seat) {
		if seat.tid == tid && t > seat.since {
			ns += t - seat.since
			unseen = unseen || p.timeline.unseen.Covers(int(cpu), t)
		}
	})
	return ns, unseen
}

// unsure tells whether nothing can be said of a thread's switches.
func (p *auditPass) unsure(a *audited) bool { return a.unsure || !p.switches() }

// switches tells whether there are all switches since the sums began that were seen.
func (p *auditPass) switches() bool {
	return !p.lost && !p.env.Missing("sched_switch") && p.env.asked.open()
}

// wall is for how long there are sums.
func (p *auditPass) wall() uint64 {
	r := p.env.Recording
	if p.end == math.MaxInt64 {
		return r.DurationNS
	}
	return uint64(max(0, p.end-r.Start.UnixNano()))
}

// worstIntervals is how many of the largest disagreements are kept.
const worstIntervals = 10

// Tables are the threads, the CPUs and the intervals.
func (p *auditPass) Tables() []Table {
	end := min(p.end, p.env.Recording.End.UnixNano())
	p.timeline.cpus.All(func(number uint32, seat *seat) {
		if p.timeline.unseen.Covers(int(number), end) {
			p.broken++
			p.thread(seat.tid).unsure = true
		}
		if seat.tid != 0 && seat.since < end {
			p.cpu(int(number)).busy += end - seat.since
			p.thread(seat.tid).switches += end - seat.since
		}
	})
	threads := Table{Title: "Threads", Columns: audit.Columns}
	verdict := auditVerdict{pass: p}
	for _, tid := range p.threads.Numbers() {
		if a := p.thread(tid); tid != 0 && a.pid != 0 {
			verdict.thread(a)
			threads.Rows = append(threads.Rows, p.row(tid, a))
		}
	}
	cpus := p.cpuTable(&verdict)
	threads.Notes = verdict.lines()
	return []Table{threads, cpus, p.intervals(), p.unseen.table()}
}

func (p *auditPass) row(tid uint32, a *audited) []Value {
	total := a.total()
	clock := int64(total.cpuTime - total.onCPU)
	row := []Value{uint64(a.pid), uint64(tid), p.name(tid), nil, total.onCPU, total.cpuTime, nil, clock, uint64(abs(clock))}
	if !p.unsure(a) {
		off := int64(total.onCPU) - a.switches
		row[3], row[6], row[8] = uint64(a.switches), off, uint64(max(abs(off), abs(clock)))
	}
	return row
}

func (p *auditPass) cpuTable(v *auditVerdict) Table {
	t := Table{Title: "CPUs", Columns: auditCPUColumns, Own: true}
	wall := p.wall()
	switches := p.switches() && p.env.Recording.Filter == ""
	for _, number := range p.cpus.Numbers() {
		c := p.cpus.Get(number)
		row := []Value{uint64(number), wall, c.idle, nil, c.unseen, nil, nil, nil, nil}
		if switches {
			row[3] = uint64(c.busy)
		}
		if switches && !p.unseen.of(int(number)) {
			off := int64(c.idle) + c.busy - int64(wall)
			row[5] = off
			v.cpuOff = max(v.cpuOff, abs(off))
		}
		if c.stat {
			row[6], row[7], row[8] = c.steal, c.irq, c.softirq
			v.steal += c.steal
		}
		v.idle += c.idle
		v.unseen += c.unseen
		t.Rows = append(t.Rows, row)
	}
	v.cpus = len(t.Rows)
	return t
}

func (p *auditPass) intervals() Table {
	t := Table{Title: "Largest disagreements of an interval", Columns: auditIntervalColumns, Own: true}
	for _, i := range p.worst {
		row := []Value{i.to, uint64(i.to - i.from), uint64(i.tid), i.comm, i.onCPU, i.off, i.clock}
		if i.unsure {
			row[5] = nil
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// auditVerdict adds up what the last lines say.
type auditVerdict struct {
	pass            *auditPass
	onCPU, cpuTime  uint64
	idle, steal     uint64
	unseen          uint64
	cpus            int
	cpuOff          int64 // the most of a CPU
	compared, wrong int   // threads whose switches are all there
	mostOff         int64
}

func (v *auditVerdict) thread(a *audited) {
	total := a.total()
	v.onCPU += total.onCPU
	v.cpuTime += total.cpuTime
	if v.pass.unsure(a) {
		return
	}
	v.compared++
	if off := abs(int64(total.onCPU) - a.switches); off != 0 {
		v.wrong++
		v.mostOff = max(v.mostOff, off)
	}
}

// lines are the verdict, and what it rests on.
func (v *auditVerdict) lines() []string {
	r := v.pass.env.Recording
	wall := uint64(max(r.CPUs, v.cpus)) * v.pass.wall()
	off := int64(v.onCPU+v.idle+v.unseen) - int64(wall)
	everybody := r.Filter == "" && v.pass.env.asked.open()
	var wrong []string
	if everybody && off != 0 {
		wrong = append(wrong, fmt.Sprintf("time on a CPU and idle is %s off the wall clock", difference(off)))
	}
	if v.cpuOff != 0 {
		wrong = append(wrong, fmt.Sprintf("a CPU's switches and idle time are %s off the wall clock", duration(uint64(v.cpuOff))))
	}
	if v.wrong > 0 {
		wrong = append(wrong, fmt.Sprintf("of %d of %d threads switches and sums differ, by up to %s", v.wrong, v.compared, duration(uint64(v.mostOff))))
	}
	if missing := v.pass.broken - v.pass.unseen.n; missing > 0 && v.pass.env.asked.open() {
		wrong = append(wrong, fmt.Sprintf("switches are missing in %d places", missing))
	}
	if slices.ContainsFunc(v.pass.env.losses(), func(l Loss) bool { return !l.Unseen() }) {
		wrong = append(wrong, "events were lost")
	}
	lines := []string{fmt.Sprintf("CPU time is %+.3f%% of time on a CPU; the host stole %s.", 100*apart(v.cpuTime, v.onCPU), duration(v.steal))}
	if everybody {
		lines = append(lines, fmt.Sprintf("Time on a CPU and idle adds up to %d ns, %+d ns of %d CPUs x %d ns.", v.onCPU+v.idle+v.unseen, off, max(r.CPUs, v.cpus), v.pass.wall()))
	}
	if v.pass.end != math.MaxInt64 {
		lines = append(lines, "The recording was cut short: this is of its time up to the last reading of the sums.")
	}
	if v.pass.unseen.n > 0 {
		lines = append(lines, v.pass.unseen.sentence(v.unseen))
	}
	switch {
	case len(wrong) == 0 && v.compared > 0:
		return append(lines, fmt.Sprintf("Verdict: exact. Switches and sums agree to the nanosecond for %d threads, and with the wall clock.", v.compared))
	case len(wrong) == 0:
		return append(lines, "Verdict: nothing is wrong. There are no switches of the whole recording to hold the sums against.")
	}
	return append(lines, "Verdict: not exact: "+strings.Join(wrong, "; ")+".")
}

// apart is how much more a is than b, as a share of b.
func apart(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(int64(a-b)) / float64(b)
}
