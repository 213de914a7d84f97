// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/ebrec/ebrec/format"
)

// Many says how captures are analyzed together. The zero value gives the rows of
// all of them.
type Many struct {
	By      string // "host" or "capture": one row for each; empty: the rows that the analysis has of one
	SkipBad bool   // go on without captures that cannot be analyzed
	// Span, when set, gives the part of a capture that counts, as Options.From and To.
	Span   func(*format.Capture) (from, to int64, err error)
	Assert []*Assertion // the tables are the rows that do not meet these
	// Progress, when set, is called with how many of all captures are done, by one
	// goroutine at a time.
	Progress func(done, all int64)
}

// ManyBy are what Many.By can be.
var ManyBy = []string{"host", "capture"}

// RunMany makes the tables of one analysis over many captures, which it opens as
// many at a time as there are processors for, up to eight. Rows begin with the host and the
// capture that they are of. Tables with columns of their own are left out.
//
// It fails with the error of the first capture that has one, unless Many.SkipBad
// says otherwise, and with a *SameError when two files are one capture.
func RunMany(ctx context.Context, paths []string, a *Analysis, o Options, m Many) (*Result, error) {
	columns, err := ManyColumns(a, o, m.By)
	if err != nil {
		return nil, err
	}
	if err := m.check(a, &o, columns); err != nil {
		return nil, err
	}
	f := &fleet{analysis: a, options: o, many: m, columns: columns}
	if f.gather, err = newGather(f); err != nil {
		return nil, err
	}
	if err := f.meet(ctx, paths); err != nil {
		return nil, err
	}
	if err := f.each(ctx, f.run); err != nil {
		return nil, err
	}
	return f.result()
}

