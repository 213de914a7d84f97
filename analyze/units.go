// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"math"
	"time"

	"github.com/ebrec/ebrec/replay"
)

// cell is a value as people read it.
func (r *Result) cell(c *ColumnSpec, v Value) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		return text(v)
	case float64:
		return fmt.Sprintf("%.1f", v)
	case Amount:
		return v.text()
	case int64:
		switch c.Unit {
		case unitInstant:
			return r.instant(v)
		case unitNS:
			return difference(v)
		}
	case uint64:
		switch c.Unit {
		case unitNS:
			return duration(v)
		case unitBytes:
			return size(v)
		case unitFlag:
			return yes(v)
		}
	}
	return plain(v)
}

// share is how many percent one number is of another, with three decimals: more
// would differ from one kind of processor to another.
func share(part, whole uint64) float64 {
	return math.Round(float64(part)/float64(whole)*100_000) / 1000
}

// text shows an empty name as such, not as a gap in the line.
func text(s string) string {
	if s == "" {
		return `""`
	}
	return replay.Clean(s)
}

func yes(v uint64) string {
	if v != 0 {
		return "yes"
	}
	return "no"
}

// difference is a duration with its sign.
func difference(ns int64) string {
	switch {
	case ns < 0:
		return "-" + duration(uint64(-ns))
	case ns > 0:
		return "+" + duration(uint64(ns))
	}
	return duration(0)
}

func duration(ns uint64) string { return replay.SpacedDuration(ns) }

func size(n uint64) string { return replay.SpacedBytes(n) }

// instant is the time of day at the recorded host, with the date where that is
// another day than the recording's.
func (r *Result) instant(ns int64) string {
	t := time.Unix(0, ns).In(r.Capture.zone)
	begin := r.Capture.Start.In(r.Capture.zone)
	if t.YearDay() == begin.YearDay() && t.Year() == begin.Year() {
		return t.Format("15:04:05.000")
	}
	return t.Format("2006-01-02 15:04:05")
}
