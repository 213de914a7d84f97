// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"errors"
	"fmt"
	"time"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// A Recording is what was recorded, where and for how long.
type Recording struct {
	Host       string    `json:"host"`
	Kernel     string    `json:"kernel"`
	Arch       string    `json:"arch"`
	CPUs       int       `json:"cpus"`
	Start      time.Time `json:"start"`
	End        time.Time `json:"end"`
	DurationNS uint64    `json:"duration_ns"`
	Complete   bool      `json:"complete"` // false: cut short, End is its last row
	Filter     string    `json:"filter,omitempty"`
	// SuspendedNS is how long the machine was suspended meanwhile: DurationNS
	// has it, CPU time has not.
	SuspendedNS uint64 `json:"suspended_ns,omitempty"`

	zone *time.Location
	from time.Time // of all that was recorded
	to   time.Time
}

// An OutsideError says that nothing was recorded in the span that was asked for.
type OutsideError struct {
	Path     string
	From, To time.Time // of the recording
	zone     *time.Location
}

func (e *OutsideError) Error() string {
	const at = "2006-01-02 15:04:05.000 -0700"
	return fmt.Sprintf("analyze %s: nothing was recorded in that span: the recording is from %s to %s", e.Path, e.From.In(e.zone).Format(at), e.To.In(e.zone).Format(at))
}

func newRecording(c *format.Capture) Recording {
	m := c.Meta()
	return Recording{Host: m.Host, Kernel: m.Kernel, Arch: m.Arch, CPUs: m.CPUs, Start: m.Start.UTC(), Filter: m.Filter, zone: replay.Zone(m)}
}

// finish fills in start and end: where the summary says, else where the rows
// end; of a window its own, within the recording.
func (r *Recording) finish(s *Summary, c *format.Capture, last int64, w window) {
	repair := c.Meta().Repair
	r.Complete = c.Cut() == nil && (repair == nil || len(repair.Damage) == 0)
	var short *format.CutError
	switch {
	case s != nil:
		r.Start, r.End = time.Unix(0, s.since).UTC(), time.Unix(0, s.until).UTC()
	case errors.As(c.Cut(), &short) && !short.End.IsZero():
		r.End = short.End.UTC()
	case last > r.Start.UnixNano():
		r.End = time.Unix(0, last).UTC()
	default:
		r.End = r.Start
	}
	r.from, r.to = r.Start, r.End
	if to := time.Unix(0, w.to).UTC(); w.to != 0 && to.Before(r.End) {
		r.End = to
	}
	begin := r.Start
	if from := time.Unix(0, w.from).UTC(); from.After(begin) {
		begin, r.Start = from, from.Add(1) // what happened with it is not counted
	}
	r.DurationNS = uint64(max(0, r.End.Sub(begin)))
}

// A Loss is events that are not in the capture.
type Loss struct {
	Source string `json:"source"`
	Reason string `json:"reason"`
	Lost   uint64 `json:"lost"`
}

// A Summary is the recorder's own account.
type Summary struct {
	Seen        uint64 `json:"seen"`
	Written     uint64 `json:"written"`
	Lost        uint64 `json:"lost"`
	Reordered   uint64 `json:"reordered"`
	LeftOut     uint64 `json:"left_out"`
	Drains      uint64 `json:"drains"`
	Wakeups     uint64 `json:"wakeups"`
	FileBytes   uint64 `json:"file_bytes"`
	OwnCPUNS    uint64 `json:"own_cpu_ns"`
	MaxRSSBytes uint64 `json:"max_rss_bytes"`

	since, until int64
}

// accountKinds are the rows about the recording itself.
var accountKinds = []string{"loss", "summary", "suspended"}

// account gathers the rows about the recording itself.
type account struct {
	lost      Losses
	summary   *Summary
	suspended uint64 // ns

	cols                                          []format.Col
	since, count                                  format.Col
	seen, written, reordered, ownCPU, maxResident format.Col
	leftOut, drains, wakeups, fileBytes, slept    format.Col
}

func newAccount(c *format.Capture) account {
	a := account{lost: NewLosses(c)}
	for name, col := range map[string]*format.Col{
		"since": &a.since, "lost": &a.count,
		"seen": &a.seen, "written": &a.written, "reordered": &a.reordered,
		"own_cpu_ns": &a.ownCPU, "max_rss_bytes": &a.maxResident,
		"left_out": &a.leftOut, "drains": &a.drains, "wakeups": &a.wakeups, "file_bytes": &a.fileBytes,
		"suspended_ns": &a.slept,
	} {
		*col = c.Col(name)
		a.cols = append(a.cols, *col)
	}
	a.cols = append(a.cols, a.lost.source, a.lost.reason)
	return a
}

func (a *account) columns() []format.Col { return a.cols }

// event takes a row if it is about the recording. Losses count when they may
// lie in the window.
func (a *account) event(e replay.Event, w window) bool {
	switch e.Kind().Name {
	case "loss":
		if !w.overlaps(e.Int(a.since), e.Time()) {
			return true
		}
		a.lost.Add(e)
	case "summary":
		a.summary = &Summary{
			Seen: e.Uint(a.seen), Written: e.Uint(a.written), Lost: e.Uint(a.count), Reordered: e.Uint(a.reordered),
			LeftOut: e.Uint(a.leftOut), Drains: e.Uint(a.drains), Wakeups: e.Uint(a.wakeups), FileBytes: e.Uint(a.fileBytes),
			OwnCPUNS: e.Uint(a.ownCPU), MaxRSSBytes: e.Uint(a.maxResident),
			since: e.Int(a.since), until: e.Time(),
		}
	case "suspended":
		if w.overlaps(e.Int(a.since), e.Time()) {
			a.suspended += e.Uint(a.slept)
		}
	default:
		return false
	}
	return true
}
