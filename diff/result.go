// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"fmt"
	"math"
	"strings"

	"github.com/ebrec/ebrec/analyze"
)

// Columns are those of the rows of a result.
var Columns = []analyze.ColumnSpec{
	{Name: "what", Text: true, Doc: "process: those of one name and place in the process tree, added up; thread: those of one name of such processes; branch: a process and all below it; remote: connections to an address and port, or accepted on a local port"},
	{Name: "name", Text: true, Doc: "path of the process from the root of the process tree; of a thread with its name behind a colon; of a remote its address and port, or the local port of connections that were accepted"},
	{Name: "measure", Text: true, Doc: "what is compared; the unit is part of the name"},
	{Name: "base", Doc: "the measure at base, in its unit; of several captures the mean"},
	{Name: "head", Doc: "the measure at head"},
	{Name: "change_percent", Unit: "percent", Doc: "head against base; none where one of them is 0"},
	{Name: "low_percent", Unit: "percent", Doc: "lower bound of the 95% confidence interval of the change, for this row alone, with what was lost; none where noise is not known"},
	{Name: "high_percent", Unit: "percent", Doc: "upper bound"},
	{Name: "p", Doc: "chance that noise alone makes such a difference, corrected for all comparisons (Holm), of which the CPU time of processes has one half of what is allowed; none when it was not tested"},
	{Name: "verdict", Text: true, Doc: "changed: noise does not explain the difference, and it is the threshold or more; same: noise included it is less than the threshold; cannot tell: neither is proven"},
	{Name: "reason", Text: true, Some: true, Doc: "why it cannot be told"},
	{Name: "head_name", Text: true, Some: true, Doc: "path at head, where processes were started from another place there"},
}

// LoneColumns are those of what one side alone has.
var LoneColumns = []analyze.ColumnSpec{
	{Name: "what", Text: true, Doc: "as in the rows of both sides"},
	{Name: "name", Text: true, Doc: "the same"},
	{Name: "side", Text: true, Doc: "only in base or only in head"},
	{Name: "cpu_percent", Unit: "percent", Doc: "CPU time as a share of one CPU, of several captures the mean"},
	{Name: "cpu_time_ns", Unit: "ns", Doc: "CPU time, all captures of the side"},
	{Name: "switches", Unit: "count", Doc: "times it left a CPU, all captures"},
	{Name: "starts", Unit: "count", Doc: "processes that began, all captures"},
	{Name: "connects", Unit: "count", Doc: "connections that were opened or accepted, all captures"},
	{Name: "responses", Unit: "count", Doc: "answers that began to arrive, all captures"},
	{Name: "verdict", Text: true, Doc: "changed: it surely uses more CPU time than what is left out; else cannot tell"},
	{Name: "reason", Text: true, Some: true, Doc: "why it cannot be told"},
}

// TallyColumns are those of the table of verdicts.
var TallyColumns = []analyze.ColumnSpec{
	{Name: "table", Text: true, Doc: "what the rows are of"},
	{Name: "rows", Unit: "count", Doc: "measures of things that are on both sides"},
	{Name: "changed", Unit: "count", Doc: "of them changed"},
	{Name: "same", Unit: "count", Doc: "of them the same"},
	{Name: "cannot_tell", Unit: "count", Doc: "of them neither proven"},
	{Name: "only_base", Unit: "count", Doc: "things that base alone has"},
	{Name: "only_head", Unit: "count", Doc: "things that head alone has"},
	{Name: "few", Unit: "count", Doc: "measures that are left out because fewer than ten events are of them on each side"},
	{Name: "small", Unit: "count", Doc: "things that use too little on both sides to be compared (--min-cpu)"},
}

// Doc is what the comparison is, in one sentence.
const Doc = "What changed between captures, and what noise may explain"

