// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// DefaultSize is how many bytes a page has at most when nothing else is said;
// LeastSize is what it needs for itself and a little of everything.
const (
	DefaultSize = 5_000_000
	LeastSize   = 1_500_000
)

// Options says how to make a report.
type Options struct {
	MaxSize int64             // bytes of the page at most; 0: DefaultSize
	Base    []*format.Capture // to be compared with, as package diff does
}

// A Report is what a page shows of a capture. It keeps nothing open.
type Report struct {
	info     *analyze.Result
	verdict  verdict
	sections []section
	absent   []absent  // what it has no rows for
	compared *compared // nil: with nothing
	series   *series
	timeline *lanes // nil: there is nothing that a timeline could show
	zoneS    int    // of the recorded host, seconds east of UTC
	loss     []analyze.Loss
	whole    bool
	maxSize  int64
}

// Whole tells whether the capture is complete and lost nothing of what was recorded.
func (r *Report) Whole() bool { return r.whole }

// Loss is what the capture lost, of all sources.
func (r *Report) Loss() []analyze.Loss { return r.loss }

// Make runs every analysis that the capture has rows for. It reads a capture of
// any size in bounded memory, but for what the analyses keep.
func Make(ctx context.Context, c *format.Capture, o Options) (*Report, error) {
	if o.MaxSize == 0 {
		o.MaxSize = DefaultSize
	}
	if o.MaxSize < LeastSize {
		return nil, fmt.Errorf("make a report of %d bytes: a page has %d at least", o.MaxSize, LeastSize)
	}
	info, err := analyze.Info(ctx, c)
	if err != nil {
		return nil, err
	}
	if info.Details.Rows == 0 || info.Capture.DurationNS == 0 {
		return nil, &EmptyError{c.Path()}
	}
	r := &Report{info: info, maxSize: o.MaxSize, zoneS: c.Meta().UTCOffset}
	if err := r.analyze(ctx, c); err != nil {
		return nil, err
	}
	r.loss = info.Loss
	r.whole = info.Whole() && !slices.ContainsFunc(r.results(), func(x *analyze.Result) bool { return !x.Whole() })
	if err := r.compare(ctx, c, o); err != nil {
		return nil, err
	}
	r.verdict = newVerdict(r)
	return r, nil
}

// An EmptyError says that a capture has nothing to show.
type EmptyError struct{ Path string }

func (e *EmptyError) Error() string {
	return fmt.Sprintf("report %s: nothing was recorded in it, not even for a moment", e.Path)
}

// results are those of all sections.
func (r *Report) results() (all []*analyze.Result) {
	for i := range r.sections {
		all = append(all, r.sections[i].result)
	}
	return all
}

// result is that of an analysis, nil when the capture has no rows for it.
func (r *Report) result(name string) *analyze.Result {
	for i := range r.sections {
		if r.sections[i].result.Analysis == name {
			return r.sections[i].result
		}
	}
	return nil
}

// isMissing tells whether an analysis could not run because its rows were not
// recorded.
func isMissing(err error) bool {
	var missing *analyze.MissingError
	return errors.As(err, &missing)
}
