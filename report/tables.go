// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/replay"
)

// sectionData is a section as the page reads it.
type sectionData struct {
	ID      string      `json:"id"`
	Title   string      `json:"title"`
	Command string      `json:"command"` // that prints the tables
	Doc     string      `json:"doc"`
	Tables  []tableData `json:"tables"`
}

// tableData is a table, column by column: that packs best.
type tableData struct {
	Title   string       `json:"title"`
	Columns []columnData `json:"columns"`
	Rows    int          `json:"rows"`
	Left    int          `json:"left"` // rows that there was no room for
	Hidden  int          `json:"hidden"`
	Notes   []string     `json:"notes"`
	Data    []column     `json:"data"`
}

type columnData struct {
	Name   string `json:"name"`
	Unit   string `json:"unit"`
	Doc    string `json:"doc"`
	Text   bool   `json:"text"`
	Some   bool   `json:"some"`
	Unlike string `json:"unlike"`
}

// column is the values of a column, as JSON.
type column struct {
	rows [][]analyze.Value
	at   int
}

// MarshalJSON writes numbers that a browser would round as text.
func (c column) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, row := range c.rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, row[c.at])
	}
	return append(b, ']'), nil
}

// exactly is the largest number up to which a browser knows every integer.
const exactly = 1 << 53

func appendValue(b []byte, v analyze.Value) []byte {
	switch v := v.(type) {
	case uint64:
		return quoted(strconv.AppendUint(nil, v, 10), b, v > exactly)
	case int64:
		return quoted(strconv.AppendInt(nil, v, 10), b, v > exactly || v < -exactly)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(b, "null"...)
		}
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case analyze.Amount:
		return append(strconv.AppendQuote(append(appendValue(append(b, '['), v.Value), ','), v.Unit), ']')
	case string:
		return replay.AppendJSON(b, replay.Clean(v))
	}
	return append(b, "null"...)
}

func quoted(digits, b []byte, quote bool) []byte {
	if !quote {
		return append(b, digits...)
	}
	return append(append(append(b, '"'), digits...), '"')
}

// data is a section with at most so many rows in each table.
func (s *section) data(most int) sectionData {
	d := sectionData{ID: s.id, Title: s.title, Command: "ebrec " + s.command(), Doc: s.result.Doc}
	for i := range s.result.Tables {
		d.Tables = append(d.Tables, tableOf(&s.result.Tables[i], most))
	}
	return d
}

func tableOf(t *analyze.Table, most int) tableData {
	d := tableData{Title: t.Title, Rows: min(len(t.Rows), most), Hidden: t.Hidden, Notes: append([]string{}, t.Notes...)}
	d.Left = len(t.Rows) - d.Rows
	for i := range t.Columns {
		c := &t.Columns[i]
		d.Columns = append(d.Columns, columnData{c.Name, c.Unit, c.Doc, c.Text, c.Some, c.Unlike})
		d.Data = append(d.Data, column{t.Rows[:d.Rows], i})
	}
	return d
}

// mostRows is how many rows the longest table has.
func (r *Report) mostRows() (most int) {
	for _, s := range append(r.shown(), section{result: r.info}) {
		for i := range s.result.Tables {
			most = max(most, len(s.result.Tables[i].Rows))
		}
	}
	return most
}

// seriesData is CPU time over time of the processes that had most.
type seriesData struct {
	IntervalNS uint64       `json:"interval"`
	Names      []seriesName `json:"names"`
	OnCPU      [][]uint64   `json:"on_cpu"` // by name and interval, ns
	Notes      []string     `json:"notes"`
}

type seriesName struct {
	PID  uint64 `json:"pid"` // 0: all others
	Comm string `json:"comm"`
}

// mostStacked is how many processes the chart tells apart.
const mostStacked = 12

func (r *Report) seriesData() *seriesData {
	if r.series == nil || len(r.series.result.Tables) == 0 {
		return nil
	}
	t := &r.series.result.Tables[0]
	all := map[seriesName]uint64{}
	for _, row := range t.Rows {
		all[nameOf(t, row)] += number(cell(t, row, "on_cpu_ns"))
	}
	d := &seriesData{IntervalNS: r.series.intervalNS, Notes: t.Notes}
	d.Names = largest(all, mostStacked, compareNames)
	place := map[seriesName]int{}
	for i, n := range d.Names {
		place[n] = i
	}
	if len(all) > len(d.Names) {
		d.Names = append(d.Names, seriesName{0, "all others"})
	}
	intervals := int((r.info.Capture.DurationNS + d.IntervalNS - 1) / d.IntervalNS)
	d.OnCPU = make([][]uint64, len(d.Names))
	for i := range d.OnCPU {
		d.OnCPU[i] = make([]uint64, intervals)
	}
	for _, row := range t.Rows {
		i, ok := place[nameOf(t, row)]
		if !ok {
			i = len(d.Names) - 1
		}
		at := int(r.since(cell(t, row, "time")) / int64(d.IntervalNS))
		d.OnCPU[i][min(max(at, 0), intervals-1)] += number(cell(t, row, "on_cpu_ns"))
	}
	return d
}

// since is an instant as ns since the recording began.
func (r *Report) since(v analyze.Value) int64 {
	at, _ := v.(int64)
	return at - r.info.Capture.Start.UnixNano()
}

func nameOf(t *analyze.Table, row []analyze.Value) seriesName {
	comm, ok := cell(t, row, "comm").(string)
	if !ok {
		comm = "?"
	}
	return seriesName{number(cell(t, row, "pid")), replay.Clean(comm)}
}

func compareNames(a, b seriesName) int {
	return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Comm, b.Comm))
}

// pageData is everything that the page shows but the timeline.
type pageData struct {
	Begin    string        `json:"begin"` // Unix ns
	Duration uint64        `json:"duration"`
	Zone     int           `json:"zone"` // seconds east of UTC
	CPUs     int           `json:"cpus"`
	Sections []sectionData `json:"sections"`
	Series   *seriesData   `json:"series"`
	Heat     *heatData     `json:"heat"`
}

// heatData are the cells of the heatmap that count something: column, row, waits.
type heatData struct {
	Width int64       `json:"width"`
	Cells [][3]uint64 `json:"cells"`
}

func (r *Report) heatData() *heatData {
	if r.timeline == nil || r.timeline.stays == nil {
		return nil
	}
	h := &heatData{Width: r.timeline.heat.width, Cells: [][3]uint64{}}
	for i := range r.timeline.heat.counts {
		for j, n := range r.timeline.heat.counts[i] {
			if n > 0 {
				h.Cells = append(h.Cells, [3]uint64{uint64(i), uint64(j), n})
			}
		}
	}
	return h
}

// data is what the page shows, with at most so many rows in each table.
func (r *Report) data(most int) ([]byte, error) {
	d := pageData{
		Begin: strconv.FormatInt(r.info.Capture.Start.UnixNano(), 10), Duration: r.info.Capture.DurationNS, Zone: r.zoneS,
		CPUs: r.info.Capture.CPUs, Series: r.seriesData(), Heat: r.heatData(), Sections: []sectionData{},
	}
	for _, s := range r.shown() {
		d.Sections = append(d.Sections, s.data(most))
	}
	rows := section{id: "rows", title: "What is in the capture", result: r.info}
	d.Sections = append(d.Sections, rows.data(most))
	return json.Marshal(d)
}
