// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"io"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// A Result is the tables of one analysis over one capture, with what the
// capture lacks.
type Result struct {
	Analysis string
	Doc      string
	Columns  []ColumnSpec // of every table
	Capture  Recording
	Sides    []Side           // of a result of several captures, which has no Capture and Loss of its own
	Members  []Member         // the captures of RunMany; then Capture is all of them together
	Skipped  []Skipped        // those that RunMany left out
	Details  *Details         // only of Info
	Loss     []Loss           // of all sources; what is not listed lost nothing
	Missing  []format.Missing // hooks of the sources it used that could not be attached
	Tables   []Table
	Style    Style // of text

	sources []string // that it used
	more    []string // notes that belong to no table
}

// Style is how text is written.
type Style struct {
	Width int  // cut names so that tables have at most this many cells in a line; 0: as they are
	Color bool // set titles, headers and what is missing off with escape sequences
}

// Whole tells whether the capture is complete and lost nothing of the sources
// that the result is made of; of many captures, each of them, none of which was
// skipped.
func (r *Result) Whole() bool {
	if r.Members != nil {
		return len(r.Skipped) == 0 && !slices.ContainsFunc(r.Members, func(m Member) bool { return !m.Whole() })
	}
	return r.Capture.Complete && !r.lossy()
}

// Formats are the names that Render knows.
var Formats = []string{"text", "json", "csv", "markdown", "arrow", "dot"}

// Render writes the result in one of Formats, all of it in one Write, so that
// an error leaves no half table. Another format is an *UnknownError.
func (r *Result) Render(w io.Writer, format string) error {
	var b bytes.Buffer
	var err error
	switch format {
	case "text":
		err = r.text(&b)
	case "json":
		err = r.json(&b)
	case "csv":
		err = r.csv(&b)
	case "markdown":
		err = r.markdown(&b)
	case "dot":
		err = r.dot(&b)
	case "arrow":
		err = r.arrow(&b)
	default:
		return unknown("format", format, Formats)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// notes are the sentences that belong under the tables.
func (r *Result) notes() []string {
	var notes []string
	for i := range r.Tables {
		notes = append(notes, r.Tables[i].Notes...)
	}
	return append(notes, r.more...)
}
