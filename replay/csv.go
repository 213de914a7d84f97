// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ebrec/ebrec/format"
)

// A CSVPrinter writes events as CSV (RFC 4180): a line of names, then a line for
// each event with all columns of the file in their order, empty where the event
// has no value. Instants are nanoseconds since the Unix epoch, but for the first
// column, time, which is RFC 3339 in UTC with time_ns behind it, as in JSON.
type CSVPrinter struct {
	w       *csv.Writer
	columns []format.Column // in the order of the file
	first   int             // of them: time
	places  map[*format.Kind][]int
	cells   []string
}

// NewCSVPrinter writes to w. Output is buffered: Flush it.
func NewCSVPrinter(w io.Writer, c *format.Capture) *CSVPrinter {
	return &CSVPrinter{
		w: csv.NewWriter(w), columns: c.Columns(), first: int(c.Col(format.ColumnTime)),
		places: map[*format.Kind][]int{}, cells: make([]string, 1+len(c.Columns())),
	}
}

// cell is where a column is in a line; time and time_ns are the first two.
func (p *CSVPrinter) cell(column int) int {
	if column < p.first {
		return column + 2
	}
	return column + 1
}

// Header writes the names of the columns.
func (p *CSVPrinter) Header() error {
	for i := range p.columns {
		p.cells[p.cell(i)] = Clean(p.columns[i].Name)
	}
	p.cells[0], p.cells[1] = format.ColumnTime, format.ColumnTime+"_ns"
	return p.w.Write(p.cells)
}

// Event writes the line of an event.
func (p *CSVPrinter) Event(e Event) error {
	clear(p.cells)
	p.cells[0], p.cells[1] = time.Unix(0, e.Time()).UTC().Format(time.RFC3339Nano), strconv.FormatInt(e.Time(), 10)
	for _, i := range p.placesOf(e.Kind()) {
		p.cells[p.cell(i)] = csvCell(e, &p.columns[i], format.Col(i))
	}
	return p.w.Write(p.cells)
}

// placesOf are the columns of a kind, without time.
func (p *CSVPrinter) placesOf(k *format.Kind) []int {
	places, ok := p.places[k]
	if ok {
		return places
	}
	for i := range p.columns {
		if name := p.columns[i].Name; i != p.first && (name == format.ColumnKind || k.Field(name) != nil) {
			places = append(places, i)
		}
	}
	p.places[k] = places
	return places
}

// Flush hands over what is buffered.
func (p *CSVPrinter) Flush() error {
	p.w.Flush()
	return p.w.Error()
}

func csvCell(e Event, c *format.Column, at format.Col) string {
	switch {
	case c.Name == format.ColumnKind:
		return Clean(e.Kind().Name)
	case e.Null(at):
		return ""
	}
	switch c.Type {
	case format.String, format.Address, format.Enum:
		return SpreadsheetText(e.Str(at))
	case format.Int32, format.Int64, format.Timestamp:
		return strconv.FormatInt(e.Int(at), 10)
	}
	return strconv.FormatUint(e.Uint(at), 10)
}

// SpreadsheetText is text for a cell of CSV: [Clean], with an apostrophe in front
// of what a spreadsheet would run as a formula.
func SpreadsheetText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + Clean(s)
	}
	return Clean(s)
}
