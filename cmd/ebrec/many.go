// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
)

// mostWarnings is how many warnings about captures are printed one by one.
const mostWarnings = 10

// many prints an analysis of several captures.
func (f *analysisFlags) many(ctx context.Context, a *app, paths []string) error {
	if f.as == "dot" {
		return usage(fmt.Errorf("--format dot is of one capture, got %d", len(paths)))
	}
	o, m := f.options, analyze.Many{SkipBad: f.skipBad, Span: f.instants}
	if slices.Contains(analyze.ManyBy, o.By) {
		m.By, o.By = o.By, ""
	}
	columns, err := analyze.ManyColumns(f.analysis, o, m.By)
	if err != nil {
		return usage(err)
	}
	asserted, err := assertions(f.must, columns)
	if err != nil {
		return err
	}
	m.Assert = asserted.list
	bar := a.progress(f.analysis.Name)
	bar.unit, m.Progress = "captures", bar.set
	r, err := analyze.RunMany(ctx, paths, f.analysis, o, m)
	bar.end()
	if err != nil {
		return err
	}
	r.Style = f.look.style(a.stdout)
	if len(f.must) > 0 {
		for _, t := range r.Tables {
			asserted.failed += len(t.Rows) + t.Hidden
		}
	}
	return asserted.verdict(a.showMany(r, f.as))
}

// compare prints which hosts differ from the others.
func (f *analysisFlags) compare(ctx context.Context, a *app, paths []string) error {
	o := &f.options
	switch {
	case o.By != "host":
		return usage(errors.New("--compare is of hosts: it comes with --by host"))
	case o.Sort != "" || len(o.PIDs) > 0 || f.span != (span{}) || o.Failed || o.MinDuration != 0 || o.Interval != 0 || o.Tree:
		return usage(errors.New("--compare is of whole captures and has an order of its own: of what picks and orders rows it takes --comm and --top"))
	case f.as == "dot":
		return usage(errors.New("--format dot is of one capture"))
	}
	asserted, err := assertions(f.must, diff.HostColumns)
	if err != nil {
		return err
	}
	top := o.Top
	if len(f.must) > 0 {
		top = 0
	}
	bar := a.progress("compare")
	bar.unit = "captures"
	r, err := diff.Hosts(ctx, paths, diff.HostOptions{Analysis: f.analysis, Comms: o.Comms, Top: top, SkipBad: f.skipBad, Progress: bar.set})
	bar.end()
	if err != nil {
		return err
	}
	r.Style = f.look.style(a.stdout)
	if r, err = asserted.failures(r, o.Top); err != nil {
		return err
	}
	return asserted.verdict(a.showMany(r, f.as))
}

// instants is the part of a capture that counts.
func (f *analysisFlags) instants(c *format.Capture) (from, to int64, err error) {
	err = f.span.instants(c, &from, &to)
	return behind(from), to, err
}

// showMany prints a result of several captures and warns of what they lack.
func (a *app) showMany(r *analyze.Result, as string) error {
	var out bytes.Buffer
	if err := r.Render(&out, as); err != nil {
		return err
	}
	if _, err := a.stdout.Write(out.Bytes()); err != nil {
		return err
	}
	var words []string
	for _, s := range r.Skipped {
		words = append(words, fmt.Sprintf("skipped: %v", s.Err))
	}
	for i := range r.Members {
		words = append(words, r.Members[i].Lacks...)
	}
	a.warnings(words)
	if !r.Whole() {
		return &statusError{status: exitIncomplete}
	}
	return nil
}

// warnings prints the first of several warnings, and how many more there are.
func (a *app) warnings(words []string) {
	for i, w := range words {
		if i == mostWarnings {
			a.warn(fmt.Sprintf("and %d more of these; --format json has what each capture lacks", len(words)-i))
			return
		}
		a.warn(w)
	}
}
