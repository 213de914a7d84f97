// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ebrec/ebrec/replay"
)

var summary = Analysis{
	Name:    "summary",
	Doc:     "One screen: how busy the CPUs were, who used them, who waited, what failed, how TCP fared",
	Needs:   summaryNeeds(),
	Sort:    "on_cpu_ns",
	Sums:    true,
	Columns: pick(cputime.Columns, "pid", "comm", "threads", "cpu_time_ns", "on_cpu_ns", "cpu_percent", "run_queue_ns", "switches"),
	Also: []Table{
		{Title: "CPUs", Columns: []ColumnSpec{
			{Name: "cpu", Doc: "number of the CPU"},
			{Name: "busy_percent", Unit: unitPercent, Doc: "share of the time in which it ran threads"},
			{Name: "idle_ns", Unit: unitNS, Doc: "wall time in which it ran its idle task"},
			{Name: "unseen_ns", Unit: unitNS, Doc: "time that nobody is known to have had, because switches went unseen"},
		}},
		{Title: "Failures", Columns: pick(lifetimes.Columns, "pid", "ppid", "comm", "filename", "lifetime_ns", "exit_code", "signal")},
		{Title: "Longest waits for a CPU", Columns: worstColumns},
		{Title: "TCP connections", Columns: []ColumnSpec{
			{Name: "direction", Text: true, Doc: "who opened the connections: active this side, passive the other; unknown when they are older than the recording"},
			{Name: "connections", Unit: unitCount, Doc: "how many"},
			{Name: "failed", Unit: unitCount, Doc: "those that ended otherwise than closed, and were not open at the end"},
			{Name: "requests", Unit: unitCount, Doc: "times that an answer began to arrive after the process had sent"},
			{Name: "response_max_ns", Unit: unitNS, Some: true, Doc: "from the last byte sent to the first byte that came back: longest; none without requests"},
			{Name: "retransmits", Unit: unitCount, Doc: "segments retransmitted since the connections began; like the bytes, none where one of them was open at the end of the recording (or the span) and not listed then"},
			{Name: "tx_bytes", Unit: unitBytes, Doc: "payload bytes sent since the connections began"},
			{Name: "rx_bytes", Unit: unitBytes, Doc: "payload bytes received since the connections began"},
		}},
	},
	New: newSummary,
}

// summarized are the analyses that the summary is made of.
var summarized = []*Analysis{&cputime, &lifetimes, &runqlat, &tcplat}

// summaryRows is how many rows a table of the summary has.
const summaryRows = 5

// summaryNeeds are those of all, none of which must be there but the tasks.
func summaryNeeds() (needs []Need) {
	for _, a := range summarized {
		for _, n := range a.Needs {
			n.Optional = n.Kind != "task"
			needs = append(needs, n)
		}
	}
	return needs
}

// pick are some of an analysis's columns.
func pick(columns []ColumnSpec, names ...string) (some []ColumnSpec) {
	for _, name := range names {
		for _, c := range columns {
			if c.Name == name {
				some = append(some, c)
			}
		}
	}
	return some
}

// summaryPass runs the analyses side by side, each for its own kinds. Those of
// sums have a window that begins and ends where sums were read, the others the
// one that was asked for.
type summaryPass struct {
	env    *Env
	passes []Pass // of summarized; nil: the capture has not what it needs
	byKind map[string][]Pass
	sums   Pass
	waits  switcher // the pass of switches; nil: there are none
	begun  bool     // the window that was asked for
}

func newSummary(env *Env) Pass {
	p := &summaryPass{env: env, byKind: map[string][]Pass{}}
	for _, a := range summarized {
		if checkNeeds(env.Capture, a) != nil {
			p.passes = append(p.passes, nil)
			continue
		}
		one := a.New(env)
		p.passes = append(p.passes, one)
		if a.Sums {
			p.sums = one
		}
		if a == &runqlat {
			p.waits = one.(switcher)
		}
		var kinds []string
		for _, n := range a.Needs {
			if !slices.Contains(kinds, n.Kind) {
				kinds = append(kinds, n.Kind)
				p.byKind[n.Kind] = append(p.byKind[n.Kind], one)
			}
		}
	}
	return p
}

func (p *summaryPass) Event(e replay.Event) error {
	if !p.begun && e.Time() > p.env.asked.from {
		p.beginOthers()
	}
	late := p.env.asked.to != 0 && e.Time() > p.env.asked.to
	for _, one := range p.byKind[e.Kind().Name] {
		if late && one != p.sums {
			continue
		}
		if err := one.Event(e); err != nil {
			return err
		}
	}
	return nil
}

// Switches takes switches that follow each other.
func (p *summaryPass) Switches(r replay.Run) {
	if !p.begun {
		var before replay.Run
		if before, r = r.Split(p.env.asked.from); before.Len() > 0 {
			p.waits.Switches(before)
		}
		if r.Len() == 0 {
			return
		}
		p.beginOthers()
	}
	if p.env.asked.to != 0 {
		r, _ = r.Split(p.env.asked.to)
	}
	if r.Len() > 0 {
		p.waits.Switches(r)
	}
}

// Begin begins the window of sums.
func (p *summaryPass) Begin() {
	if p.sums != nil {
		begin(p.sums)
	}
}

// beginOthers begins the window that was asked for.
func (p *summaryPass) beginOthers() {
	p.begun = true
	for _, one := range p.passes {
		if one != nil && one != p.sums {
			begin(one)
		}
	}
}

