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
	if err := checkNeeds(c, a); err != nil {
		return nil, err
	}
	s := newScan(c, a.Needs)
	s.window = o.window(c)
	asked, readTo := s.window, s.window.to
	var sums *sumWindow
	if a.Sums {
		var err error
		if sums, err = s.window.snap(c); err != nil {
			return nil, err
		}
		if sums != nil {
			s.window, readTo = window{sums.from, sums.to}, max(0, sums.toNext-1)
		}
	}
	env := &Env{Capture: c, Options: o, Recording: &s.recording, asked: asked, window: s.window, sums: sums, Missing: func(kind string) bool { return c.Kind(kind) == nil }}
	pass := a.New(env)
	if err := s.run(ctx, pass, readTo); err != nil {
		return nil, err
	}
	tables := pass.Tables()
	for i := range tables {
		if tables[i].Own {
			continue
		}
		if err := tables[i].order(cmp.Or(o.Sort, a.Sort)); err != nil {
			return nil, err
		}
		tables[i].cut(o.Top)
	}
	return s.result(a, tables), nil
}

// scan is one reading of a capture, with what every analysis has to know of it.
type scan struct {
	capture   *format.Capture
	selection replay.Select
	recording Recording
	account   account
	window    window
	sources   []string // whose rows are read
}

func newScan(c *format.Capture, needs []Need) *scan {
	s := &scan{capture: c, recording: newRecording(c), account: newAccount(c)}
	s.selection.Columns = s.account.columns()
	kinds := accountKinds
	for _, n := range needs {
		kinds = append(slices.Clip(kinds), n.Kind)
		if !slices.Contains(s.sources, n.Source) {
			s.sources = append(s.sources, n.Source)
		}
		for _, name := range n.Columns {
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

// run hands a pass every event up to an instant; 0: all.
func (s *scan) run(ctx context.Context, pass Pass, to int64) error {
	n, last, begun := 0, int64(0), s.window.from == 0
	sel := s.selection
	sel.To = to
	for e, err := range replay.New(s.capture).Events(sel) {
		if err != nil {
			return err
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if last = e.Time(); !begun && last > s.window.from {
			begun = true
			begin(pass)
		}
		if s.account.event(e, s.window) {
			continue
		}
		if err := pass.Event(e); err != nil {
			return fmt.Errorf("analyze %s: %w", s.capture.Path(), err)
		}
	}
	if !begun {
		begin(pass)
	}
	return s.close(ctx, last, to)
}

// close reads what the recorder says of itself behind what was read, and notes
// where the recording ends.
func (s *scan) close(ctx context.Context, last, to int64) error {
	if to != 0 {
		sel := replay.Select{Kinds: accountKinds, From: to + 1, Columns: s.account.columns()}
		for e, err := range replay.New(s.capture).Events(sel) {
			if err != nil {
				return err
			}
			s.account.event(e, s.window)
		}
	}
	s.recording.finish(s.account.summary, s.capture, last, s.window)
	return ctx.Err()
}

func (s *scan) result(a *Analysis, tables []Table) *Result {
	r := &Result{Analysis: a.Name, Doc: a.Doc, Columns: a.Columns, Capture: s.recording, Loss: s.account.losses(), Tables: tables, sources: s.sources}
	for _, m := range s.capture.Meta().Missing {
		if slices.Contains(s.sources, m.Source) {
			r.Missing = append(r.Missing, m)
		}
	}
	return r
}
