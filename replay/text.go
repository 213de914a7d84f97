// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ebrec/ebrec/format"
)

// A Printer writes events as lines of text, in the shape of the classic
// bootstrap tool. Select with Tasks, or switches lack their names. Every name
// goes through [Clean].
type Printer struct {
	w       *bufio.Writer
	zone    *time.Location
	capture *format.Capture
}

// NewPrinter writes lines to w in the capture's own time of day. Output is
// buffered: Flush it.
func NewPrinter(w io.Writer, c *format.Capture) *Printer {
	return &Printer{w: bufio.NewWriter(w), zone: Zone(c.Meta()), capture: c}
}

const lineShape = "%-15s %-8s %-16s %-7s %-7s %s"

// Header writes the line that names the columns.
func (p *Printer) Header() error {
	return p.line("TIME", "EVENT", "COMM", "PID", "PPID", "FILENAME/EXIT CODE")
}

// Event writes the line of an event.
func (p *Printer) Event(e Event) error {
	s, ok := shapes[e.Kind().Name]
	if !ok {
		s = shape{strings.ToUpper(Clean(e.Kind().Name)), other}
	}
	comm, pid, ppid := p.who(e)
	return p.line(clock(e.Time(), p.zone), s.label, comm, pid, ppid, s.detail(p, e))
}

// Flush hands over what is buffered.
func (p *Printer) Flush() error { return p.w.Flush() }

func (p *Printer) line(cells ...any) error {
	s := strings.TrimRight(fmt.Sprintf(lineShape, cells...), " ")
	_, err := p.w.WriteString(s + "\n")
	return err
}

func clock(ns int64, zone *time.Location) string {
	return time.Unix(0, ns).In(zone).Format("15:04:05.000000")
}

// who fills COMM, PID and PPID from the row, else from what is known of its task.
func (p *Printer) who(e Event) (comm, pid, ppid string) {
	v := e.view
	if e.Null(v.pid) && e.Null(v.tid) {
		return "-", "-", "-"
	}
	t, known := e.Task(e.TID())
	if known && !e.Null(v.pid) && t.PID != e.PID() {
		t, known = Task{}, false
	}
	comm, pid, ppid = "-", "-", "-"
	if known {
		comm, pid, ppid = Clean(t.Comm), fmt.Sprint(t.PID), fmt.Sprint(t.PPID)
	} else if p.has(e, "next_tid") {
		comm = p.name(e, e.TID())
	}
	if p.has(e, "comm") && (e.PID() != 0 || p.str(e, "comm") != "") {
		comm = p.str(e, "comm")
	}
	if e.PID() != 0 {
		pid = fmt.Sprint(e.PID())
	}
	if p.has(e, "ppid") {
		ppid = fmt.Sprint(p.uint(e, "ppid"))
	}
	return comm, pid, ppid
}

// name is the comm of a thread at the moment of the event.
func (p *Printer) name(e Event, tid uint32) string {
	if tid == 0 {
		return "idle"
	}
	if t, ok := e.Task(tid); ok {
		return Clean(t.Comm)
	}
	return "?"
}

func (p *Printer) has(e Event, name string) bool    { return !e.Null(p.capture.Col(name)) }
func (p *Printer) uint(e Event, name string) uint64 { return e.Uint(p.capture.Col(name)) }
func (p *Printer) str(e Event, name string) string  { return Clean(e.Str(p.capture.Col(name))) }

// bounded is a text that the kernel programs bound, with what stands for its end
// where that is missing.
func (p *Printer) bounded(e Event, name string) string {
	if text := p.str(e, name); p.uint(e, "cut") == 0 {
		return text
	} else {
		return text + "..."
	}
}

// dur is a duration as in "12.3ms".
func (p *Printer) dur(e Event, name string) string { return brief(Duration(p.uint(e, name))) }

// errno is the name of the error column's value, empty for success.
func (p *Printer) errno(e Event) string {
	if n := e.Int(p.capture.Col("error")); n != 0 {
		return Errno(n)
	}
	return ""
}
