// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"maps"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// A Place is where processes of one name are in the tree of processes: below the
// place of those that started them. All processes of one name that those of
// another place started are in one place.
type Place struct {
	Name     string // last name of the first thread; of kernel threads what comes before the slash
	Parent   *Place // nil: the root
	Children map[string]*Place
	// Own has what is of the processes and of no thread: how many lived and began.
	// Behind Measure it also has the parts of threads that are not kept.
	Own Use
	// Threads are what threads of the processes used, by their last name.
	Threads map[string]*Use
	// Keep has Measure keep what is here over time. Whoever keeps a place keeps
	// those above it.
	Keep bool

	below Use // parts of places below that are not kept
	depth int
}

func newPlace(parent *Place, name string) *Place {
	p := &Place{Name: name, Parent: parent, Children: map[string]*Place{}, Threads: map[string]*Use{}}
	if parent != nil {
		p.depth = parent.depth + 1
	}
	return p
}

// Path is the names from the root on. A slash in a name is written as \x2f.
func (p *Place) Path() string {
	if p.Parent == nil {
		return ""
	}
	name := strings.ReplaceAll(orNone(p.Name), "/", `\x2f`)
	if above := p.Parent.Path(); above != "" {
		return above + "/" + name
	}
	return name
}

// Use is what the processes here used, all threads.
func (p *Place) Use() *Use {
	var all Use
	all.Add(&p.Own)
	for _, name := range slices.Sorted(maps.Keys(p.Threads)) {
		all.Add(p.Threads[name])
	}
	return &all
}

// Whole is what the processes here and everybody below used.
func (p *Place) Whole() *Use {
	all := p.Use()
	all.Add(&p.below)
	for _, name := range slices.Sorted(maps.Keys(p.Children)) {
		all.Add(p.Children[name].Whole())
	}
	return all
}

// deepest is how many generations places tell apart: those below are put at the
// last.
const deepest = 64

// child is the place of that name below.
func (p *Place) child(name string) *Place {
	if p.depth == deepest {
		p = p.Parent
	}
	c := p.Children[name]
	if c == nil {
		c = newPlace(p, name)
		p.Children[name] = c
	}
	return c
}

// kin is what is known of a process's descent.
type kin struct {
	id     processID
	ppid   uint32 // of its first row: later ones may have a new parent
	comm   string // last
	kernel bool
	ended  int64 // or left those recorded, Unix ns; 0: it did not
	place  *Place
}

// lineage follows who started whom.
var lineage = Analysis{Name: "lineage", Needs: identity(), New: newLineage}

type lineagePass struct {
	kin                               map[processID]*kin
	start, ppid, comm, kernel, reason format.Col
}

func newLineage(env *Env) Pass {
	c := env.Capture
	return &lineagePass{kin: map[processID]*kin{}, start: c.Col("start"), ppid: c.Col("ppid"), comm: c.Col("comm"), kernel: c.Col("kernel_thread"), reason: c.Col("reason")}
}

func (p *lineagePass) Event(e replay.Event) error {
	kind := e.Kind().Name
	if kind == "thread_start" || e.TID() != e.PID() {
		return nil
	}
	id := processID{e.PID(), e.Int(p.start)}
	k := p.kin[id]
	if k == nil {
		k = &kin{id: id, ppid: uint32(e.Uint(p.ppid))}
		p.kin[id] = k
	}
	k.comm, k.kernel = e.Str(p.comm), e.Uint(p.kernel) != 0
	switch reason := p.why(e); {
	case kind == "exit", reason == "left":
		k.ended = e.Time()
	case reason == "moved": // it may have come back
		k.ended = 0
	}
	return nil
}

// why is the reason of a row of kind task.
func (p *lineagePass) why(e replay.Event) string {
	if e.Kind().Name != "task" {
		return ""
	}
	return e.Str(p.reason)
}

// Begin leaves nobody out: who ended before the window may have started others.
func (p *lineagePass) Begin() {}

// Tables are none: a profile takes what was found.
func (p *lineagePass) Tables() []Table { return nil }

// name is the one that a process is found by. Of a kernel thread it is what comes
// before the slash: the rest is the number of a CPU or of a worker.
func (k *kin) name() string {
	if k.kernel {
		name, _, _ := strings.Cut(k.comm, "/")
		return name
	}
	return k.comm
}

// settle puts all processes in their places.
func (p *Profile) settle(sums *cpuTimePass) {
	all := slices.Collect(maps.Values(p.kin))
	descent := NewDescent(len(all), func(i int) (uint32, int64) { return all[i].id.pid, all[i].id.start })
	for i := range all {
		p.place(all, i, descent)
	}
	if sums == nil {
		return
	}
	groups := sums.groups.of(sums.ledger)
	open := sums.open(sums.total(groups), groups)
	for id, t := range sums.ledger.threads {
		sums.ledger.settle(t)
		p.count(id, t, open.any)
	}
}

// place finds the place of a process, and of those above it that have none yet.
func (p *Profile) place(all []*kin, i int, descent *Descent) {
	var line []*kin // from the process upwards
	for i >= 0 && all[i].place == nil {
		line = append(line, all[i])
		i = descent.Parent(i, all[i].ppid)
	}
	at := p.Root
	if i >= 0 {
		at = all[i].place
	}
	for _, k := range slices.Backward(line) {
		at = at.child(k.name())
		k.place = at
	}
}

// count adds a thread's sums to its place. A process that no row introduced is
// below the root without a name.
func (p *Profile) count(id threadID, t *thread, open uint64) {
	at := p.Root
	if k := p.kin[t.process]; k != nil {
		at = k.place
	} else {
		at = at.child("")
	}
	name := t.comm
	if name == "" || id.tid == t.process.pid || p.kin[t.process] != nil && p.kin[t.process].kernel {
		name = at.Name
	}
	to := at.Threads[name]
	if to == nil {
		to = &Use{}
		at.Threads[name] = to
	}
	p.uses[id] = &use{at, to}
	if !t.ran && open == 0 {
		return
	}
	to.count(t, open)
}

// lastReading is when sums were read last; 0: never.
func lastReading(c *format.Capture) (int64, error) {
	at, err := replay.New(c).Readings()
	if len(at) == 0 {
		return 0, err
	}
	return at[len(at)-1], err
}
