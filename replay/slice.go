// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// Slice is a part of a recording to be written as a capture of its own. The
// zero value is all of it.
type Slice struct {
	From, To int64    // Unix ns: what happened after From and up to To; 0: open
	PIDs     []uint32 // only of these processes; empty: of all
	Kinds    []string // only these, and those that name tasks or tell of the recording; empty: all
}

// Slice writes a smaller capture that is itself complete. It carries what is
// needed to analyze its window: who the tasks are that live when it begins,
// their sums up to there, open connections, losses that may lie in it, and the
// recording's summary. It returns the rows written, by kind.
func (r *Reader) Slice(w io.Writer, s Slice) (rows map[string]uint64, err error) {
	if err := r.check(Select{Kinds: s.Kinds}); err != nil {
		return nil, err
	}
	s.within(r.capture.Meta().Window)
	c := &slicer{reader: r, slice: s}
	c.copier, err = format.NewCopier(w, r.capture, c.metadata(), c.kinds(), format.WriterOptions{Background: true})
	if err != nil {
		return nil, err
	}
	err = errors.Join(c.copy(), c.copier.Close())
	return c.copier.Rows(), err
}

// within keeps the slice in the window of a capture that is a slice already.
func (s *Slice) within(w format.Window) {
	s.From = max(s.From, w.From)
	if w.To != 0 && (s.To == 0 || s.To > w.To) {
		s.To = w.To
	}
}

// slicer writes one slice.
type slicer struct {
	reader *Reader
	slice  Slice
	copier *format.Copier
}

// metadata is that of the capture, with what is special about the slice.
func (c *slicer) metadata() *format.Metadata {
	m := *c.reader.capture.Meta()
	m.Window = format.Window{From: c.slice.From, To: c.slice.To}
	if pids := c.slice.PIDs; len(pids) > 0 {
		only := "of the slice only process " + strings.Trim(strings.ReplaceAll(fmt.Sprint(pids), " ", ", "), "[]")
		m.Filter = strings.Trim(m.Filter+"; "+only, "; ")
	}
	var cut *format.CutError
	if errors.As(c.reader.capture.Cut(), &cut) && (c.slice.To == 0 || c.slice.To > cut.End.UnixNano()) {
		repair := format.Repair{}
		if m.Repair != nil {
			repair = *m.Repair
		}
		repair.Cut, repair.End = true, cut.End
		m.Repair = &repair
	} else if m.Repair != nil {
		m.Repair = &format.Repair{Damage: m.Repair.Damage}
	}
	return &m
}

// kinds are those that the slice has; nil: all.
func (c *slicer) kinds() []string {
	if len(c.slice.Kinds) == 0 {
		return nil
	}
	return kindNames(c.reader.capture, func(k *format.Kind) bool {
		return slices.Contains(c.slice.Kinds, k.Name) || k.Source == "recording" || introduces(k)
	})
}

func (c *slicer) copy() error {
	if c.slice.From != 0 {
		if err := c.copyBefore(); err != nil {
			return err
		}
	}
	inside := c.selection(c.kinds())
	inside.To = c.slice.To
	if c.slice.From != 0 {
		inside.From = c.slice.From + 1
	}
	if err := c.add(inside, everyEvent); err != nil {
		return err
	}
	return c.copyBehind()
}

func everyEvent(Event) bool { return true }

// selection chooses rows of the slice's processes, and those about CPUs and the
// recording.
func (c *slicer) selection(kinds []string) Select {
	nobodys := kindNames(c.reader.capture, func(k *format.Kind) bool {
		return k.Name == "cgroup_path" || k.Field(format.ColumnPID) == nil && k.Field(format.ColumnTID) == nil
	})
	return Select{Kinds: kinds, PIDs: c.slice.PIDs, always: nobodys}
}

// copyBehind carries the rest of the window's last reading of sums with the
// names for it, the sums behind the window that bound what was used in it, the
// losses and suspensions that may lie in it, who was on CPUs that did not switch in
// it, and the summary.
func (c *slicer) copyBehind() error {
	if c.slice.To == 0 {
		return nil
	}
	readings, err := c.reader.Readings()
	if err != nil {
		return err
	}
	b := &behind{to: c.slice.To, bound: map[taskKey]bool{}}
	b.next, b.second = Behind(readings, c.slice.To)
	file := c.reader.capture
	b.since, b.exited, b.start = file.Col("since"), file.Col("exited"), file.Col("start")
	kinds := append(kindNames(file, introduces), "loss", "suspended", "summary", "task_sum", "cpu_sum")
	if b.late, err = leaveAfter(file, c.slice.To); err != nil {
		return err
	}
	if len(b.late) > 0 {
		kinds = append(kinds, "sched_switch")
	}
	s := c.selection(c.present(kinds...))
	s.From = c.slice.To + 1
	return c.add(s, b.wanted)
}

// behind chooses rows from behind a slice's window.
type behind struct {
	to                   int64
	next, second         int64          // the first readings behind the window; 0: none
	late                 map[int]uint32 // CPUs of which the first switch is to come, and who it shows to leave
	bound                map[taskKey]bool
	since, exited, start format.Col
}

func (b *behind) wanted(e Event) bool {
	late := b.next != 0 && e.Time() >= b.next
	switch e.Kind().Name {
	case "summary":
		return true
	case "loss", "suspended":
		return e.Int(b.since) <= b.to
	case "sched_switch":
		who, late := b.late[e.CPU()]
		if !late || who != e.TID() { // a slice of some processes lacks the others' switches
			return false
		}
		delete(b.late, e.CPU())
		return true
	case "cpu_sum":
		return !late || e.Time() == b.next
	case "task_sum":
		return !late && e.Uint(b.exited) == 0 || b.bounds(e)
	}
	return !late
}

// bounds tells whether a row of sums is the first of a thread behind the window
// and the last reading that belongs to it.
func (b *behind) bounds(e Event) bool {
	k := taskKey{e.TID(), e.Int(b.start)}
	if k.start > b.to || b.second != 0 && e.Time() >= b.second || b.bound[k] {
		return false
	}
	b.bound[k] = true
	return true
}

// present leaves out the kinds that the capture or the slice does not have.
func (c *slicer) present(names ...string) []string {
	kinds := c.kinds()
	return slices.DeleteFunc(c.reader.present(names...), func(k string) bool { return kinds != nil && !slices.Contains(kinds, k) })
}

// present leaves out the kinds that the capture does not have.
func (r *Reader) present(kinds ...string) []string {
	return slices.DeleteFunc(kinds, func(k string) bool { return r.capture.Kind(k) == nil })
}

// add copies the selected events that are wanted, in order.
func (c *slicer) add(s Select, want func(Event) bool) error {
	if s.Kinds != nil && len(s.Kinds) == 0 {
		return nil
	}
	for e, err := range c.reader.Events(s) {
		if err != nil {
			return err
		}
		if !want(e) {
			continue
		}
		if err := c.copier.Add(e.batch, e.row); err != nil {
			return err
		}
	}
	return nil
}