// VisitMany opens captures as RunMany does, and calls visit for each, which several
// goroutines do at a time. It fills in the member's Capture, Loss and Lossy. The result
// has no tables. Of Many only SkipBad and Progress apply.
func VisitMany(ctx context.Context, paths []string, a *Analysis, m Many, visit func(context.Context, *format.Capture, *Member) error) (*Result, error) {
	f := &fleet{analysis: a, many: Many{SkipBad: m.SkipBad, Progress: m.Progress}}
	f.gather = &gather{f: f}
	if err := f.meet(ctx, paths); err != nil {
		return nil, err
	}
	err := f.each(ctx, func(ctx context.Context, m *member) error {
		c, err := format.Open(m.path)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := visit(ctx, c, &m.Member); err != nil {
			return err
		}
		m.Lacks = append(Lacking(c), LostWords(m.path, m.Loss)...)
		f.gather.mu.Lock()
		defer f.gather.mu.Unlock()
		f.gather.count()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f.result()
}

// meet finds out which captures there are, and of which hosts.
func (f *fleet) meet(ctx context.Context, paths []string) error {
	f.members = make([]member, len(paths))
	for i, name := range captureNames(paths) {
		f.members[i] = member{path: paths[i], name: name, Member: Member{Index: i}}
	}
	if err := f.each(ctx, f.survey); err != nil {
		return err
	}
	if err := f.sameTwice(); err != nil {
		return err
	}
	nameHosts(f.members)
	return nil
}

// ManyColumns are the columns of the tables that RunMany makes.
func ManyColumns(a *Analysis, o Options, by string) ([]ColumnSpec, error) {
	host := ColumnSpec{Name: "host", Text: true, Doc: "host that was recorded; with the first digits of its boot id where several machines have that name"}
	capture := ColumnSpec{Name: "capture", Text: true, Doc: "file name of the capture, with directories where several have that name"}
	if by == "" {
		return slices.Concat([]ColumnSpec{host, capture}, a.Shown(o)), nil
	}
	w, ok := wholes[a.Name]
	if !ok {
		return nil, fmt.Errorf("%s has no rows that can be added up by %s", a.Name, by)
	}
	recorded := ColumnSpec{Name: "recorded_ns", Unit: unitNS, Doc: "how long was recorded, of several captures added up"}
	if by == "capture" {
		return slices.Concat([]ColumnSpec{host, capture, recorded}, w.columns), nil
	}
	captures := ColumnSpec{Name: "captures", Unit: unitCount, Doc: "how many captures there are of the host"}
	return slices.Concat([]ColumnSpec{host, captures, recorded}, w.columns), nil
}

// check wants options that go together.
func (m *Many) check(a *Analysis, o *Options, columns []ColumnSpec) error {
	if m.By != "" && !slices.Contains(ManyBy, m.By) {
		return unknown("grouping", m.By, a.groupings())
	}
	if m.By != "" && (o.By != "" || o.Tree || o.Interval > 0) {
		return fmt.Errorf("rows by %s are sums of all: there is no other grouping, no tree and no series", m.By)
	}
	if _, err := indexOf(columns, cmp.Or(o.Sort, columns[0].Name)); err != nil {
		return err
	}
	one := *o
	if one.Other != nil {
		return errors.New("both ends of connections are in two captures")
	}
	if one.Sort = m.sortOfOne(o); m.By != "" {
		one.Sort = ""
	}
	return one.check(a)
}

// sortOfOne is what orders the rows of one capture: they are all of one host.
func (m *Many) sortOfOne(o *Options) string {
	if o.Sort == "host" || o.Sort == "capture" {
		return ""
	}
	return o.Sort
}

// mostAtOnce is how many captures are read at a time at most: each needs memory, and
// each is decoded by several goroutines.
const mostAtOnce = 8

// fleet is one run over many captures.
type fleet struct {
	analysis *Analysis
	options  Options
	many     Many
	columns  []ColumnSpec
	members  []member
	gather   *gather
}

// each calls a function for every member that is not bad, several at a time, in
// order. What it returns makes the member bad: with SkipBad that is all, without
// it no further member is begun, and the error of the first one is returned.
func (f *fleet) each(ctx context.Context, do func(context.Context, *member) error) error {
	var (
		mu      sync.Mutex
		workers sync.WaitGroup
		next    int
		stop    bool
	)
	take := func() *member {
		mu.Lock()
		defer mu.Unlock()
		for ; next < len(f.members) && !stop && ctx.Err() == nil; next++ {
			if m := &f.members[next]; m.bad == nil {
				next++
				return m
			}
		}
		return nil
	}
	work := func() {
		for m := take(); m != nil; m = take() {
			err := do(ctx, m)
			mu.Lock()
			m.bad = err
			stop = stop || err != nil && !f.many.SkipBad
			mu.Unlock()
		}
	}
	for range min(runtime.GOMAXPROCS(0), mostAtOnce, len(f.members)) {
		workers.Go(work)
	}
	workers.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return f.firstBad()
}

// firstBad is the error that ends the run; nil: none does.
func (f *fleet) firstBad() error {
	good := 0
	for i := range f.members {
		switch err := f.members[i].bad; {
		case err == nil:
			good++
		case !f.many.SkipBad:
			return err
		}
	}
	if good == 0 && len(f.members) > 0 {
		return fmt.Errorf("none of %d captures can be analyzed; the first: %w", len(f.members), f.members[0].bad)
	}
	return nil
}

// run analyzes a member.
func (f *fleet) run(ctx context.Context, m *member) error {
	c, err := format.Open(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	o := f.options
	o.Progress = nil
	if f.many.Span != nil {
		if o.From, o.To, err = f.many.Span(c); err != nil {
			return err
		}
	}
	if f.many.By != "" {
		err = f.add(ctx, c, m, o)
	} else {
		err = f.rows(ctx, c, m, o)
	}
	if err == nil {
		m.Lacks = append(Lacking(c), LostWords(m.path, m.Loss)...)
	}
	return err
}

// rows gathers the rows of a member.
func (f *fleet) rows(ctx context.Context, c *format.Capture, m *member, o Options) error {
	o.Sort = f.many.sortOfOne(&o)
	if len(f.many.Assert) > 0 {
		o.Top = 0
	}
	r, err := Run(ctx, c, f.analysis, o)
	if err == nil {
		m.take(r)
		f.gather.add(m, r.Tables)
	}
	return err
}

// add gathers what a member is added up.
func (f *fleet) add(ctx context.Context, c *format.Capture, m *member, o Options) error {
	o.Sort = ""
	if err := o.check(f.analysis); err != nil {
		return err
	}
	s, p, err := pass(ctx, c, f.analysis, o)
	if err != nil {
		return err
	}
	total, notes := p.(summer).whole(&o)
	m.take(s.result(f.analysis, []Table{{Notes: notes}}))
	f.gather.sum(m, total)
	return nil
}
