// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/ebrec/ebrec/replay"
)

// text writes the tables for people. This file alone knows the table library.
func (r *Result) text(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n", r.Analysis, r.Doc)
	for _, line := range r.heading() {
		fmt.Fprintln(w, line)
	}
	for i := range r.Tables {
		if err := r.table(w, &r.Tables[i]); err != nil {
			return err
		}
	}
	if lines := r.footing(); len(lines) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.Join(lines, "\n"))
	}
	return nil
}

func (r *Result) heading() []string {
	c := &r.Capture
	if r.Details != nil {
		return r.Details.lines(c)
	}
	s := fmt.Sprintf("Recorded on %s (%s, %s, %d CPUs) from %s for %s", replay.Clean(c.Host), replay.Clean(c.Kernel), replay.Clean(c.Arch),
		c.CPUs, c.Start.In(c.zone).Format("2006-01-02 15:04:05 -0700"), duration(c.DurationNS))
	if c.Filter != "" {
		s += ", only " + replay.Clean(c.Filter)
	}
	return []string{s}
}

// footing says what the tables do not cover.
func (r *Result) footing() []string {
	lines := r.notes()
	for _, l := range r.Loss {
		lines = append(lines, fmt.Sprintf("Lost: %d %s events (%s).", l.Lost, replay.Clean(l.Source), replay.Clean(l.Reason)))
	}
	for _, m := range r.Missing {
		lines = append(lines, fmt.Sprintf("Not recorded: %s: %s (%s: %s).", replay.Clean(m.Source), replay.Clean(m.Loses), replay.Clean(m.Hook), replay.Clean(m.Reason)))
	}
	if !r.Capture.Complete {
		lines = append(lines, fmt.Sprintf("Cut short: the recording ends at %s; what happened later is not in the capture.",
			r.Capture.End.In(r.Capture.zone).Format("15:04:05.000")))
	}
	return lines
}

func (r *Result) table(w io.Writer, t *Table) error {
	fmt.Fprintf(w, "\n%s\n", t.Title)
	if len(t.Rows) == 0 {
		_, err := fmt.Fprintln(w, "none")
		return err
	}
	var b bytes.Buffer
	t = t.shown()
	out := tablewriter.NewTable(&b, tableStyle(t.Columns)...)
	out.Header(headers(t.Columns))
	for _, row := range t.Rows {
		if err := out.Append(r.cells(t, row)); err != nil {
			return err
		}
	}
	if err := out.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	if t.Hidden > 0 {
		fmt.Fprintf(w, "(%d more)\n", t.Hidden)
	}
	return nil
}

// shown leaves out the columns that have values for some groupings only, and
// none here.
func (t *Table) shown() *Table {
	var at []int
	for i := range t.Columns {
		if !t.Columns[i].Some || slices.ContainsFunc(t.Rows, func(row []Value) bool { return row[i] != nil }) {
			at = append(at, i)
		}
	}
	if len(at) == len(t.Columns) {
		return t
	}
	some := &Table{Title: t.Title, Hidden: t.Hidden}
	for _, i := range at {
		some.Columns = append(some.Columns, t.Columns[i])
	}
	for _, row := range t.Rows {
		some.Rows = append(some.Rows, project(row, at))
	}
	return some
}

// tableStyle is that of the classic tools: no lines, two blanks between
// columns, numbers to the right, no wrapping.
func tableStyle(columns []ColumnSpec) []tablewriter.Option {
	var align tw.Alignment
	for i := range columns {
		if columns[i].Text {
			align = append(align, tw.AlignLeft)
		} else {
			align = append(align, tw.AlignRight)
		}
	}
	section := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: "  ", Overwrite: true}},
		Alignment:  tw.CellAlignment{PerColumn: align},
	}
	return []tablewriter.Option{
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: section, Row: section, Behavior: tw.Behavior{TrimSpace: tw.Off}}),
	}
}

// headers are the names without the unit, which every cell shows.
func headers(columns []ColumnSpec) []string {
	var all []string
	for i := range columns {
		name := strings.TrimSuffix(columns[i].Name, "_ns")
		all = append(all, strings.ToUpper(strings.ReplaceAll(name, "_", " ")))
	}
	return all
}

func (r *Result) cells(t *Table, row []Value) []string {
	var all []string
	for i, v := range row {
		all = append(all, r.cell(&t.Columns[i], v))
	}
	return all
}
