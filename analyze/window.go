// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"math"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// window is the part of a recording that is analyzed, in Unix ns; 0: open.
// What happened up to and with from is known, but not counted.
type window struct{ from, to int64 }

func (o *Options) window(c *format.Capture) window {
	w := window{c.Meta().Window.From, c.Meta().Window.To}
	w.from = max(w.from, o.From)
	if o.To != 0 && (w.to == 0 || o.To < w.to) {
		w.to = o.To
	}
	return w
}

// open tells whether it is the whole recording.
func (w window) open() bool { return w == window{} }

// overlaps tells whether an interval lies in the window, even in part.
func (w window) overlaps(since, until int64) bool {
	return until >= w.from && (w.to == 0 || since <= w.to)
}

// sumWindow is a window that begins and ends where sums were read: the last
// time before each of the window's ends. fromNext and toNext are the readings
// after those; 0: none.
type sumWindow struct{ from, fromNext, to, toNext int64 }

// A SpanError says that sums were not read often enough for a span of time.
type SpanError struct{ Path string }

func (e *SpanError) Error() string {
	return fmt.Sprintf("analyze %s: sums are read about once a second, and not twice in that span", e.Path)
}

// snap finds the readings of sums of a window; nil: the whole recording.
func (w window) snap(c *format.Capture) (*sumWindow, error) {
	if w.open() || c.Kind("cpu_sum") == nil {
		return nil, nil
	}
	at, err := replay.New(c).Readings()
	if err != nil {
		return nil, err
	}
	var s sumWindow
	s.from, s.fromNext = replay.Reading(at, w.from)
	if w.to == 0 {
		w.to = math.MaxInt64
	}
	if s.to, s.toNext = replay.Reading(at, w.to); s.to <= s.from {
		return nil, &SpanError{Path: c.Path()}
	}
	return &s, nil
}

// part tells of a row whether it is from before the window, or none of the
// window's at all. ended says that it is a thread's last sums: they belong to
// their own time, others to the last reading before them, and with them who the
// threads are.
func (s *sumWindow) part(t int64, ended bool) (before, outside bool) {
	if s == nil {
		return false, false
	}
	before = t <= s.from || !ended && s.from != 0 && t < s.fromNext
	outside = t > s.to && (ended || s.toNext != 0 && t >= s.toNext)
	return before, outside
}

// beginner is a pass that counts differently once its window begins: Begin is
// called once, after the last event that is not counted.
type beginner interface{ Begin() }

// begin tells a pass that what comes now counts.
func begin(p Pass) {
	if b, ok := p.(beginner); ok {
		b.Begin()
	}
}

// begin is when what was asked for began, whatever is the span of sums.
func (env *Env) begin() int64 { return max(env.Recording.Start.UnixNano(), env.asked.from) }

// end is when what was asked for ended, whatever is the span of sums; known when the
// tables are made.
func (env *Env) end() int64 {
	end := env.Recording.to.UnixNano()
	if env.asked.to != 0 {
		end = min(end, env.asked.to)
	}
	return end
}
