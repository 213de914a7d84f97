// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// A Reader gives the events of a capture in time order. Its iterations are
// independent of each other.
type Reader struct {
	capture *format.Capture
}

// Open opens the capture at path. Close it when done.
func Open(path string) (*Reader, error) {
	c, err := format.Open(path)
	if err != nil {
		return nil, err
	}
	return New(c), nil
}

// New reads an open capture, which stays the caller's to close.
func New(c *format.Capture) *Reader { return &Reader{capture: c} }

// Capture is the file the events come from.
func (r *Reader) Capture() *format.Capture { return r.capture }

// Close closes the capture. No event may be used afterwards.
func (r *Reader) Close() error { return r.capture.Close() }

// Events ranges over the selected events, oldest first; events of the same
// instant come in the order of the file. An error ends the iteration after the
// events before it. A capture that was cut short is no error here: ask
// [format.Capture.Cut].
func (r *Reader) Events(s Select) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for run, err := range r.Runs(s) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			for i := range run.n {
				if !yield(run.At(i), nil) {
					return
				}
			}
		}
	}
}

// Runs is Events for those who can take events of one kind that follow each
// other at once, which is faster.
func (r *Reader) Runs(s Select) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		if err := r.check(s); err != nil {
			yield(Run{}, err)
			return
		}
		f := newFilter(r.capture, s)
		if err := r.learnBefore(f); err != nil {
			yield(Run{}, err)
			return
		}
		for run, err := range merged(r.capture, f.scan(), f.view) {
			if err != nil {
				yield(run, err)
				return
			}
			if !f.takeRun(run, yield) {
				return
			}
		}
	}
}

// learnBefore fills the tracker with the tasks from before the selection.
func (r *Reader) learnBefore(f *filter) error {
	if f.view.tasks == nil || f.From == 0 {
		return nil
	}
	scan := f.scan()
	scan.Kinds, scan.From, scan.To = f.view.tasks.Kinds(), 0, f.From-1
	for run, err := range merged(r.capture, scan, f.view) {
		if err != nil {
			return err
		}
		for i := range run.n {
			f.view.tasks.Update(run.At(i))
		}
	}
	return nil
}

// A KindError says that a capture has no such kind of event.
type KindError struct {
	Path  string
	Kind  string
	Known []string // the kinds that it has
}

func (e *KindError) Error() string {
	return fmt.Sprintf("capture %s has no %s events: it has %s", e.Path, e.Kind, strings.Join(e.Known, ", "))
}

func (r *Reader) check(s Select) error {
	for _, name := range s.Kinds {
		if r.capture.Kind(name) == nil {
			return &KindError{Path: r.capture.Path(), Kind: name, Known: kindNames(r.capture, everyKind)}
		}
	}
	return nil
}

// DefaultKinds are the kinds worth a line each when nobody asked for others:
// all but the metadata, the sums, which repeat once a second, and the task rows, which name
// what the other rows refer to.
func DefaultKinds(c *format.Capture) []string {
	quiet := []string{"metadata", "task", "task_sum", "cpu_sum"}
	return kindNames(c, func(k *format.Kind) bool { return !slices.Contains(quiet, k.Name) })
}

func everyKind(*format.Kind) bool { return true }

func kindNames(c *format.Capture, want func(*format.Kind) bool) []string {
	var names []string
	kinds := c.Kinds()
	for i := range kinds {
		if want(&kinds[i]) {
			names = append(names, kinds[i].Name)
		}
	}
	return names
}
