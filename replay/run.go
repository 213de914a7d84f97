// SPDX-License-Identifier: Apache-2.0

package replay

import "github.com/ebrec/ebrec/format"

// A Run is events that follow each other. It is valid as long as an event.
type Run struct {
	first Event
	n     int
}

// Len is how many events it has, one or more.
func (r Run) Len() int { return r.n }

// At is one of them.
func (r Run) At(i int) Event {
	e := r.first
	e.row += i
	return e
}

// Time is the time of one of them.
func (r Run) Time(i int) int64 { return r.first.batch.Time(r.first.row + i) }

// Kind is the kind of all of them; nil when nothing is known of that.
func (r Run) Kind() *format.Kind { return r.first.batch.Alone() }

// Split divides a run: first are the events up to and with a time.
func (r Run) Split(time int64) (first, rest Run) {
	if r.Time(0) > time {
		return Run{}, r
	}
	n := min(r.n, r.first.batch.Until(r.first.row, time))
	return Run{r.first, n}, Run{r.At(n), r.n - n}
}

// takeRun yields what of a run is selected: together where that is known without
// looking at each event.
func (f *filter) takeRun(run Run, yield func(Run, error) bool) bool {
	if kind := run.Kind(); kind != nil && f.view.tasks == nil {
		if f.wanted != nil && !has(f.wanted, kind) {
			return true
		}
		if f.From != 0 {
			_, run = run.Split(f.From - 1)
		}
		if f.To != 0 && run.n > 0 {
			run, _ = run.Split(f.To)
		}
		return run.n == 0 || yield(run, nil)
	}
	for i := range run.n {
		if e := run.At(i); f.take(e) && !yield(Run{e, 1}, nil) {
			return false
		}
	}
	return true
}
