// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ebrec/ebrec/replay"
)

// mostTold is how many captures text names of those with the same lack.
const mostTold = 10

// result puts the tables together with what the captures are.
func (f *fleet) result() (*Result, error) {
	tables, err := f.gather.result()
	if err != nil {
		return nil, err
	}
	r := &Result{Analysis: f.analysis.Name, Doc: f.analysis.Doc, Columns: f.columns, Tables: tables, Members: []Member{}}
	losses := map[Loss]uint64{}
	for i := range f.members {
		m := &f.members[i]
		if m.bad != nil {
			r.Skipped = append(r.Skipped, Skipped{m.name, strings.ReplaceAll(m.bad.Error(), m.path, m.name), m.bad})
			continue
		}
		r.Members = append(r.Members, m.Member)
		for _, l := range m.Loss {
			losses[Loss{Source: l.Source, Reason: l.Reason}] += l.Lost
		}
	}
	r.Loss = (&Losses{lost: losses}).All()
	r.Capture = together(r.Members)
	if r.more = f.notes(r.Members); len(f.gather.own) > 0 {
		slices.Sort(f.gather.own)
		r.more = append(r.more, "Not shown, since they are of one capture each: "+strings.Join(f.gather.own, ", ")+".")
	}
	if f.many.By != "" && slices.ContainsFunc(f.columns, func(c ColumnSpec) bool { return strings.HasSuffix(c.Name, "p50_ns") }) {
		r.more = append(r.more, foldedNote("values of a kind"))
	}
	return r, nil
}

// together is the recording that results of one capture have, of all.
func together(members []Member) Recording {
	all := Recording{Complete: true}
	for i := range members {
		r := &members[i].Capture
		if i == 0 {
			all.Start, all.End, all.zone = r.Start, r.End, r.zone
		}
		if r.Start.Before(all.Start) {
			all.Start = r.Start
		}
		if r.End.After(all.End) {
			all.End = r.End
		}
		if !sameZone(all.zone, r) {
			all.zone = time.UTC
		}
		all.DurationNS += r.DurationNS
		all.SuspendedNS += r.SuspendedNS
		all.Complete = all.Complete && r.Complete
	}
	return all
}

func sameZone(zone *time.Location, r *Recording) bool {
	_, a := r.Start.In(zone).Zone()
	_, b := r.Start.In(r.zone).Zone()
	return a == b
}

// notes are what the captures' tables do not cover: once what is so of all, else with
// the captures' names.
func (f *fleet) notes(members []Member) (all []string) {
	count := map[string]int{}
	for i := range members {
		for _, n := range members[i].Notes {
			count[n]++
		}
	}
	told, more := []string{}, 0
	for i := range members {
		for _, n := range members[i].Notes {
			switch c := count[n]; {
			case c == len(members):
				all = append(all, n)
				count[n] = 0
			case c == 0:
			case len(told) < mostTold:
				told = append(told, replay.Clean(members[i].Name)+": "+n)
			default:
				more++
			}
		}
	}
	if more > 0 {
		told = append(told, fmt.Sprintf("And %d further notes on captures.", more))
	}
	return append(all, told...)
}

// lossy tells whether events were lost of the sources that a result is made of.
func (r *Result) lossy() bool {
	return slices.ContainsFunc(r.Loss, func(l Loss) bool { return !l.Unseen() && slices.Contains(r.sources, l.Source) })
}

// Whole tells whether the capture is complete and lost nothing of what the result is
// made of.
func (m *Member) Whole() bool { return m.Capture.Complete && !m.Lossy }

// manyHeading says what the captures of a result of many are.
func (r *Result) manyHeading() []string {
	hosts := map[string]bool{}
	var whole, cut, lossy int
	for i := range r.Members {
		m := &r.Members[i]
		hosts[m.Host] = true
		whole += boolInt(m.Whole())
		cut += boolInt(!m.Capture.Complete)
		lossy += boolInt(m.Lossy)
	}
	const at = "2006-01-02 15:04:05 -0700"
	lines := []string{
		fmt.Sprintf("%s of %s: %d whole, %d cut short, %d lossy; %s recorded in all", several(len(r.Members), "capture"), several(len(hosts), "host"), whole, cut, lossy, duration(r.Capture.DurationNS)),
		fmt.Sprintf("Recorded from %s to %s", r.Capture.Start.In(r.Capture.zone).Format(at), r.Capture.End.In(r.Capture.zone).Format(at)),
	}
	if r.Capture.SuspendedNS > 0 {
		lines = append(lines, fmt.Sprintf("Machines were suspended for %s of it; whoever was on a CPU then has that as time on a CPU, and not as CPU time", duration(r.Capture.SuspendedNS)))
	}
	return lines
}

// several is a number of things.
func several(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// manyFooting says what the captures of a result of many lack.
func (r *Result) manyFooting() (lines []string) {
	for _, l := range r.Loss {
		lines = append(lines, r.styled("33", l.Line()))
	}
	var cut, missing []string
	for i := range r.Members {
		m := &r.Members[i]
		if !m.Capture.Complete {
			cut = append(cut, replay.Clean(m.Name))
		}
		if len(m.Missing) > 0 {
			missing = append(missing, replay.Clean(m.Name))
		}
	}
	var skipped []string
	for _, s := range r.Skipped {
		skipped = append(skipped, replay.Clean(s.Name))
	}
	for _, told := range []struct {
		what  string
		names []string
	}{{"Cut short", cut}, {"Hooks were missing, so that some is not recorded (ebrec info says what)", missing}, {"Skipped, since they cannot be analyzed", skipped}} {
		if len(told.names) > 0 {
			lines = append(lines, r.styled("33", told.what+": "+someOf(told.names)+"."))
		}
	}
	return lines
}

// someOf lists the first names, and how many more there are.
func someOf(names []string) string {
	if len(names) <= mostTold {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:mostTold], ", "), len(names)-mostTold)
}
