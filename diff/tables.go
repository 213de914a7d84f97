// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/analyze"
)

// thing is what is compared: what it used by capture; nil where it is not there.
type thing struct {
	name, headName string
	uses           [sides][]*analyze.Use
}

// lone tells on which side alone it is.
func (t *thing) lone() (side int, only bool) {
	var on [sides]bool
	for side, all := range t.uses {
		on[side] = slices.ContainsFunc(all, func(u *analyze.Use) bool { return u != nil })
	}
	if on[atBase] {
		return atBase, !on[atHead]
	}
	return atHead, on[atHead]
}

func (c *comparison) report() *Report {
	r := &Report{Options: c.options, Whole: true}
	for side, all := range c.profiles {
		for _, p := range all {
			one := Side{Recording: p.Recording, Loss: p.Loss, Steps: p.Steps.Len()}
			if side == atBase {
				r.Base = append(r.Base, one)
			} else {
				r.Head = append(r.Head, one)
			}
			r.Whole = r.Whole && p.Whole()
		}
	}
	r.Tables = []Table{c.processes(), c.threads(), c.branches(), c.remotes()}
	r.decide()
	r.Skipped = c.skipped()
	return r
}

// compared makes the rows of a table of the things that are large enough, or that
// one side alone has.
func (c *comparison) compared(t *Table, things []thing, measures []*Measure, large func(*thing) bool) {
	for i := range things {
		th := &things[i]
		if side, only := th.lone(); only {
			if l := c.alone(th, side); l != (Lone{}) {
				t.Lone = append(t.Lone, l)
			}
			continue
		}
		if !large(th) {
			t.Small++
			continue
		}
		for order, m := range measures {
			if !c.missing[m.Source] {
				c.row(t, th, m, order)
			}
		}
	}
}

// row compares one measure, unless there is nothing of it on either side.
func (c *comparison) row(t *Table, th *thing, m *Measure, order int) {
	var samples [sides][]sample
	for side, all := range th.uses {
		for i, u := range all {
			samples[side] = append(samples[side], m.sampleOf(c.profiles[side][i], u))
		}
	}
	r := Row{Name: th.name, HeadName: th.headName, Measure: m, cpu: c.cpu(th), order: order}
	r.compare(samples, c.options.Threshold)
	if c.manners[m.Source] != "" {
		r.test = untested(c.manners[m.Source])
	}
	switch {
	case r.test.why == tooFew:
		t.Few++
	case r.Base > 0 || r.Head > 0:
		t.Rows = append(t.Rows, r)
	}
}

// cpu is the largest share of a CPU of a thing.
func (c *comparison) cpu(th *thing) (percent float64) {
	for side, all := range th.uses {
		for i, u := range all {
			if u != nil {
				percent = max(percent, c.percent(side, i, u))
			}
		}
	}
	return percent
}

func (c *comparison) large(th *thing) bool { return c.cpu(th) >= c.options.MinCPU || c.unknown() }

// alone is what one side alone has; nothing of what did nothing there.
func (c *comparison) alone(th *thing, side int) Lone {
	l := Lone{Name: th.name, Head: side == atHead, Verdict: CannotTell}
	for i, u := range th.uses[side] {
		if u == nil {
			u = &analyze.Use{}
		}
		l.Processes += u.Total[analyze.Starts]
		l.Switches += u.Total[analyze.Switches]
		l.Connects += u.Total[analyze.Connects]
		l.Responses += u.Total[analyze.Responses]
		l.CPUTime += u.Total[analyze.CPUTime]
		l.CPUPercent += c.percent(side, i, u) / float64(len(th.uses[side]))
	}
	if l.CPUTime+l.Processes+l.Connects+l.Responses == 0 && !c.unknown() {
		return Lone{}
	}
	l.test = c.loneTest(&l, th.uses[side], side)
	return l
}

// loneTest tests whether what one side alone has is there all the time: processes
// by their CPU time, remotes by what happened with them.
func (c *comparison) loneTest(l *Lone, uses []*analyze.Use, side int) test {
	m, limit := measure("cpu_percent"), c.options.MinCPU
	if happened := max(l.Responses, l.Connects); happened > 0 {
		if m, limit = measure("responses_per_s"), 0; happened == l.Connects {
			m = measure("connects_per_s")
		}
		if happened < leastEvents {
			return untested("fewer than 10 events")
		}
	}
	switch {
	case c.missing[m.Source]:
		return untested("CPU time is not known on both sides")
	case limit > 0 && l.CPUPercent < limit:
		return untested("it uses too little (--min-cpu)")
	case c.mayBeLost(1 - side):
		return untested("the other side lost events, which may be of it")
	}
	var all []sample
	for i, u := range uses {
		all = append(all, m.sampleOf(c.profiles[side][i], u))
	}
	return sustained(all, limit)
}

