// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"
)

// seriesColumns are those of CPU time over time.
var seriesColumns = []ColumnSpec{
	{Name: "time", Unit: unitInstant, Doc: "when the interval begins"},
	{Name: "pid", Some: true, Doc: "process id, as in the table of processes"},
	{Name: "tid", Some: true, Doc: "thread id, where rows are of threads"},
	{Name: "comm", Text: true, Doc: "name, as in the table of processes"},
	{Name: "on_cpu_ns", Unit: unitNS, Doc: "wall time on a CPU within the interval; who had none has no row. Where switches were not recorded, what was used between two readings of the sums counts for the interval of the second"},
	{Name: "cpu_percent", Unit: unitPercent, Doc: "that as a share of one CPU over the interval"},
}

// mostCells is how many intervals of threads are kept, some 200 MB.
const mostCells = 4 << 20

var errFineSeries = errors.New("too many intervals for so many threads: make them longer, or the span shorter")

// fallible is a pass that may find out only at its end, when it adds what is still
// under way, that there are more intervals than it can keep.
type fallible interface{ seriesError() error }

// series is time on a CPU by interval and thread.
type series struct {
	begin    int64
	interval int64
	threads  map[*thread]map[int64]uint64 // by number of the interval
	cells    int
	err      error
}

func newSeries(begin int64, interval time.Duration) *series {
	return &series{begin: begin, interval: int64(interval), threads: map[*thread]map[int64]uint64{}}
}

// add gives a thread's time from one instant to another to the intervals that it
// lies in.
func (s *series) add(t *thread, from, to int64) {
	if (to-from)/s.interval > int64(mostCells-s.cells) { // a thread's times lie in intervals of their own
		s.err = errFineSeries
	}
	for from < to && s.err == nil {
		i := (from - s.begin) / s.interval
		end := min(to, s.begin+(i+1)*s.interval)
		s.put(t, i, uint64(end-from))
		from = end
	}
}

// at gives time to the interval of an instant.
func (s *series) at(t *thread, when int64, ns uint64) {
	if ns > 0 {
		s.put(t, max(0, when-1-s.begin)/s.interval, ns)
	}
}

func (s *series) put(t *thread, i int64, ns uint64) {
	by := s.threads[t]
	if by == nil {
		by = map[int64]uint64{}
		s.threads[t] = by
	}
	if _, ok := by[i]; !ok {
		if s.cells++; s.cells > mostCells {
			s.err = errFineSeries
			return
		}
	}
	by[i] += ns
}

// table adds the threads up as the rows of cputime are.
func (s *series) table(p *cpuTimePass) Table {
	type cell struct {
		interval int64
		group    groupID
	}
	cells, names := map[cell]uint64{}, p.groups.of(p.ledger)
	for id, t := range p.ledger.threads {
		leader := p.ledger.leaders[t.process]
		for ; t != nil; t = t.prev {
			g := p.groups.group(id, t, &leader)
			for i, ns := range s.threads[t] {
				cells[cell{i, g}] += ns
			}
		}
	}
	table := Table{Title: "CPU time over time", Columns: seriesColumns, Own: true}
	keys := slices.SortedFunc(maps.Keys(cells), func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.interval, b.interval), cmp.Compare(cells[b], cells[a]), compareGroups(a.group, b.group))
	})
	for _, k := range keys {
		row := p.row(k.group, names[k.group])
		table.Rows = append(table.Rows, []Value{s.begin + k.interval*s.interval, row[0], row[1], row[2], cells[k], share(cells[k], uint64(s.interval))})
	}
	_ = p.env.Options.pick(&table) // it has the columns
	table.Cut(p.env.Options.Top)
	return table
}
