// SPDX-License-Identifier: Apache-2.0

package analyze

import "slices"

var cpuWhole = slices.Concat(pick(cputime.Columns, "threads", "cpu_time_ns", "cpu_time_min_ns", "cpu_time_max_ns", "on_cpu_ns"), []ColumnSpec{
	{Name: "idle_ns", Unit: unitNS, Some: true, Doc: "wall time in which CPUs ran their idle tasks; none with --pid and --comm, and where on_cpu_ns of CPUs is not known"},
}, pick(cputime.Columns, "cpu_percent", "run_queue_ns", "switches", "voluntary", "involuntary", "migrations"))

// cpuSum is what all processes used, kernel threads included.
type cpuSum struct {
	threads     uint64
	used        sums
	least, most uint64
	idle        uint64
	noIdle      bool // it is not known, or was not asked for: only some processes were
}

func (p *cpuTimePass) whole(o *Options) (sum, []string) {
	all := p.groups.of(p.ledger)
	open := p.open(p.total(all), all)
	s, unread := &cpuSum{noIdle: p.idleUnknown || len(o.PIDs)+len(o.Comms) > 0}, false
	for id, q := range all {
		if !o.picks(id.pid, q.leader.Comm) || !q.ran && open.any == 0 {
			continue
		}
		s.threads += uint64(q.threads)
		s.used.add(q.used)
		s.least += q.least
		s.most += q.most
		unread = unread || q.unread
	}
	if !p.env.exact {
		s.least, s.most = s.used.cpuTime, s.used.cpuTime+open.of(&process{used: s.used, unread: unread})
	}
	s.idle = p.idle.sum()
	return s, p.spanNotes()
}

// whole is that of the span.
func (x *exactCPUTime) whole(o *Options) (sum, []string) {
	x.settle()
	return x.cpuTimePass.whole(o)
}

func (s *cpuSum) add(other sum) {
	o := other.(*cpuSum)
	s.threads += o.threads
	s.used.add(o.used)
	s.least += o.least
	s.most += o.most
	s.idle += o.idle
	s.noIdle = s.noIdle || o.noIdle
}

func (s *cpuSum) values(recordedNS uint64) []Value {
	u := &s.used
	var idle, percent Value = s.idle, nil
	if s.noIdle {
		idle = nil
	}
	if recordedNS > 0 {
		percent = share(u.cpuTime, recordedNS)
	}
	return []Value{s.threads, u.cpuTime, s.least, s.most, u.onCPU, idle, percent, u.runQueue, u.voluntary + u.involuntary, u.voluntary, u.involuntary, u.migrations}
}

var waitWhole = pick(runqlat.Columns, "waits", "total_ns", "average_ns", "p50_ns", "p90_ns", "p99_ns", "max_ns")

// waitSum is all waits for a CPU.
type waitSum struct{ latencies }

func (p *runqPass) whole(*Options) (sum, []string) {
	s := &waitSum{}
	for _, w := range p.by {
		s.merge(&w.latencies)
	}
	return s, p.brokenNotes()
}

func (s *waitSum) add(other sum) { s.merge(&other.(*waitSum).latencies) }

func (s *waitSum) values(uint64) []Value {
	return (&waits{latencies: s.latencies}).row()[3:]
}

// offCPUSum is where the time of all threads went.
type offCPUSum struct{ offCPURow }

func (p *offCPUPass) whole(*Options) (sum, []string) {
	p.end()
	s := &offCPUSum{}
	for _, w := range p.threads {
		if w.ran {
			s.offCPURow.add(w)
		}
	}
	return s, p.notes()
}

func (s *offCPUSum) add(other sum) {
	o := &other.(*offCPUSum).offCPURow
	w := whereabouts{spent: o.spent, voluntary: o.voluntary, preempted: o.preempted, migrations: o.migrations, by: o.by}
	threads := s.threads + o.threads
	s.offCPURow.add(&w)
	s.threads = threads
}

func (s *offCPUSum) values(uint64) []Value { return s.offCPURow.values()[3:] }