// mayBeLost tells whether a side lost rows that name processes or sum them up.
func (c *comparison) mayBeLost(side int) bool {
	return slices.ContainsFunc(c.profiles[side], func(p *analyze.Profile) bool { return p.Lost("cpu", "process", "tcp", "recording") > 0 })
}

// usesOf takes something of a node's places.
func (n *node) usesOf(take func(*analyze.Place) *analyze.Use) (uses [sides][]*analyze.Use) {
	for side, all := range n.places {
		for _, p := range all {
			var u *analyze.Use
			if p != nil {
				u = take(p)
			}
			uses[side] = append(uses[side], u)
		}
	}
	return uses
}

func (c *comparison) processes() Table {
	t := Table{Title: "Processes", What: "process", Doc: "processes of one name that processes of one place of the tree started, added up", Left: c.left}
	var things []thing
	c.root.each(func(n *node) {
		if n.parent != nil {
			things = append(things, thing{n.path(), n.moved, n.usesOf((*analyze.Place).Use)})
		}
	})
	c.compared(&t, things, of(ofProcesses), c.large)
	return t
}

func (c *comparison) threads() Table {
	t := Table{Title: "Threads", What: "thread", Doc: "threads of one name of such processes, added up; processes all of whose threads have one name are left out"}
	var things []thing
	for _, n := range c.kept {
		names := map[string]bool{}
		for _, all := range n.places {
			for _, p := range all {
				if p != nil {
					maps.Insert(names, maps.All(nameSet(p)))
				}
			}
		}
		if _, only := n.lone(); only || len(names) < 2 {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			things = append(things, thing{n.path() + ": " + name, n.moved, n.usesOf(func(p *analyze.Place) *analyze.Use { return p.Threads[name] })})
		}
	}
	c.compared(&t, things, of(ofThreads), c.large)
	return t
}

func nameSet(p *analyze.Place) map[string]bool {
	names := map[string]bool{}
	for name := range p.Threads {
		names[name] = true
	}
	return names
}

// branches leave out what says the same as a single branch below.
func (c *comparison) branches() Table {
	t := Table{Title: "Branches", What: "branch", Doc: "a process of the tree and all below it, added up, where more than one of them matters"}
	var things []thing
	for _, n := range c.kept {
		alike := n.own >= mostAlike*n.whole
		for _, below := range n.children {
			alike = alike || below.whole >= mostAlike*n.whole
		}
		if _, only := n.lone(); only || alike {
			continue
		}
		things = append(things, thing{cmp.Or(n.path(), "(all)"), n.moved, n.usesOf((*analyze.Place).Whole)})
	}
	c.compared(&t, things, of(ofProcesses), c.large)
	return t
}

// mostAlike is the part of a branch that says the same as the branch.
const mostAlike = 0.98

func (c *comparison) remotes() Table {
	t := Table{Title: "Remotes", What: "remote", Doc: "connections to an address and port, or accepted on a local port, added up"}
	if c.missing["tcp"] {
		return t
	}
	names := map[string]bool{}
	for _, all := range c.profiles {
		for _, p := range all {
			for name := range p.Remotes {
				names[name] = true
			}
			t.Left += p.MoreRemotes
		}
	}
	var things []thing
	for _, name := range slices.Sorted(maps.Keys(names)) {
		th := thing{name: name}
		for side, all := range c.profiles {
			for _, p := range all {
				th.uses[side] = append(th.uses[side], p.Remotes[name])
			}
		}
		things = append(things, th)
	}
	c.compared(&t, things, of(ofRemotes), func(*thing) bool { return true })
	return t
}

// skipped says which measures cannot be compared.
func (c *comparison) skipped() (all []Skip) {
	for _, source := range sourceNames {
		var who []string
		why := ""
		for side, profiles := range c.profiles {
			for i, p := range profiles {
				if p.Lacks[source] != "" {
					who, why = append(who, SideName(side == atHead, i, len(profiles))), p.Lacks[source]
				}
			}
		}
		if len(who) > 0 {
			all = append(all, Skip{measuresOf(source), fmt.Sprintf("the source %s is not in %s: it %s", source, strings.Join(who, ", "), why)})
		}
	}
	return all
}

func measuresOf(source string) (names []string) {
	for i := range Measures {
		if Measures[i].Source == source {
			names = append(names, Measures[i].Name)
		}
	}
	return names
}
