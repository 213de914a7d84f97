// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/ebrec/ebrec/replay"
)

// verdict says whether the capture is all there, and what recording it cost.
type verdict struct {
	Grade string // good, warn or bad: how the page shows it
	Word  string
	Lines []string
	Cost  string // empty when the recorder did not say
}

// How many lines a verdict has, and how many bytes each and a fact: a capture may
// have any number.
const (
	mostLines = 50
	mostFact  = 2000
)

func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " (cut)"
}

func newVerdict(r *Report) verdict {
	v := verdict{Grade: "good", Word: "Complete: nothing was lost."}
	lost := uint64(0)
	for _, l := range r.loss {
		if l.Unseen() {
			v.Grade, v.Word = "warn", "Complete, but for what the kernel did not hand to the recorder."
		} else {
			lost += l.Lost
		}
		v.Lines = append(v.Lines, l.Line())
	}
	if lost > 0 {
		v.Grade, v.Word = "bad", fmt.Sprintf("Lossy: %d events are not in the capture.", lost)
	}
	repair := r.info.Details.Repair
	damaged := repair != nil && len(repair.Damage) > 0
	if damaged {
		v.Grade, v.Word = "bad", "Damaged: parts of the capture are missing."
	}
	if c := &r.info.Capture; !c.Complete && (!damaged || repair.Cut) {
		v.Grade, v.Word = "bad", "Cut short: the recording ends at "+r.clock(c.End.UnixNano())+"; what happened later is not in the capture."
	}
	if damaged {
		v.Lines = append(v.Lines, fmt.Sprintf("Repaired: %d damaged parts are left out.", len(repair.Damage)))
	}
	for _, m := range r.info.Missing {
		if v.Grade == "good" {
			v.Grade = "warn"
		}
		v.Lines = append(v.Lines, fmt.Sprintf("Not recorded: %s: %s (%s: %s).", replay.Clean(m.Source), replay.Clean(m.Loses), replay.Clean(m.Hook), replay.Clean(m.Reason)))
	}
	v.Lines = v.Lines[:min(len(v.Lines), mostLines)]
	v.Lines = append(v.Lines, r.audited()...)
	if r.compared != nil {
		v.Lines = append(v.Lines, r.compared.told())
	}
	for i := range v.Lines {
		v.Lines[i] = cutText(v.Lines[i], mostFact)
	}
	v.Cost = cutText(r.cost(), mostFact)
	return v
}

// audited is what the audit says.
func (r *Report) audited() (lines []string) {
	audit := r.result("audit")
	if audit == nil {
		return nil
	}
	for _, t := range audit.Tables {
		lines = append(lines, t.Notes...)
	}
	return lines
}

func (r *Report) cost() string {
	s := r.info.Details.Summary
	if s == nil {
		return ""
	}
	text := fmt.Sprintf("%s CPU time of its own, from its start to its end, %s memory, %s written.", duration(s.OwnCPUNS), bytesText(s.MaxRSSBytes), bytesText(s.FileBytes))
	var programs []string
	for _, p := range r.info.Details.Programs {
		if p.Runs > 0 {
			programs = append(programs, fmt.Sprintf("%s %s a run", replay.Clean(p.Name), duration(p.RunNS/p.Runs)))
		}
	}
	if len(programs) > 0 {
		text += " In the kernel, measuring included: " + strings.Join(programs, ", ") + "."
	}
	return text
}

// fact is a line about the recording.
type fact struct{ Name, Value string }

func (r *Report) facts() (facts []fact) {
	c, d := &r.info.Capture, r.info.Details
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, cutText(replay.Clean(value), mostFact)})
		}
	}
	add("Host", c.Host)
	add("Kernel", c.Kernel+" "+c.Arch)
	add("CPUs", fmt.Sprint(c.CPUs))
	add("Start", r.day(c.Start.UnixNano()))
	add("Duration", duration(c.DurationNS))
	if c.SuspendedNS > 0 {
		add("Suspended", duration(c.SuspendedNS)+" of it")
	}
	if d.Window != nil {
		add("Slice", "a part of a longer recording")
	}
	add("Only", c.Filter)
	add("Sources", strings.Join(d.Sources, ", "))
	add("Command", strings.Join(d.Command, " "))
	add("Recorder", "ebrec "+d.Ebrec+", format "+d.Format)
	add("Capture", fmt.Sprintf("%s, %d rows", bytesText(uint64(max(d.SizeBytes, 0))), d.Rows))
	if r.compared != nil {
		for _, f := range r.compared.facts() {
			add(f.Name, f.Value)
		}
	}
	if s := d.Summary; s != nil {
		add("Events", fmt.Sprintf("%d seen, %d written, %d lost", s.Seen, s.Written, s.Lost))
	}
	return facts
}

// title says what was recorded.
func (r *Report) title() string {
	c := &r.info.Capture
	return cutText(replay.Clean(fmt.Sprintf("%s on %s from %s", duration(c.DurationNS), c.Host, r.day(c.Start.UnixNano()))), mostText)
}

func duration(ns uint64) string { return replay.SpacedDuration(ns) }

func bytesText(n uint64) string { return replay.SpacedBytes(n) }
