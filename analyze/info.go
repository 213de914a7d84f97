// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"fmt"
	"strings"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// Details are what Info says beyond the table.
type Details struct {
	Format    string   `json:"format"` // version of the file format
	Ebrec     string   `json:"ebrec"`  // version of the recorder
	BootID    string   `json:"boot_id"`
	Command   []string `json:"command"` // command line of the recorder
	Sources   []string `json:"sources"`
	SizeBytes int64    `json:"size_bytes"`
	Rows      int64    `json:"rows"`
	Summary   *Summary `json:"summary"` // null when the recording was cut short

	Programs    []Program `json:"programs,omitempty"`      // what each kernel program cost
	ClockSetNS  int64     `json:"clock_set_ns"`            // how far the wall clock moved against boot time, first reading to last
	ClockDoubt  uint64    `json:"clock_uncertainty_ns"`    // plus or minus; of the first reading
	ClockIsRead bool      `json:"clock_is_read,omitempty"` // there are readings

	Window *format.Window `json:"window,omitempty"` // of a slice
	Repair *format.Repair `json:"repair,omitempty"` // of a repaired capture
}

var info = Analysis{
	Name: "info",
	Doc:  "What is in a capture",
	Columns: []ColumnSpec{
		{Name: "kind", Text: true, Doc: "kind of rows"},
		{Name: "source", Text: true, Doc: "source that gives them"},
		{Name: "rows", Unit: unitCount, Doc: "rows of the kind"},
		{Name: "bytes", Unit: unitBytes, Doc: "the kind's share of the file; where kinds share a batch, by rows and columns"},
	},
}

// Program is what a kernel program cost while its run time was measured.
type Program struct {
	Name       string `json:"program"`
	Runs       uint64 `json:"runs"`
	RunNS      uint64 `json:"run_ns"`
	MeasuredNS uint64 `json:"measured_ns"` // how long it was
}

// infoNeeds are the rows that say what recording cost.
var infoNeeds = []Need{
	{Kind: "program", Columns: []string{"program", "runs", "run_ns", "measured_ns"}, Source: "recording", Optional: true},
	{Kind: "clock", Columns: []string{"wall_offset_ns", "uncertainty_ns"}, Source: "recording", Optional: true},
}

// infoPass reads them into details.
type infoPass struct {
	*Details
	c     *format.Capture
	first int64 // wall offset
}

func (p *infoPass) Event(e replay.Event) error {
	u := func(name string) uint64 { return e.Uint(p.c.Col(name)) }
	switch e.Kind().Name {
	case "program":
		p.Programs = append(p.Programs, Program{e.Str(p.c.Col("program")), u("runs"), u("run_ns"), u("measured_ns")})
	case "clock":
		offset := e.Int(p.c.Col("wall_offset_ns"))
		if !p.ClockIsRead {
			p.first, p.ClockDoubt, p.ClockIsRead = offset, u("uncertainty_ns"), true
		}
		p.ClockSetNS = offset - p.first
	}
	return nil
}

func (*infoPass) Tables() []Table { return nil }

// Info describes a capture: a row for each kind of rows that it has or could
// have, and Details.
func Info(ctx context.Context, c *format.Capture) (*Result, error) {
	s := newScan(c, infoNeeds)
	s.window = (&Options{}).window(c)
	d := &Details{}
	if err := s.run(ctx, &infoPass{Details: d, c: c}, s.window.to); err != nil {
		return nil, err
	}
	usage, err := c.Usage()
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", c.Path(), err)
	}
	m := c.Meta()
	d.Format, d.Ebrec, d.BootID, d.Command, d.Sources = m.Format, m.Ebrec, m.BootID, m.Command, m.Sources
	d.SizeBytes, d.Summary, d.Repair = c.Size(), s.account.summary, m.Repair
	if m.Window != (format.Window{}) {
		d.Window = &m.Window
	}
	t := Table{Title: "Rows", Columns: info.Columns}
	byKind := map[string]format.KindUsage{}
	for _, u := range usage {
		byKind[u.Kind] = u
		d.Rows += u.Rows
	}
	for _, k := range c.Kinds() {
		u := byKind[k.Name]
		t.Rows = append(t.Rows, []Value{k.Name, k.Source, uint64(u.Rows), uint64(u.Bytes)})
	}
	if err := t.order("bytes"); err != nil {
		return nil, err
	}
	s.sources = append(m.Sources, "recording")
	r := s.result(&info, []Table{t})
	r.Missing = m.Missing
	r.Details = d
	return r, nil
}

func (d *Details) slice() string {
	if d.Window == nil {
		return ""
	}
	return "a part of a longer recording; rows outside of it say who lives and what was used before"
}

func (d *Details) repaired() string {
	if d.Repair == nil {
		return ""
	}
	return fmt.Sprintf("%d damaged parts are left out", len(d.Repair.Damage))
}

// programs are the runs of the kernel programs that ran.
func (d *Details) programs() string {
	var ran []string
	for _, p := range d.Programs {
		if p.Runs > 0 {
			ran = append(ran, fmt.Sprintf("%s %d x %s", p.Name, p.Runs, duration(p.RunNS/p.Runs)))
		}
	}
	if len(ran) == 0 {
		return ""
	}
	return strings.Join(ran, ", ") + " (in the first " + duration(d.Programs[0].MeasuredNS) + ", measuring included)"
}

// clock is how true the times of day are.
func (d *Details) clock() string {
	if !d.ClockIsRead {
		return ""
	}
	moved := "by " + duration(uint64(max(d.ClockSetNS, -d.ClockSetNS)))
	if d.ClockSetNS < 0 {
		moved += " backwards"
	}
	return fmt.Sprintf("true within %s at the start; moved %s against boot time meanwhile", duration(d.ClockDoubt), moved)
}

// lines are the facts as text.
func (d *Details) lines(c *Recording) []string {
	const at = "2006-01-02 15:04:05.000 -0700"
	end := c.End.In(c.zone).Format(at)
	if !c.Complete {
		end += " (cut short)"
	}
	facts := [][2]string{
		{"host", c.Host},
		{"kernel", c.Kernel + " " + c.Arch},
		{"cpus", fmt.Sprint(c.CPUs)},
		{"start", c.Start.In(c.zone).Format(at)},
		{"end", end},
		{"duration", duration(c.DurationNS)},
		{"slice", d.slice()},
		{"repaired", d.repaired()},
		{"sources", strings.Join(d.Sources, ", ")},
		{"filter", c.Filter},
		{"command", strings.Join(d.Command, " ")},
		{"recorder", "ebrec " + d.Ebrec + ", format " + d.Format},
		{"size", fmt.Sprintf("%s, %d rows", size(uint64(max(d.SizeBytes, 0))), d.Rows)},
	}
	if s := d.Summary; s != nil {
		facts = append(facts,
			[2]string{"events", fmt.Sprintf("%d seen, %d written, %d lost, %d reordered", s.Seen, s.Written, s.Lost, s.Reordered)},
			[2]string{"cost", fmt.Sprintf("%s CPU time, %s memory, %s written, %d drains, %d wakeups; %d events of its own left out",
				duration(s.OwnCPUNS), size(s.MaxRSSBytes), size(s.FileBytes), s.Drains, s.Wakeups, s.LeftOut)})
	}
	facts = append(facts, [2]string{"programs", d.programs()}, [2]string{"clock", d.clock()})
	var lines []string
	for _, f := range facts {
		if f[1] != "" {
			lines = append(lines, fmt.Sprintf("%-9s %s", f[0]+":", replay.Clean(f[1])))
		}
	}
	return lines
}
