// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"slices"

	"github.com/ebrec/ebrec/format"
)

// Select chooses events. The zero value takes all of them with all columns.
type Select struct {
	Kinds    []string     // by name; empty: all
	PIDs     []uint32     // of these processes; empty: of all
	Comms    []string     // of tasks with these names at that moment; empty: of all
	From, To int64        // first and last instant, both included, in ns since the Unix epoch; 0: open
	Columns  []format.Col // what the caller will read beyond time, kind, cpu, pid and tid; nil: everything
	Tasks    bool         // follow names, so that Event.Task answers

	always []string // kinds of which PIDs and Comms leave out nothing, besides loss
}

// A switch has two tasks, prev and next, and a wakeup the waker and the woken;
// they are selected when either matches.
// Loss is always selected, because it may concern any process; other rows
// that belong to no task are left out as soon as PIDs or Comms are given.

// filter is a Select bound to a capture.
type filter struct {
	Select
	capture   *format.Capture
	view      *view
	wanted    []bool // by kind number; nil: all
	always    []bool // by kind number
	comm      format.Col
	nxt, woke format.Col // the other thread of a switch, of a wakeup
}

func newFilter(c *format.Capture, s Select) *filter {
	f := &filter{
		Select:  s,
		capture: c,
		view:    &view{cpu: c.Col(format.ColumnCPU), pid: c.Col(format.ColumnPID), tid: c.Col(format.ColumnTID)},
		always:  kindSet(c, append([]string{"loss"}, s.always...)),
		comm:    c.Col("comm"),
		nxt:     c.Col("next_tid"),
		woke:    c.Col("woken_tid"),
	}
	if s.Tasks || f.byTask() {
		f.view.tasks = NewTasks(c)
	}
	if len(s.Kinds) > 0 {
		f.wanted = kindSet(c, s.Kinds)
	}
	return f
}

func (f *filter) byTask() bool { return len(f.PIDs) > 0 || len(f.Comms) > 0 }

// kindSet tells by kind number whether a kind is among names.
func kindSet(c *format.Capture, names []string) []bool {
	var set []bool
	for _, name := range names {
		k := c.Kind(name)
		if k == nil {
			continue
		}
		if n := int(k.ID) + 1; n > len(set) {
			set = append(set, make([]bool, n-len(set))...)
		}
		set[k.ID] = true
	}
	return set
}

func has(set []bool, k *format.Kind) bool { return int(k.ID) < len(set) && set[k.ID] }

// scan is what has to be read for the selection: with task rows where names
// are followed.
func (f *filter) scan() format.Scan {
	s := format.Scan{Kinds: f.Kinds, From: f.From, To: f.To}
	if f.Columns != nil {
		s.Columns = f.columns()
	}
	if len(s.Kinds) == 0 || f.view.tasks == nil {
		return s
	}
	s.Kinds = slices.Clone(s.Kinds)
	for _, name := range f.view.tasks.Kinds() {
		if !slices.Contains(s.Kinds, name) {
			s.Kinds = append(s.Kinds, name)
		}
	}
	return s
}

func (f *filter) columns() []format.Col {
	cols := append(slices.Clone(f.Columns), f.capture.Col(format.ColumnTime), f.view.cpu, f.view.pid, f.view.tid)
	if f.view.tasks != nil {
		cols = append(cols, f.view.tasks.Columns()...)
	}
	if f.byTask() {
		cols = append(cols, f.nxt, f.woke)
	}
	slices.Sort(cols)
	cols = slices.Compact(cols)
	return slices.DeleteFunc(cols, func(c format.Col) bool { return c == format.NoCol })
}

// take decides on an event and learns from it.
func (f *filter) take(e Event) bool {
	if f.view.tasks != nil {
		f.view.tasks.Update(e)
	}
	t := e.Time()
	if t < f.From && f.From != 0 || t > f.To && f.To != 0 {
		return false
	}
	if f.wanted != nil && !has(f.wanted, e.Kind()) {
		return false
	}
	return !f.byTask() || has(f.always, e.Kind()) || f.concerns(e)
}

func (f *filter) concerns(e Event) bool {
	if !e.Null(f.view.pid) {
		return f.match(e.PID(), f.commOf(e))
	}
	if e.Null(f.view.tid) {
		return false
	}
	return f.matchTID(e.TID()) || !e.Null(f.nxt) && f.matchTID(uint32(e.Uint(f.nxt))) ||
		!e.Null(f.woke) && f.matchTID(uint32(e.Uint(f.woke)))
}

func (f *filter) commOf(e Event) string {
	if !e.Null(f.comm) {
		return e.Str(f.comm)
	}
	t, _ := f.view.tasks.Lookup(e.TID())
	return t.Comm
}

func (f *filter) matchTID(tid uint32) bool {
	t, ok := f.view.tasks.Lookup(tid)
	return ok && f.match(t.PID, t.Comm)
}

func (f *filter) match(pid uint32, comm string) bool {
	return (len(f.PIDs) == 0 || slices.Contains(f.PIDs, pid)) &&
		(len(f.Comms) == 0 || slices.Contains(f.Comms, comm))
}