// Tables are the few rows that matter of each.
func (p *summaryPass) Tables() []Table {
	if !p.begun {
		p.beginOthers()
	}
	tables := []Table{{Title: "Processes", Columns: summary.Columns}}
	if all := p.end(0); all != nil {
		tables[0] = p.processes(&all[0])
		tables = append(tables, p.cpus(&all[2]))
	}
	if lives := p.end(1); lives != nil {
		tables = append(tables, failures(&lives[0]))
	}
	if waits := p.end(2); waits != nil {
		t := waits[3]
		t.Title, t.Rows = summary.Also[2].Title, t.Rows[:min(len(t.Rows), summaryRows)]
		tables = append(tables, t)
	}
	if tcp := p.end(3); tcp != nil {
		tables = append(tables, connections(&tcp[0]))
	}
	return tables
}

// end takes the tables of one of the analyses, and forgets it: all rows of all of
// them at once would be much.
func (p *summaryPass) end(i int) []Table {
	one := p.passes[i]
	if one == nil {
		return nil
	}
	p.passes[i], p.byKind, p.sums, p.waits = nil, nil, nil, nil
	return one.Tables()
}

// columnsOf gives the places of the columns of to in the rows of from.
func columnsOf(from *Table, to []ColumnSpec) (at []int) {
	for _, c := range to {
		at = append(at, slices.IndexFunc(from.Columns, func(f ColumnSpec) bool { return f.Name == c.Name }))
	}
	return at
}

func project(row []Value, at []int) (some []Value) {
	for _, i := range at {
		some = append(some, row[i])
	}
	return some
}

// processes are the busiest.
func (p *summaryPass) processes(from *Table) Table {
	t := Table{Title: "Processes", Columns: summary.Columns}
	at := columnsOf(from, t.Columns)
	for _, row := range from.Rows {
		t.Rows = append(t.Rows, project(row, at))
	}
	_ = t.order(summary.Sort) // it is one of the columns
	t.Cut(summaryRows)
	return t
}

// cpus are made of the rows that cputime has of the time that was no thread's.
func (p *summaryPass) cpus(own *Table) Table {
	t := Table{Title: "CPUs", Columns: summary.Also[0].Columns, Own: true}
	at := columnsOf(own, pick(cputime.Columns, "comm", "on_cpu_ns"))
	of := map[string]map[uint64]uint64{"idle": {}, "unseen": {}}
	for _, row := range own.Rows {
		class, number, _ := strings.Cut(row[at[0]].(string), "/")
		cpu, err := strconv.ParseUint(number, 10, 32)
		if ns, known := row[at[1]].(uint64); known && err == nil && of[class] != nil {
			of[class][cpu] = ns
		}
	}
	for _, cpu := range slices.Sorted(maps.Keys(of["idle"])) {
		idle, unseen := of["idle"][cpu], of["unseen"][cpu]
		var busy Value
		if d := p.env.Recording.DurationNS; d > 0 {
			busy = share(d-min(d, idle+unseen), d)
		}
		t.Rows = append(t.Rows, []Value{cpu, busy, idle, unseen})
	}
	return t
}

// failures are the last processes that ended with another status than 0, the latest first.
func failures(from *Table) Table {
	t := Table{Title: "Failures", Columns: summary.Also[1].Columns, Own: true}
	at, when := columnsOf(from, t.Columns), columnsOf(from, pick(lifetimes.Columns, "start", "lifetime_ns"))
	status := columnsOf(from, pick(lifetimes.Columns, "exit_code", "signal"))
	var failed [][]Value
	for _, row := range from.Rows {
		code, _ := row[status[0]].(uint64)
		signal, _ := row[status[1]].(uint64)
		if code != 0 || signal != 0 {
			failed = append(failed, row)
		}
	}
	ended := func(row []Value) int64 { return row[when[0]].(int64) + int64(row[when[1]].(uint64)) }
	slices.SortStableFunc(failed, func(a, b []Value) int { return cmp.Compare(ended(b), ended(a)) })
	for _, row := range failed {
		t.Rows = append(t.Rows, project(row, at))
	}
	t.Cut(summaryRows)
	return t
}

// connections adds up by direction. A figure that is not known of one connection is not
// known of all; those that failed to connect have none, and carried nothing.
func connections(from *Table) Table {
	t := Table{Title: "TCP connections", Columns: summary.Also[3].Columns, Own: true}
	at := columnsOf(from, pick(tcplat.Columns, "direction", "outcome", "requests", "response_max_ns", "retransmits", "tx_bytes", "rx_bytes"))
	for _, direction := range []string{"active", "passive", "unknown"} {
		var n, failed uint64
		sums := []Value{uint64(0), nil, uint64(0), uint64(0), uint64(0)}
		for _, row := range from.Rows {
			if row[at[0]] != direction {
				continue
			}
			n++
			ended := !slices.Contains([]string{"closed", "closing", "open", "unknown"}, row[at[1]].(string))
			failed += uint64(boolInt(ended))
			for i := range sums {
				sums[i] = tallyFigure(sums[i], row[at[2+i]], i == 1, ended)
			}
		}
		if n > 0 {
			t.Rows = append(t.Rows, append([]Value{direction, n, failed}, sums...))
		}
	}
	return t
}

// tallyFigure adds a figure of a connection, or takes it when it is the longest time; none of
// a connection that ended is nothing.
func tallyFigure(sum, figure Value, longest, ended bool) Value {
	before, known := sum.(uint64)
	n, told := figure.(uint64)
	switch {
	case longest && told:
		return max(before, n)
	case longest || !told && ended:
		return sum
	case !told || !known:
		return nil
	}
	return before + n
}
