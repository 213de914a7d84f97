// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"slices"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// mostProcessLanes is how many processes have lanes, mostCPULanes how many CPUs.
const (
	mostProcessLanes = 60
	mostCPULanes     = 1024
)

// lanes follows who was on which CPU, and what processes did, for the timeline.
type lanes struct {
	env      *analyze.Env
	span     span
	tasks    *replay.Tasks
	stays    *analyze.Stays // nil: there are no switches
	counting bool           // the window has begun

	procs   []process
	byID    map[processID]int32
	threads []thread
	now     replay.ByNumber[running]
	chosen  map[uint32]uint64 // processes that have lanes, by pid
	others  int               // that ran and have none
	lanes   []*processLane
	cpus    cpuLanes
	chunks  chunks
	heat    heatmap
	marks   marks
	turns   turns

	state, filename, exitCode, signal format.Col
	turnNS                            map[string]format.Col
}

// span is the recording's time, Unix ns.
type span struct{ begin, end int64 }

func (s span) ns() int64 { return s.end - s.begin }

// clip is what of an interval lies in the span, from its beginning on.
func (s span) clip(from, to int64) (int64, int64) {
	return max(from, s.begin) - s.begin, min(to, s.end) - s.begin
}

// A process is one in the names of the timeline.
type process struct {
	id   processID
	comm string
	ns   uint64 // on CPUs
	lane *processLane
}

type processID struct {
	pid   uint32
	start int64
}

// thread is one under one name.
type thread struct {
	tid  uint32
	proc int32
	comm string
}

// running is who has a thread id now.
type running struct {
	task, leader *replay.Task
	proc, thread int32
	left         int64 // the CPU, last; 0: not seen
	state        byte  // in which it left
}

// unknown is the process of a CPU of which switches are missing, or of whose
// threads a filter left out.
const unknown = 0

// follow reads the capture for the timeline; nil when it has nothing for one.
func (r *Report) follow(ctx context.Context, c *format.Capture) (*lanes, error) {
	usage, err := c.Usage()
	if err != nil {
		return nil, err
	}
	switches := int64(0)
	for _, u := range usage {
		if u.Kind == "sched_switch" {
			switches = u.Rows
		}
	}
	l := &lanes{span: span{r.info.Capture.Start.UnixNano(), r.info.Capture.End.UnixNano()}}
	l.chosen, l.others = r.busiest(mostProcessLanes)
	// An analysis of its own: windows, losses and needs are analyze's matter.
	needs := append(l.needs(), analyze.StayNeeds()...)
	for i := range needs {
		needs[i].Optional = needs[i].Kind != "task"
	}
	own := &analyze.Analysis{Name: "timeline", Doc: "What CPUs and processes did", Needs: needs, New: func(env *analyze.Env) analyze.Pass {
		l.prepare(env, switches)
		return l
	}}
	_, err = analyze.Run(ctx, c, own, analyze.Options{})
	if isMissing(err) {
		return nil, nil
	}
	return l, err
}

var taskColumns = []string{"start", "ppid", "comm", "kernel_thread", "cgroup_id"}

func (l *lanes) needs() []analyze.Need {
	with := func(kind, source string, more ...string) analyze.Need {
		return analyze.Need{Kind: kind, Source: source, Columns: append(more, taskColumns...)}
	}
	return []analyze.Need{
		with("task", "recording", "reason"), with("fork", "process"), with("thread_start", "process"),
		with("exec", "process", "filename"), with("exit", "process", "exit_code", "signal"),
		{Kind: "sched_switch", Source: "sched", Columns: []string{"prev_state"}},
		{Kind: "tcp_response", Source: "tcp", Columns: []string{"response_ns"}},
		{Kind: "tcp_read", Source: "tcpturns", Columns: []string{"read_ns"}},
		{Kind: "tcp_reply", Source: "tcpturns", Columns: []string{"think_ns"}},
	}
}

func (l *lanes) prepare(env *analyze.Env, switches int64) {
	c := env.Capture
	l.env, l.tasks, l.counting = env, replay.NewTasks(c), c.Meta().Window.From == 0
	l.byID = map[processID]int32{}
	l.procs = []process{{comm: "not recorded"}}
	l.state, l.filename, l.exitCode, l.signal = c.Col("prev_state"), c.Col("filename"), c.Col("exit_code"), c.Col("signal")
	l.turnNS = map[string]format.Col{"tcp_response": c.Col("response_ns"), "tcp_read": c.Col("read_ns"), "tcp_reply": c.Col("think_ns")}
	_ = l.tasks.Preload(c) // what cannot be read ends the pass itself
	l.heat = newHeatmap(l.span.ns())
	if switches > 0 && !env.Missing("sched_switch") {
		l.stays = analyze.NewStays(c, l.tasks)
		l.cpus = newCPULanes(l.span.ns(), max(env.Recording.CPUs, 1))
		l.chunks = newChunks(l.span.ns(), switches, max(env.Recording.CPUs, 1))
	}
	if l.stays == nil {
		l.present()
	}
}

// present makes lanes of the processes that were there at the start; where there
// are switches, those that are on a CPU have one.
func (l *lanes) present() {
	var there []replay.Task
	l.tasks.All(func(t replay.Task) {
		if _, ok := l.chosen[t.PID]; ok && t.TID == t.PID {
			there = append(there, t)
		}
	})
	slices.SortFunc(there, func(a, b replay.Task) int { return cmp.Compare(a.PID, b.PID) })
	for _, t := range there {
		l.process(processID{t.PID, t.Start}, t.Comm)
	}
}

// Begin makes everything count from now on.
func (l *lanes) Begin() { l.counting = true }

// Tables closes everything; there are none.
func (l *lanes) Tables() []analyze.Table {
	if l.stays != nil {
		l.stays.Open(l.span.end, func(s *analyze.Stay) { l.stay(s, 0) })
		l.chunks.end(l)
		l.cpus.end()
	}
	return nil
}

// Switches takes switches that follow each other.
func (l *lanes) Switches(r replay.Run) {
	if l.stays != nil {
		l.stays.Switches(r, l.left)
	}
}

// Event takes what is no switch, or one by itself.
func (l *lanes) Event(e replay.Event) error {
	switch kind := e.Kind().Name; kind {
	case "sched_switch":
		if l.stays != nil {
			l.left(l.stays.Switch(e), e)
		}
	case "sched_waking":
		if l.stays != nil {
			l.stays.Waking(e)
		}
	case "tcp_response", "tcp_read", "tcp_reply":
		l.turn(kind, e)
	default:
		l.tasks.Update(e)
		l.mark(kind, e)
	}
	return nil
}
