// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/ebrec/ebrec/analyze"
)

// MostMarkdown is how many bytes a block of Markdown has at most: an issue takes
// 65,536 characters.
const MostMarkdown = 60_000

// How many rows the tables of an analysis have: those that are shown at once,
// and those that fold.
const (
	openRows   = 8
	foldedRows = 25
	openLines  = 20 // of the verdict
)

// opened are the analyses that are not folded.
var opened = []string{"diff", "cputime", "runqlat", "tcplat"}

// Markdown writes a block for an issue, in one Write. What there is no room for
// is named at its end.
func (r *Report) Markdown(w io.Writer) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "## ebrec: %s\n\n**%s**\n\n", escape(r.title()), escape(r.verdict.Word))
	for _, line := range r.verdict.Lines[:min(len(r.verdict.Lines), openLines)] {
		fmt.Fprintf(&out, "- %s\n", escape(cutText(line, mostText)))
	}
	if r.verdict.Cost != "" {
		fmt.Fprintf(&out, "- What recording cost: %s\n", escape(cutText(r.verdict.Cost, mostText)))
	}
	out.WriteString("\n| | |\n|:--|:--|\n")
	for _, f := range r.facts() {
		fmt.Fprintf(&out, "| %s | %s |\n", f.Name, escape(cutText(f.Value, mostText)))
	}
	var left []string
	for _, s := range r.shown() {
		text, err := s.markdown()
		if err != nil {
			return err
		}
		if out.Len()+len(text)+restMarkdown > MostMarkdown {
			left = append(left, s.title)
			continue
		}
		out.Write(text)
	}
	for _, a := range r.absent {
		fmt.Fprintf(&out, "\n%s: %s.\n", escape(a.Title), escape(a.Why))
	}
	if len(left) > 0 {
		fmt.Fprintf(&out, "\nNo room here for: %s. `ebrec analyze` has them.\n", escape(strings.Join(left, ", ")))
	}
	if out.Len() > MostMarkdown {
		return fmt.Errorf("make a report: its Markdown has %d bytes, more than %d", out.Len(), MostMarkdown)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// restMarkdown is room for what comes behind the tables.
const restMarkdown = 6_000

// mostText is how many bytes of a fact are written: a command line may have any
// number.
const mostText = 400

// markdown are the first rows of the tables of a section. Names are cut where a
// line would become much longer than a screen.
func (s *section) markdown() ([]byte, error) {
	rows, fold := foldedRows, true
	for _, name := range opened {
		if s.result.Analysis == name {
			rows, fold = openRows, false
		}
	}
	first := *s.result
	first.Tables = nil
	for _, t := range s.result.Tables {
		if len(t.Rows) == 0 {
			continue
		}
		t.Cut(rows)
		t.Rows = shortNames(t.Rows)
		first.Tables = append(first.Tables, t)
	}
	var table, out bytes.Buffer
	if err := first.MarkdownTables(&table); err != nil {
		return nil, err
	}
	if table.Len() == 0 {
		return nil, nil
	}
	if fold {
		fmt.Fprintf(&out, "\n<details><summary>%s</summary>\n%s\n</details>\n", escape(s.title), table.Bytes())
	} else {
		fmt.Fprintf(&out, "\n### %s\n%s", escape(s.title), table.Bytes())
	}
	return out.Bytes(), nil
}

// mostName is how many bytes of a name are shown: paths and arguments have more.
const mostName = 60

func shortNames(rows [][]analyze.Value) [][]analyze.Value {
	short := make([][]analyze.Value, len(rows))
	for i, row := range rows {
		short[i] = append([]analyze.Value{}, row...)
		for j, v := range row {
			if name, ok := v.(string); ok && len(name) > mostName {
				short[i][j] = strings.ToValidUTF8(name[:mostName], "") + "…"
			}
		}
	}
	return short
}

func escape(s string) string { return analyze.MarkdownText(s) }
