// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"context"
	"fmt"
	"strconv"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// chromeSink writes the Trace Event Format: an object with a list of events, whose
// times are microseconds of boot time, with three digits behind the point.
type chromeSink struct {
	out  *bufio.Writer
	boot int64
	line []byte
	any  bool
	cpus map[uint32]bool // that have a name
}

// cpusPID is the process below which CPUs are shown, machinePID that of what is
// of no process. No kernel gives them.
const (
	cpusPID    = strangerTID - 1 + 1<<20
	machinePID = cpusPID + 1
)

func writeChrome(ctx context.Context, out *bufio.Writer, c *format.Capture) (*Report, error) {
	k := &chromeSink{out: out, boot: c.Meta().BootOffset, cpus: map[uint32]bool{}}
	if _, err := out.WriteString(`{"displayTimeUnit":"ns","traceEvents":[`); err != nil {
		return nil, err
	}
	r, err := tellStory(ctx, c, k)
	if err != nil {
		return nil, err
	}
	_, err = out.WriteString("\n]}\n")
	return r, err
}

// event begins an event: phase, process, thread and time.
func (k *chromeSink) event(phase string, pid uint64, tid uint64, at int64) {
	k.line = append(k.line[:0], `{"ph":"`...)
	k.line = append(k.line, phase...)
	k.line = strconv.AppendUint(append(k.line, `","pid":`...), pid, 10)
	k.line = strconv.AppendUint(append(k.line, `,"tid":`...), tid, 10)
	k.time("ts", at-k.boot)
}

// time adds a number of microseconds.
func (k *chromeSink) time(key string, ns int64) {
	ns = max(0, ns)
	k.line = append(append(append(k.line, `,"`...), key...), `":`...)
	k.line = strconv.AppendInt(k.line, ns/1000, 10)
	k.line = append(k.line, '.', byte('0'+ns/100%10), byte('0'+ns/10%10), byte('0'+ns%10))
}

func (k *chromeSink) text(key, value string) {
	k.line = append(append(append(k.line, `,"`...), key...), `":`...)
	k.line = replay.AppendJSON(k.line, value)
}

// args adds details.
func (k *chromeSink) args(args ...arg) {
	if len(args) == 0 {
		return
	}
	k.line = append(k.line, `,"args":{`...)
	for i, a := range args {
		if i > 0 {
			k.line = append(k.line, ',')
		}
		k.line = append(replay.AppendJSON(k.line, a.name), ':')
		switch v := a.value.(type) {
		case uint64:
			k.line = strconv.AppendUint(k.line, v, 10)
		case int64:
			k.line = strconv.AppendInt(k.line, v, 10)
		case float64:
			k.line = strconv.AppendFloat(k.line, v, 'f', -1, 64)
		default:
			k.line = replay.AppendJSON(k.line, fmt.Sprint(v))
		}
	}
	k.line = append(k.line, '}')
}

// write ends an event.
func (k *chromeSink) write() error {
	if k.any {
		k.out.WriteByte(',') // what cannot be written stays an error of out
	}
	k.any = true
	k.out.WriteByte('\n')
	_, err := k.out.Write(append(k.line, '}'))
	return err
}

// named gives a process or a thread a name.
func (k *chromeSink) named(what string, pid, tid uint64, name string) error {
	k.line = append(k.line[:0], `{"ph":"M"`...)
	k.line = strconv.AppendUint(append(k.line, `,"pid":`...), pid, 10)
	k.line = strconv.AppendUint(append(k.line, `,"tid":`...), tid, 10)
	k.text("name", what)
	k.args(arg{"name", name})
	return k.write()
}

