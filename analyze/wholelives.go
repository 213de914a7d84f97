// SPDX-License-Identifier: Apache-2.0

package analyze

var livesWhole = []ColumnSpec{
	{Name: "processes", Unit: unitCount, Doc: "processes that there were within the recording; kernel threads older than it are left out"},
	{Name: "started", Unit: unitCount, Doc: "those that began within it"},
	{Name: "exited", Unit: unitCount, Doc: "those that ended within it"},
	{Name: "failed", Unit: unitCount, Doc: "those that a signal ended, or that ended with another status than 0"},
	{Name: "lifetime_p50_ns", Unit: unitNS, Doc: "from start to exit, of those that ended: median (nearest rank)"},
	{Name: "lifetime_p99_ns", Unit: unitNS, Doc: "the same, 99th percentile (nearest rank)"},
	{Name: "lifetime_max_ns", Unit: unitNS, Doc: "the same, longest"},
}

// lifeSum is the lives of all processes.
type lifeSum struct {
	processes, started, failed uint64
	lifetimes                  latencies // of those that ended
}

func (p *lifetimesPass) whole(o *Options) (sum, []string) {
	s := &lifeSum{}
	all := p.all()
	for i := range all {
		l := &all[i]
		if !o.picks(l.id.pid, l.comm) {
			continue
		}
		s.processes++
		s.started += uint64(boolInt(!l.before))
		s.failed += uint64(boolInt(l.exitCode != 0 || l.signal != 0))
		if l.exited {
			s.lifetimes.add(l.lifetime)
		}
	}
	return s, nil
}

func (s *lifeSum) add(other sum) {
	o := other.(*lifeSum)
	s.processes += o.processes
	s.started += o.started
	s.failed += o.failed
	s.lifetimes.merge(&o.lifetimes)
}

func (s *lifeSum) values(uint64) []Value {
	return []Value{s.processes, s.started, s.lifetimes.count, s.failed, s.lifetimes.percentile(50), s.lifetimes.percentile(99), s.lifetimes.max()}
}

var execsWhole = []ColumnSpec{
	{Name: "execs", Unit: unitCount, Doc: "files that were executed"},
	{Name: "execs_per_s", Unit: "1/s", Doc: "the same by recorded second"},
}

// execSum is how many files were executed.
type execSum struct{ n uint64 }

func (p *execsPass) whole(*Options) (sum, []string) {
	s := &execSum{}
	for _, t := range p.byFile {
		s.n += t.count
	}
	return s, nil
}

func (s *execSum) add(other sum)                    { s.n += other.(*execSum).n }
func (s *execSum) values(recordedNS uint64) []Value { return []Value{s.n, perSecond(s.n, recordedNS)} }

var opensWhole = []ColumnSpec{
	{Name: "opens", Unit: unitCount, Doc: "calls to open a file"},
	{Name: "opens_per_s", Unit: "1/s", Doc: "the same by recorded second"},
	{Name: "failed", Unit: unitCount, Doc: "how many of them failed"},
	{Name: "total_ns", Unit: unitNS, Doc: "how long they took, added up"},
	{Name: "average_ns", Unit: unitNS, Doc: "how long one took on average, rounded down"},
}

// openSum is how files were opened.
type openSum struct{ tallied }

func (p *opensPass) whole(*Options) (sum, []string) {
	s := &openSum{}
	for _, t := range p.byName {
		s.more(t)
	}
	return s, nil
}

func (s *openSum) more(t *tallied) {
	s.count += t.count
	s.failed += t.failed
	s.ns += t.ns
}

func (s *openSum) add(other sum) { s.more(&other.(*openSum).tallied) }

func (s *openSum) values(recordedNS uint64) []Value {
	var average Value
	if s.count > 0 {
		average = s.ns / s.count
	}
	return []Value{s.count, perSecond(s.count, recordedNS), s.failed, s.ns, average}
}