// Result is the report as tables, of which each has at most top rows; 0: all.
func (r *Report) Result(top int) *analyze.Result {
	out := &analyze.Result{Analysis: "diff", Doc: Doc, Columns: Columns}
	for side, all := range [sides][]Side{r.Base, r.Head} {
		for i := range all {
			out.Sides = append(out.Sides, analyze.Side{Name: SideName(side == atHead, i, len(all)), Capture: all[i].Recording, Loss: append([]analyze.Loss{}, all[i].Loss...)})
		}
	}
	tally := analyze.Table{Title: "Verdicts", Columns: TallyColumns, Own: true, Notes: r.notes()}
	lone := analyze.Table{Title: "On one side only", Columns: LoneColumns, Own: true}
	for i := range r.Tables {
		tally.Rows = append(tally.Rows, r.Tables[i].tally())
		lone.Rows = append(lone.Rows, r.Tables[i].lone()...)
	}
	out.Tables = append(out.Tables, tally)
	for i := range r.Tables {
		t := analyze.Table{Title: r.Tables[i].Title, Columns: Columns}
		for j := range r.Tables[i].Rows {
			t.Rows = append(t.Rows, r.Tables[i].Rows[j].values(r.Tables[i].What))
		}
		t.Cut(top)
		out.Tables = append(out.Tables, t)
	}
	lone.Cut(top)
	out.Tables = append(out.Tables, lone)
	return out
}

// SideName is what a capture is called: base, or base 2 of several.
func SideName(head bool, i, of int) string {
	name := "base"
	if head {
		name = "head"
	}
	if of > 1 {
		name += fmt.Sprintf(" %d", i+1)
	}
	return name
}

func (r *Row) values(what string) []analyze.Value {
	amount := func(x float64) analyze.Value { return analyze.Amount{Value: rounded(x), Unit: r.Measure.Unit} }
	change := func(x float64) analyze.Value {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return analyze.Amount{Value: math.Round(x*1000) / 1000, Unit: "change"}
	}
	var p, reason, headName analyze.Value
	if !math.IsNaN(r.P) {
		p = analyze.Amount{Value: rounded(r.P), Unit: "chance"}
	}
	if r.Reason != "" {
		reason = r.Reason
	}
	if r.HeadName != "" {
		headName = r.HeadName
	}
	return []analyze.Value{what, r.Name, r.Measure.Name, amount(r.Base), amount(r.Head), change(r.Change), change(r.Low), change(r.High), p, string(r.Verdict), reason, headName}
}

// rounded has six significant digits: more would differ from one kind of processor
// to another.
func rounded(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(x))))
	if math.IsInf(scale, 0) {
		return 0
	}
	return math.Round(x*scale) / scale
}

func (t *Table) tally() []analyze.Value {
	var verdicts, lone [3]uint64
	for i := range t.Rows {
		verdicts[rank(t.Rows[i].Verdict)]++
	}
	for i := range t.Lone {
		if t.Lone[i].Head {
			lone[atHead]++
		} else {
			lone[atBase]++
		}
	}
	return []analyze.Value{t.Title, uint64(len(t.Rows)), verdicts[rank(Changed)], verdicts[rank(Same)], verdicts[rank(CannotTell)], lone[atBase], lone[atHead], uint64(t.Few), uint64(t.Small)}
}

func (t *Table) lone() (rows [][]analyze.Value) {
	for i := range t.Lone {
		l := &t.Lone[i]
		side := "only in " + SideName(l.Head, 0, 1)
		var reason analyze.Value
		if l.Reason != "" {
			reason = l.Reason
		}
		rows = append(rows, []analyze.Value{t.What, l.Name, side, math.Round(l.CPUPercent*1000) / 1000, l.CPUTime, l.Switches, l.Processes, l.Connects, l.Responses, string(l.Verdict), reason})
	}
	return rows
}

// notes say what the verdicts mean and what they do not cover.
func (r *Report) notes() []string {
	o := &r.Options
	notes := []string{
		fmt.Sprintf("Rates are per second of recording. Changed: a difference of %g%% or more that noise does not explain; same: of less, noise included. The chance that noise alone makes anything changed is at most 5%%.", o.Threshold),
		r.noise(),
	}
	for i := range r.Tables {
		t := &r.Tables[i]
		if t.Left > 0 {
			notes = append(notes, fmt.Sprintf("%s: there are too many: %d are not compared.", t.Title, t.Left))
		}
		if t.LoneLeft > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d more are on one side only.", t.Title, t.LoneLeft))
		}
	}
	for _, s := range r.Skipped {
		notes = append(notes, fmt.Sprintf("Not compared: %s; %s.", strings.Join(s.Measures, ", "), s.Reason))
	}
	return notes
}

// noise says where the noise is estimated from.
func (r *Report) noise() string {
	if len(r.Base) > 1 || len(r.Head) > 1 {
		return "Noise is what captures of a side differ by."
	}
	return fmt.Sprintf("Noise is estimated from intervals of each capture (for CPU time %d in base, %d in head); how one run differs from the next only several captures a side tell.", r.Base[0].Steps, r.Head[0].Steps)
}
