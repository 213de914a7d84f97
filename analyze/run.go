// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// Run makes the tables of one analysis. It fails with a *MissingError when the
// capture cannot have the rows that the analysis needs, and with an
// *UnknownError when there is no column to sort by.
func Run(ctx context.Context, c *format.Capture, a *Analysis, o Options) (*Result, error) {
	if err := o.check(a); err != nil {
		return nil, err
	}
	s, p, err := pass(ctx, c, a, o)
	if err != nil {
		return nil, err
	}
	tables := p.Tables()
	if f, ok := p.(fallible); ok {
		if err := f.seriesError(); err != nil {
			return nil, fmt.Errorf("analyze %s: %w", c.Path(), err)
		}
	}
	for i := range tables {
		if tables[i].Own {
			continue
		}
		if err := o.pick(&tables[i]); err != nil {
			return nil, err
		}
		if err := tables[i].order(cmp.Or(o.Sort, a.Sort)); err != nil {
			return nil, err
		}
		tables[i].Cut(o.Top)
	}
	if o.Other != nil {
		both, err := p.(ender).other(ctx, o.Other, o)
		if err != nil {
			return nil, err
		}
		tables = append(tables, both...)
	}
	return s.result(a, tables), nil
}

// An ender is a pass of an analysis with Ends: it makes the tables of both ends.
type ender interface {
	other(context.Context, *format.Capture, Options) ([]Table, error)
}

// pass gives a pass all events of a capture.
func pass(ctx context.Context, c *format.Capture, a *Analysis, o Options) (*scan, Pass, error) {
	if err := checkNeeds(c, a); err != nil {
		return nil, nil, err
	}
	env := &Env{Capture: c, Options: o, asked: o.window(c), Missing: func(kind string) bool { return c.Kind(kind) == nil }}
	needs, readTo, err := env.span(a)
	if err != nil {
		return nil, nil, err
	}
	s := newScan(c, needs)
	s.window = env.window
	env.Recording, env.losses = &s.recording, s.account.lost.All
	p := a.New(env)
	if s.progress = o.Progress; s.progress != nil {
		if err := s.count(); err != nil {
			return nil, nil, err
		}
	}
	if err := s.run(ctx, p, readTo); err != nil {
		return nil, nil, err
	}
	if r := &s.recording; (o.From != 0 || o.To != 0) && r.DurationNS == 0 {
		return nil, nil, &OutsideError{c.Path(), r.from, r.to, r.zone}
	}
	return s, p, nil
}

// span finds which part of the recording counts, and what has to be read for
// it, up to when (0: all).
func (env *Env) span(a *Analysis) (needs []Need, readTo int64, err error) {
	env.window = env.asked
	if !a.Sums {
		return a.Needs, env.asked.to, nil
	}
	if env.exact, err = a.exact(env.Capture, env.asked, &env.Options); err != nil {
		return nil, 0, err
	}
	if env.exact {
		readTo, err = settledBy(env.Capture, env.asked.to)
		return append(slices.Clip(a.Needs), a.Exact...), readTo, err
	}
	if env.sums, err = env.asked.snap(env.Capture); err != nil || env.sums == nil {
		return a.Needs, env.asked.to, err
	}
	env.window = window{env.sums.from, env.sums.to}
	return a.Needs, max(0, env.sums.toNext-1), nil
}

// progressRows is after how many rows somebody is told, or asked, how it goes on.
const progressRows = 1 << 16

// scan is one reading of a capture, with what every analysis has to know of it.
type scan struct {
	capture   *format.Capture
	selection replay.Select
	recording Recording
	account   account
	window    window
	sources   []string // whose rows are read
	rows      int64    // that there are
	progress  func(done, all int64)
}

// count finds out how many rows there are to read.
func (s *scan) count() error {
	usage, err := s.capture.Usage()
	for _, u := range usage {
		if slices.Contains(s.selection.Kinds, u.Kind) {
			s.rows += u.Rows
		}
	}
	return err
}

