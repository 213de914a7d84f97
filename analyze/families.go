// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// treeColumns are those of the process tree.
var treeColumns = []ColumnSpec{
	{Name: "pid", Doc: "process id"},
	{Name: "depth", Unit: unitCount, Doc: "generations below the oldest process that is known"},
	{Name: "tree", Text: true, Doc: "last name of the process's first thread, below that of the process that started it; from 64 generations on it moves no further to the right"},
	{Name: "lifetime_ns", Unit: unitNS, Doc: "from start to exit; of a running process to the end of the recording"},
	{Name: "cpu_time_ns", Unit: unitNS, Doc: "CPU time by the kernel's task clock since the process started, as in the table of processes"},
	{Name: "status", Text: true, Doc: "running, left (see state), exit status or signal"},
	{Name: "filename", Text: true, Some: true, Doc: "file that it executed last within the recording" + cutDoc},
	{Name: "args", Text: true, Some: true, Doc: "its arguments, when they were recorded"},
}

// deepestDrawn is how many generations the tree moves to the right; a capture may
// have any number.
const deepestDrawn = 64

// tree puts each process below the one that started it.
func (p *lifetimesPass) tree(all []ended) Table {
	t := Table{Title: "Process tree", Columns: treeColumns, Own: true, Notes: p.notes()}
	descent := NewDescent(len(all), func(i int) (uint32, int64) { return all[i].id.pid, all[i].id.start })
	children := map[int][]int{} // by place; -1: nobody's
	for i := range all {
		parent := descent.Parent(i, all[i].ppid)
		children[parent] = append(children[parent], i)
	}
	for _, some := range children {
		slices.SortStableFunc(some, func(a, b int) int { return compareNumbers(all[a].id.start, all[b].id.start) })
	}
	type branch struct {
		at    int
		depth int
		lines string // in front of it and of what is below it
	}
	var todo []branch
	push := func(parent, depth int, lines string) {
		for _, i := range slices.Backward(children[parent]) {
			todo = append(todo, branch{i, depth, lines})
		}
	}
	for push(-1, 0, ""); len(todo) > 0; {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		l := &all[b.at]
		last := len(todo) == 0 || todo[len(todo)-1].depth < b.depth
		front, below := "", ""
		if b.depth > 0 {
			front, below = b.lines+"├─ ", b.lines+"│  "
			if last {
				front, below = b.lines+"└─ ", b.lines+"   "
			}
		}
		t.Rows = append(t.Rows, []Value{uint64(l.id.pid), uint64(b.depth), front + l.comm, l.lifetime, l.cpu, l.status(), l.filename, l.args})
		if b.depth >= deepestDrawn {
			below = b.lines
		}
		push(b.at, b.depth+1, below)
	}
	t.Cut(p.env.Options.Top)
	return t
}

// status is how a process ended, as a shell would say it.
func (l *ended) status() string {
	switch {
	case !l.exited:
		return l.state()
	case l.untold:
		return "exited"
	case l.signal != 0:
		return fmt.Sprintf("signal %d", l.signal)
	}
	return fmt.Sprintf("exit %d", l.exitCode)
}

// churnColumns are those of a table of processes that came and went.
func churnColumns(name, doc string) []ColumnSpec {
	return []ColumnSpec{
		{Name: name, Text: true, Doc: doc},
		{Name: "processes", Unit: unitCount, Doc: "processes that began and ended within the recording"},
		{Name: "per_second", Unit: "1/s", Doc: "those by the recorded time"},
		{Name: "failed", Unit: unitCount, Doc: "those of them that a signal ended, or that ended with another status than 0"},
		{Name: "lifetime_p50_ns", Unit: unitNS, Doc: "median of their lifetimes (nearest rank)"},
		{Name: "lifetime_max_ns", Unit: unitNS, Doc: "longest of their lifetimes"},
		{Name: "cpu_time_ns", Unit: unitNS, Doc: "their CPU time, added up"},
	}
}

// short is what came and went for one reason.
type short struct {
	lives  latencies
	failed uint64
	cpu    uint64
}

// churn sums processes up that began and ended within the recording.
func (p *lifetimesPass) churn(all []ended) []Table {
	byParent, byFile := map[string]*short{}, map[string]*short{}
	for i := range all {
		l := &all[i]
		if l.before || !l.exited {
			continue
		}
		parent, file := "?", ""
		if l.parent != "" {
			parent = l.parent
		}
		if l.filename != nil {
			file = l.filename.(string)
		}
		addShort(byParent, parent, l)
		addShort(byFile, file, l)
	}
	return []Table{
		p.shorts("Short lives by parent", lifetimes.Also[0].Columns, byParent),
		p.shorts("Short lives by file", lifetimes.Also[1].Columns, byFile),
	}
}

func addShort(to map[string]*short, key string, l *ended) {
	s := to[key]
	if s == nil {
		s = &short{}
		to[key] = s
	}
	s.lives.add(l.lifetime)
	s.failed += uint64(boolInt(l.exitCode != 0 || l.signal != 0))
	if n, ok := l.cpu.(uint64); ok {
		s.cpu += n
	}
}

// shorts is a table of the most frequent.
func (p *lifetimesPass) shorts(title string, columns []ColumnSpec, all map[string]*short) Table {
	t := Table{Title: title, Columns: columns, Own: true}
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		if c := compareNumbers(all[b].lives.count, all[a].lives.count); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		s := all[name]
		var key Value
		if name != "" {
			key = name
		}
		t.Rows = append(t.Rows, []Value{key, s.lives.count, perSecond(s.lives.count, p.env.Recording.DurationNS), s.failed, s.lives.percentile(50), s.lives.max(), s.cpu})
	}
	t.Cut(shortRows)
	return t
}

// shortRows is how many rows the tables of what came and went have at most.
const shortRows = 20
