// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
)

// markdown writes the tables as GitHub and GitLab show them, to paste into an
// issue.
func (r *Result) markdown(w io.Writer) error {
	fmt.Fprintf(w, "### %s\n\n%s\n", MarkdownText(r.Analysis), MarkdownText(r.Doc))
	for _, line := range r.heading() {
		fmt.Fprintf(w, "\n%s\n", MarkdownText(line))
	}
	if err := r.MarkdownTables(w); err != nil {
		return err
	}
	for _, line := range r.footing() {
		fmt.Fprintf(w, "\n%s\n", MarkdownText(line))
	}
	return nil
}

// MarkdownTables writes the tables alone, for a document of several results.
func (r *Result) MarkdownTables(w io.Writer) error {
	for i := range r.Tables {
		if err := r.markdownTable(w, &r.Tables[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Result) markdownTable(w io.Writer, t *Table) error {
	fmt.Fprintf(w, "\n#### %s\n\n", MarkdownText(t.Title))
	if len(t.Rows) == 0 {
		_, err := fmt.Fprintln(w, "none")
		return err
	}
	var b bytes.Buffer
	hidden := t.Hidden
	t = t.shown()
	out := tablewriter.NewTable(&b, append(tableStyle(t.Columns), tablewriter.WithRenderer(renderer.NewMarkdown()))...)
	out.Header(headers(t.Columns))
	for _, row := range t.Rows {
		cells := r.cells(t, row)
		for i := range cells {
			cells[i] = MarkdownText(cells[i])
		}
		if err := out.Append(cells); err != nil {
			return err
		}
	}
	if err := out.Render(); err != nil {
		return err
	}
	if hidden > 0 {
		fmt.Fprintf(&b, "\n(%d more)\n", hidden)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// MarkdownText keeps names from being markup: they are chosen by whoever is
// recorded.
func MarkdownText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune("<>&", r):
			fmt.Fprintf(&b, "&#%d;", r)
		case strings.ContainsRune("\\`*_{}[]#|!~@$", r):
			b.WriteByte('\\')
			fallthrough
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