func newScan(c *format.Capture, needs []Need) *scan {
	s := &scan{capture: c, recording: newRecording(c), account: newAccount(c)}
	s.selection.Columns = s.account.columns()
	kinds := accountKinds
	for _, n := range needs {
		if !slices.Contains(kinds, n.Kind) {
			kinds = append(slices.Clip(kinds), n.Kind)
		}
		if !slices.Contains(s.sources, n.Source) {
			s.sources = append(s.sources, n.Source)
		}
		for _, name := range slices.Concat(n.Columns, n.Newer) {
			s.selection.Columns = append(s.selection.Columns, c.Col(name))
		}
	}
	for _, k := range kinds {
		if c.Kind(k) != nil {
			s.selection.Kinds = append(s.selection.Kinds, k)
		}
	}
	return s
}

// A switcher is a pass that takes switches that follow each other at once.
type switcher interface{ Switches(replay.Run) }

// run hands a pass every event up to an instant; 0: all.
func (s *scan) run(ctx context.Context, pass Pass, to int64) error {
	h := handing{scan: s, pass: pass, begun: s.window.from == 0}
	h.switcher, _ = pass.(switcher)
	sel := s.selection
	sel.To = to
	for run, err := range replay.New(s.capture).Runs(sel) {
		if err == nil {
			err = h.take(ctx, run)
		}
		if err != nil {
			return err
		}
	}
	if !h.begun {
		begin(pass)
	}
	return s.close(ctx, h.last, to)
}

// handing hands events to a pass.
type handing struct {
	*scan
	pass     Pass
	switcher switcher // the pass; nil when it takes switches one by one
	begun    bool     // what comes now counts
	last     int64    // time of the last event
	n, told  int64    // events
}

func (h *handing) take(ctx context.Context, run replay.Run) error {
	if h.n += int64(run.Len()); h.n-h.told >= progressRows {
		if h.told = h.n; ctx.Err() != nil {
			return ctx.Err()
		}
		if h.progress != nil {
			h.progress(h.n, h.rows)
		}
	}
	if !h.begun {
		var before replay.Run
		if before, run = run.Split(h.window.from); before.Len() > 0 {
			if err := h.hand(before); err != nil {
				return err
			}
		}
		if run.Len() == 0 {
			return nil
		}
		h.begun = true
		begin(h.pass)
	}
	return h.hand(run)
}

func (h *handing) hand(run replay.Run) error {
	h.last = run.Time(run.Len() - 1)
	if k := run.Kind(); h.switcher != nil && k != nil && k.Name == "sched_switch" {
		h.switcher.Switches(run)
		return nil
	}
	for i := range run.Len() {
		e := run.At(i)
		if h.account.event(e, h.window) {
			continue
		}
		if err := h.pass.Event(e); err != nil {
			return fmt.Errorf("analyze %s: %w", h.capture.Path(), err)
		}
	}
	return nil
}

// close reads what the recorder says of itself behind what was read, and notes
// where the recording ends.
func (s *scan) close(ctx context.Context, last, to int64) error {
	kinds := slices.DeleteFunc(slices.Clone(accountKinds), func(k string) bool { return s.capture.Kind(k) == nil })
	if to != 0 && len(kinds) > 0 {
		sel := replay.Select{Kinds: kinds, From: to + 1, Columns: s.account.columns()}
		for e, err := range replay.New(s.capture).Events(sel) {
			if err != nil {
				return err
			}
			s.account.event(e, s.window)
		}
	}
	s.recording.SuspendedNS = s.account.suspended
	s.recording.finish(s.account.summary, s.capture, last, s.window)
	return ctx.Err()
}

func (s *scan) result(a *Analysis, tables []Table) *Result {
	columns := a.Columns
	if len(tables) == 1 && tables[0].Own { // it was asked for instead
		columns, tables[0].Own = tables[0].Columns, false
	}
	r := &Result{Analysis: a.Name, Doc: a.Doc, Columns: columns, Capture: s.recording, Loss: s.account.lost.All(), Tables: tables, sources: s.sources}
	for _, m := range s.capture.Meta().Missing {
		if slices.Contains(s.sources, m.Source) {
			r.Missing = append(r.Missing, m)
		}
	}
	return r
}
