// SPDX-License-Identifier: Apache-2.0

package second

import (
	"fmt"
	"slices"
	"strings"
)

// ledgers are what is held against each other, of all that was recorded.
type ledgers struct {
	r      *recording
	end    int64 // when sums were read last: what came after is in none
	sums   map[uint32][]*event
	stays  []spentBy
	gaps   int                // times on a CPU that are no one's
	broken map[uint32][]int64 // when switches of a thread id went missing
}

// spentBy is a time on a CPU of whoever had a thread id.
type spentBy struct {
	tid      uint32
	cpu      uint64
	from, to int64
	whole    bool // it was seen to come
}

// audit reads all that is held against each other.
func (r *recording) audit() *ledgers {
	l := &ledgers{r: r, end: r.end, sums: map[uint32][]*event{}, broken: map[uint32][]int64{}}
	if r.cut {
		l.end, _ = around(r.readings(), r.end)
	}
	for _, e := range r.of("task_sum") {
		if e.at <= l.end {
			l.sums[e.id("tid")] = append(l.sums[e.id("tid")], e)
		}
	}
	for _, s := range r.stays() {
		if s.from >= l.end {
			continue
		}
		if s.to > l.end {
			l.last(s.cpu, s.expected, s.from)
			continue
		}
		if s.broken {
			l.gaps++
			l.broken[s.expected] = append(l.broken[s.expected], s.from) // it may have left then
			l.broken[s.tid] = append(l.broken[s.tid], s.to)             // until then sums and switches lack its time
		}
		l.stays = append(l.stays, spentBy{s.tid, s.cpu, s.from, s.to, !s.broken})
	}
	for cpu, tid := range r.still() {
		l.last(cpu, tid, r.begin)
	}
	for cpu, e := range r.open() {
		l.last(cpu, e.id("next_tid"), e.at)
	}
	return l
}

// last takes the time on a CPU that had not ended.
func (l *ledgers) last(cpu uint64, tid uint32, from int64) {
	if from >= l.end {
		return
	}
	if slices.ContainsFunc(l.r.lost, func(e *event) bool {
		return e.s("loss_reason") == "unseen" && e.n("cpu") == cpu && e.i("since") < l.end && e.at >= l.end
	}) {
		l.gaps++
		l.broken[tid] = append(l.broken[tid], from)
	}
	l.stays = append(l.stays, spentBy{tid, cpu, from, l.end, true})
}

// whole tells whether all switches of a thread id are there up to an instant.
func (l *ledgers) whole(tid uint32, until int64) bool {
	return l.r.lossless() && !slices.ContainsFunc(l.broken[tid], func(at int64) bool { return at < until })
}

// switched is the time on a CPU of a thread id up to an instant.
func (l *ledgers) switched(tid uint32, until int64) (ns int64) {
	for _, s := range l.stays {
		if s.tid == tid && s.whole {
			ns += max(0, min(s.to, until)-s.from)
		}
	}
	return ns
}

// summed is what a column of all who had a thread id adds up to.
func (l *ledgers) summed(tid uint32, column string, until int64) (ns int64) {
	series := map[int64][]*event{}
	for _, e := range l.sums[tid] {
		if e.at <= until {
			series[e.i("start")] = append(series[e.i("start")], e)
		}
	}
	for _, rows := range series {
		ns += int64(total(rows, column))
	}
	return ns
}

// name is that of a thread id at an instant; nil: no row told.
func (l *ledgers) name(tid uint32, at int64) any {
	if id, known := l.r.who(tid, at); known {
		return l.r.people.at(id, at).comm
	}
	return nil
}

func size(n int64) int64 { return max(n, -n) }

// audited are the rows of thread ids.
func audited(r *recording, _ string) (rows [][]any) {
	l := r.audit()
	for tid, sums := range l.sums {
		onCPU, clock := l.summed(tid, "on_cpu_ns", l.end), l.summed(tid, "cpu_time_ns", l.end)
		row := []any{sums[len(sums)-1].n("pid"), uint64(tid), l.name(tid, r.end), nil, uint64(onCPU), uint64(clock), nil, clock - onCPU, uint64(size(clock - onCPU))}
		if l.whole(tid, l.end) {
			off := onCPU - l.switched(tid, l.end)
			row[3], row[6], row[8] = uint64(onCPU-off), off, uint64(max(size(off), size(clock-onCPU)))
		}
		rows = append(rows, row)
	}
	return rows
}

// latest are the last rows of a kind of each CPU.
func (l *ledgers) latest(kind string) map[uint64]*event {
	last := map[uint64]*event{}
	for _, e := range l.r.of(kind) {
		if e.at <= l.end {
			last[e.n("cpu")] = e
		}
	}
	return last
}

