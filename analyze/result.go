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
	Details  *Details         // only of Info
	Loss     []Loss           // of all sources; what is not listed lost nothing
	Missing  []format.Missing // hooks of the sources it used that could not be attached
	Tables   []Table

	sources []string // that it used
}

// Whole tells whether the capture is complete and lost nothing of the sources
// that the result is made of.
func (r *Result) Whole() bool {
	return r.Capture.Complete && !slices.ContainsFunc(r.Loss, func(l Loss) bool { return slices.Contains(r.sources, l.Source) })
}

// Formats are the names that Render knows.
var Formats = []string{"text", "json", "csv"}

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
	return notes
}
