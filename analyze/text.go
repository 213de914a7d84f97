// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"errors"
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
	fmt.Fprintf(w, "%s: %s\n", r.bold(r.Analysis), r.Doc)
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

func (r *Result) bold(s string) string { return r.styled("1", s) }

// styled puts text between escape sequences, where they are wanted.
func (r *Result) styled(code, s string) string {
	if !r.Style.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (r *Result) heading() []string {
	c := &r.Capture
	if r.Details != nil {
		return r.Details.lines(c)
	}
	if r.Sides != nil {
		return r.sides()
	}
	if r.Members != nil {
		return r.manyHeading()
	}
	lines := []string{"Recorded " + c.where()}
	if c.SuspendedNS > 0 {
		lines = append(lines, fmt.Sprintf("The machine was suspended for %s of it; whoever was on a CPU then has that as time on a CPU, and not as CPU time", duration(c.SuspendedNS)))
	}
	return lines
}

// where is where and when it was, and what was left out.
func (c *Recording) where() string {
	s := fmt.Sprintf("on %s (%s, %s, %d CPUs) from %s for %s", replay.Clean(c.Host), replay.Clean(c.Kernel), replay.Clean(c.Arch),
		c.CPUs, c.Start.In(c.zone).Format("2006-01-02 15:04:05 -0700"), duration(c.DurationNS))
	if c.Filter != "" {
		s += ", only " + replay.Clean(c.Filter)
	}
	return s
}

// footing says what the tables do not cover.
func (r *Result) footing() []string {
	lines := r.notes()
	if r.Sides != nil {
		return append(lines, r.lost()...)
	}
	if r.Members != nil {
		return append(lines, r.manyFooting()...)
	}
	for _, l := range r.Loss {
		lines = append(lines, r.styled("33", l.Line()))
	}
	for _, m := range r.Missing {
		lines = append(lines, fmt.Sprintf("Not recorded: %s: %s (%s: %s).", replay.Clean(m.Source), replay.Clean(m.Loses), replay.Clean(m.Hook), replay.Clean(m.Reason)))
	}
	if !r.Capture.Complete {
		lines = append(lines, r.styled("33", fmt.Sprintf("Cut short: the recording ends at %s; what happened later is not in the capture.",
			r.Capture.End.In(r.Capture.zone).Format("15:04:05.000"))))
	}
	return lines
}

func (r *Result) table(w io.Writer, t *Table) error {
	fmt.Fprintf(w, "\n%s\n", r.bold(t.Title))
	if len(t.Rows) == 0 {
		_, err := fmt.Fprintln(w, "none")
		return err
	}
	t = t.shown()
	widths := make([]int, len(t.Columns))
	header := headers(t.Columns)
	widen(widths, header)
	for _, row := range t.Rows {
		widen(widths, r.cells(t, row))
	}
	fit(t.Columns, header, widths, r.Style.Width)
	lines := &trimmed{w: w, styled: func(line string) string { return r.styled("4", line) }}
	out := tablewriter.NewTable(lines, append(tableStyle(t.Columns), streamed(widths)...)...)
	if err := out.Start(); err != nil {
		return err
	}
	out.Header(header)
	for _, row := range t.Rows {
		line := r.cells(t, row)
		cut(line, widths)
		if err := out.Append(line); err != nil {
			return err
		}
	}
	if err := errors.Join(out.Close(), lines.flush()); err != nil {
		return err
	}
	if t.Hidden > 0 {
		fmt.Fprintf(w, "(%d more)\n", t.Hidden)
	}
	return nil
}

// streamed has a table written row by row: else the library keeps several
// kilobytes for each.
func streamed(widths []int) []tablewriter.Option {
	exact := tw.NewMapper[int, int]()
	for i := range widths {
		exact.Set(i, widths[i]+gap)
	}
	return []tablewriter.Option{
		tablewriter.WithStreaming(tw.StreamConfig{Enable: true}),
		tablewriter.WithColumnWidths(exact),
	}
}

// trimmed writes lines without the blanks at their end, and the first one, which
// has the names of the columns, in a style of its own.
type trimmed struct {
	w      io.Writer
	styled func(string) string
	rest   []byte // a line that is not whole
	some   bool   // a line was written
}

func (t *trimmed) Write(p []byte) (int, error) {
	t.rest = append(t.rest, p...)
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if err := t.line(string(line)); err != nil {
			return 0, err
		}
		t.rest = append(t.rest[:0], rest...)
	}
}

func (t *trimmed) flush() error {
	if len(t.rest) == 0 {
		return nil
	}
	return t.line(string(t.rest))
}

func (t *trimmed) line(line string) error {
	line = strings.TrimRight(line, " ")
	if !t.some {
		line, t.some = t.styled(line), true
	}
	_, err := io.WriteString(t.w, line+"\n")
	return err
}

// shown leaves out the columns that have values for some groupings only, and
// none here.
func (t *Table) shown() *Table {
	var at []int
	for i := range t.Columns {
		if t.says(i) {
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

// says tells whether a column says anything here.
func (t *Table) says(i int) bool {
	c := &t.Columns[i]
	if c.Unlike != "" {
		other, err := indexOf(t.Columns, c.Unlike)
		return err != nil || slices.ContainsFunc(t.Rows, func(row []Value) bool { return row[i] != row[other] })
	}
	return !c.Some || slices.ContainsFunc(t.Rows, func(row []Value) bool { return row[i] != nil })
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
