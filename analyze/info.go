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

// nothing is the pass of who only wants to know about the recording.
type nothing struct{}

func (nothing) Event(replay.Event) error { return nil }
func (nothing) Tables() []Table          { return nil }

// Info describes a capture: a row for each kind of rows that it has or could
// have, and Details.
func Info(ctx context.Context, c *format.Capture) (*Result, error) {
	s := newScan(c, nil)
	s.window = (&Options{}).window(c)
	if err := s.run(ctx, nothing{}, s.window.to); err != nil {
		return nil, err
	}
	usage, err := c.Usage()
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", c.Path(), err)
	}
	m := c.Meta()
	d := &Details{
		Format: m.Format, Ebrec: m.Ebrec, BootID: m.BootID, Command: m.Command, Sources: m.Sources,
		SizeBytes: c.Size(), Summary: s.account.summary, Repair: m.Repair,
	}
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
			[2]string{"cost", fmt.Sprintf("%s CPU time, %s memory", duration(s.OwnCPUNS), size(s.MaxRSSBytes))})
	}
	var lines []string
	for _, f := range facts {
		if f[1] != "" {
			lines = append(lines, fmt.Sprintf("%-9s %s", f[0]+":", replay.Clean(f[1])))
		}
	}
	return lines
}