// hop writes the slice that ends: on the CPU and on the thread.
func (k *chromeSink) hop(h *hop) error {
	if h.broken || h.prev.TID == 0 {
		return nil
	}
	if !k.cpus[h.cpu] {
		k.cpus[h.cpu] = true
		if err := k.named("thread_name", cpusPID, uint64(h.cpu), "CPU "+strconv.Itoa(int(h.cpu))); err != nil {
			return err
		}
	}
	k.event("X", cpusPID, uint64(h.cpu), h.since)
	k.time("dur", h.at-h.since)
	k.text("cat", "cpu")
	k.text("name", h.prev.Comm)
	k.args(arg{"pid", uint64(h.prev.PID)}, arg{"tid", uint64(h.prev.TID)}, arg{"end_state", endState(h)})
	if err := k.write(); err != nil || h.prev.process == nil {
		return err
	}
	k.event("X", uint64(h.prev.PID), uint64(h.prev.TID), h.since)
	k.time("dur", h.at-h.since)
	k.text("cat", "thread")
	k.text("name", "on CPU")
	k.args(arg{"cpu", uint64(h.cpu)})
	return k.write()
}

// endState is the state in which a slice ended: R+ when preempted, empty when the
// recording ended.
func endState(h *hop) string {
	switch {
	case h.final:
		return ""
	case h.preempted:
		return "R+"
	}
	return h.state
}

func (k *chromeSink) wake(w *wake) error {
	k.event("i", cpusPID, uint64(w.cpu), w.at)
	k.text("s", "t")
	k.text("cat", "waking")
	k.text("name", "waking")
	k.args(arg{"tid", uint64(w.woken.TID)}, arg{"comm", w.woken.Comm})
	return k.write()
}

func (k *chromeSink) tell(what any) error {
	switch h := what.(type) {
	case machine:
		if err := k.named("process_name", cpusPID, 0, "CPUs"); err != nil {
			return err
		}
		return k.named("process_name", machinePID, 0, "machine")
	case people:
		for _, who := range h.all {
			if err := k.person(who); err != nil {
				return err
			}
		}
	case came:
		return k.person(h.who)
	case renamed:
		return k.person(h.who)
	case span:
		return k.span(h)
	case mark:
		k.event("i", k.pidOf(h.lane), uint64(h.lane.pid), h.at)
		k.text("s", "p")
		return k.happening(h.lane, h.name, h.args)
	case level:
		k.event("C", k.pidOf(h.lane), 0, h.at)
		return k.happening(h.lane, h.lane.name, []arg{{h.lane.unit, h.value}})
	}
	return nil
}

// person names a thread, and with its first one the process.
func (k *chromeSink) person(who *person) error {
	if who.TID == who.PID {
		if err := k.named("process_name", uint64(who.PID), uint64(who.TID), who.Comm); err != nil {
			return err
		}
	}
	return k.named("thread_name", uint64(who.PID), uint64(who.TID), who.Comm)
}

// span writes the beginning and the end of something on a lane of its own.
func (k *chromeSink) span(h span) error {
	k.async("b", h.lane, h.from)
	if err := k.happening(h.lane, h.name, h.args); err != nil {
		return err
	}
	k.async("e", h.lane, h.to)
	return k.happening(h.lane, h.name, nil)
}

func (k *chromeSink) async(phase string, l *lane, at int64) {
	k.event(phase, k.pidOf(l), uint64(l.pid), at)
	k.line = strconv.AppendUint(append(k.line, `,"id":`...), l.id, 10)
}

// happening ends an event on a lane: its category is the lane's path.
func (k *chromeSink) happening(l *lane, name string, args []arg) error {
	k.text("cat", path(l))
	k.text("name", name)
	k.args(args...)
	return k.write()
}

func (k *chromeSink) pidOf(l *lane) uint64 {
	if l.pid == 0 {
		return machinePID
	}
	return uint64(l.pid)
}

// path names a lane with those above it, of a process without it.
func path(l *lane) string {
	switch {
	case l.name == "":
		return "process"
	case l.parent == nil || l.parent.name == "":
		return l.name
	}
	return path(l.parent) + " " + l.name
}
