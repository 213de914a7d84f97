// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"math"

	"github.com/ebrec/ebrec/replay"
)

// A Side is one capture of a result that is of several.
type Side struct {
	Name    string    `json:"name"` // what text calls it
	Capture Recording `json:"capture"`
	Loss    []Loss    `json:"loss"`
}

// sides are the lines about the captures of a result of several.
func (r *Result) sides() (lines []string) {
	for i := range r.Sides {
		s := &r.Sides[i]
		lines = append(lines, s.Name+": recorded "+s.Capture.where())
		if s.Capture.SuspendedNS > 0 {
			lines = append(lines, fmt.Sprintf("%s: the machine was suspended for %s of it, which counts for no rate", s.Name, duration(s.Capture.SuspendedNS)))
		}
	}
	return lines
}

// lost says what the captures of a result of several lack.
func (r *Result) lost() (lines []string) {
	for i := range r.Sides {
		s := &r.Sides[i]
		for _, l := range s.Loss {
			lines = append(lines, r.styled("33", fmt.Sprintf("Lost in %s: %d %s events (%s).", s.Name, l.Lost, replay.Clean(l.Source), replay.Clean(l.Reason))))
		}
		if !s.Capture.Complete {
			lines = append(lines, r.styled("33", fmt.Sprintf("Cut short: %s ends at %s.", s.Name, s.Capture.End.In(s.Capture.zone).Format("15:04:05.000"))))
		}
	}
	return lines
}

// An Amount is a cell whose unit is told by its row, not by its column: percent
// (a share), change (percent with a sign), chance, ns, ns/s, 1/s or count.
type Amount struct {
	Value float64
	Unit  string
}

// text is an amount as people read it.
func (a Amount) text() string {
	switch a.Unit {
	case "percent":
		return fmt.Sprintf("%.2f%%", a.Value)
	case "change":
		return fmt.Sprintf("%+.1f%%", a.Value)
	case "chance":
		if a.Value < 0.001 {
			return "<0.001"
		}
		return fmt.Sprintf("%.3f", a.Value)
	case unitNS:
		return duration(uint64(math.Round(a.Value)))
	case "ns/s":
		return duration(uint64(math.Round(a.Value))) + "/s"
	case "1/s":
		return fmt.Sprintf("%.1f/s", a.Value)
	}
	return fmt.Sprintf("%.2f", a.Value)
}