// auditedCPUs are the rows of CPUs.
func auditedCPUs(r *recording, _ string) (rows [][]any) {
	l := r.audit()
	sums, stats := l.latest("cpu_sum"), l.latest("cpu_stat")
	for cpu, sum := range sums {
		busy, unseen := int64(0), false
		for _, s := range l.stays {
			if s.cpu == cpu && s.tid != 0 {
				busy += s.to - s.from
			}
		}
		for _, e := range r.of("loss") {
			unseen = unseen || e.s("loss_reason") == "unseen" && e.n("cpu") == cpu && e.i("since") < l.end
		}
		wall := l.end - r.begin
		row := []any{cpu, uint64(wall), sum.n("idle_ns"), nil, sum.n("unseen_ns"), nil, nil, nil, nil}
		if all := r.lossless() && !r.filtered; all {
			row[3] = uint64(busy)
			if !unseen {
				row[5] = int64(sum.n("idle_ns")) + busy - wall
			}
		}
		if stat := stats[cpu]; stat != nil {
			row[6], row[7], row[8] = stat.n("steal_ns"), stat.n("irq_ns"), stat.n("softirq_ns")
		}
		rows = append(rows, row)
	}
	return rows
}

// disagreements are the intervals between two rows of a thread id's sums in which
// anything is off.
func disagreements(r *recording, _ string) (rows [][]any) {
	l := r.audit()
	for tid, sums := range l.sums {
		from := r.begin
		for _, e := range sums {
			grew := func(column string) int64 { return l.summed(tid, column, e.at) - l.summed(tid, column, from) }
			onCPU, clock := grew("on_cpu_ns"), grew("cpu_time_ns")
			row := []any{e.at, uint64(e.at - from), uint64(tid), l.name(tid, e.at), uint64(onCPU), nil, clock - onCPU}
			if l.whole(tid, e.at) {
				row[5] = onCPU - (l.switched(tid, e.at) - l.switched(tid, from))
			}
			if from = e.at; disagreement(row) > 0 {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// disagreement is how much is off in an interval.
func disagreement(row []any) uint64 {
	off, _ := row[5].(int64)
	return uint64(max(size(off), size(row[6].(int64))))
}

// longestUnseen are the intervals in which switches went unseen.
func longestUnseen(r *recording, _ string) (rows [][]any) {
	end := r.audit().end
	for _, e := range r.of("loss") {
		if e.s("loss_reason") == "unseen" && e.i("since") < end {
			rows = append(rows, []any{e.n("cpu"), e.i("since"), e.at, uint64(e.at - e.i("since")), e.n("lost")})
		}
	}
	return rows
}

func unseenLength(row []any) uint64 { return row[3].(uint64) }

// verdict is what an audit says at last, with all times in ns.
func (r *recording) verdict() (lines []string) {
	l := r.audit()
	onCPU, clock, compared, wrong, most := int64(0), int64(0), 0, 0, int64(0)
	for _, row := range audited(r, "") {
		onCPU, clock = onCPU+int64(row[4].(uint64)), clock+int64(row[5].(uint64))
		if off, whole := row[6].(int64); whole {
			if compared++; off != 0 {
				wrong++
			}
			most = max(most, size(off))
		}
	}
	idle, unseen, steal, cpuOff := int64(0), int64(0), int64(0), int64(0)
	cpus := auditedCPUs(r, "")
	for _, row := range cpus {
		stolen, _ := row[6].(uint64)
		off, _ := row[5].(int64)
		idle, unseen, steal = idle+int64(row[2].(uint64)), unseen+int64(row[4].(uint64)), steal+int64(stolen)
		cpuOff = max(cpuOff, size(off))
	}
	each := l.end - r.begin
	off, n, intervals := onCPU+idle+unseen-int64(max(r.cpus, len(cpus)))*each, max(r.cpus, len(cpus)), longestUnseen(r, "")
	var not []string
	if off != 0 && !r.filtered {
		not = append(not, fmt.Sprintf("time on a CPU and idle is %+d ns off the wall clock", off))
	}
	if cpuOff != 0 {
		not = append(not, fmt.Sprintf("a CPU's switches and idle time are %d ns off the wall clock", cpuOff))
	}
	if wrong > 0 {
		not = append(not, fmt.Sprintf("of %d of %d threads switches and sums differ, by up to %d ns", wrong, compared, most))
	}
	if missing := l.gaps - len(intervals); missing > 0 {
		not = append(not, fmt.Sprintf("switches are missing in %d places", missing))
	}
	if slices.ContainsFunc(r.of("loss"), func(e *event) bool { return e.s("loss_reason") != "unseen" }) {
		not = append(not, "events were lost")
	}
	share := 0.0
	if onCPU > 0 {
		share = 100 * float64(clock-onCPU) / float64(onCPU)
	}
	lines = append(lines, fmt.Sprintf("CPU time is %+.3f%% of time on a CPU; the host stole %d ns.", share, steal))
	if !r.filtered {
		lines = append(lines, fmt.Sprintf("Time on a CPU and idle adds up to %d ns, %+d ns of %d CPUs x %d ns.", onCPU+idle+unseen, off, n, each))
	}
	if r.cut {
		lines = append(lines, "The recording was cut short: this is of its time up to the last reading of the sums.")
	}
	if len(intervals) > 0 {
		lines = append(lines, fmt.Sprintf("Switches went unseen in %d intervals of CPUs: nobody is known to have had %d ns.", len(intervals), unseen))
	}
	switch {
	case len(not) > 0:
		return append(lines, "Verdict: not exact: "+strings.Join(not, "; ")+".")
	case compared > 0:
		return append(lines, fmt.Sprintf("Verdict: exact. Switches and sums agree to the nanosecond for %d threads, and with the wall clock.", compared))
	}
	return append(lines, "Verdict: nothing is wrong. There are no switches of the whole recording to hold the sums against.")
}
