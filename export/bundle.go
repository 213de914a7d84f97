// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/ebrec/ebrec/export/perfetto"
	"github.com/ebrec/ebrec/replay"
)

// bundle is what happened on a CPU and was not written yet.
type bundle struct {
	cpu      uint32
	sched    perfetto.FtraceEventBundle_CompactSched
	switched uint64 // when it switched last, of those in sched
	woke     uint64
	comms    map[*person]uint32 // places in the table of names
	names    map[string]uint32
	events   []*perfetto.FtraceEvent
	lost     bool
}

// mostSwitches is how many switches, wakeups and events of a CPU are written
// together. Each bundle has its own table of names: so it costs little.
const mostSwitches = 4096

// mostCPUs is how many Perfetto takes: its trace_processor refuses the whole
// trace for a CPU beyond them.
const mostCPUs = 1024

// A CPUError says that a capture has a CPU that a format has not.
type CPUError struct {
	Path string
	CPU  uint32
}

func (e *CPUError) Error() string {
	return fmt.Sprintf("capture %s has CPU %d: perfetto takes CPUs up to %d", e.Path, e.CPU, mostCPUs-1)
}

func (p *perfettoSink) bundle(cpu uint32) (*bundle, error) {
	b := p.bundles.Get(cpu)
	if b == nil {
		if cpu >= mostCPUs {
			return nil, &CPUError{p.path, cpu}
		}
		b = &bundle{cpu: cpu, comms: map[*person]uint32{}, names: map[string]uint32{}}
		p.bundles.Set(cpu, b)
	}
	if len(b.sched.SwitchTimestamp) >= mostSwitches || len(b.sched.WakingTimestamp) >= mostSwitches || len(b.events) >= mostSwitches {
		return b, p.flush(b)
	}
	return b, nil
}

// comm is the place of a thread's name in the bundle's table.
func (b *bundle) comm(who *person) uint32 {
	at, ok := b.comms[who]
	if ok {
		return at
	}
	name := replay.Clean(who.Comm)
	if at, ok = b.names[name]; !ok {
		at = uint32(len(b.sched.InternTable))
		b.sched.InternTable = append(b.sched.InternTable, name)
		b.names[name] = at
	}
	b.comms[who] = at
	return at
}

// hop writes a switch: of a compact one, who leaves is known by who came.
func (p *perfettoSink) hop(h *hop) error {
	b, err := p.bundle(h.cpu)
	if err != nil {
		return err
	}
	if h.broken {
		b.fullSwitch(p, h)
		return nil
	}
	at, s := p.clock(h.at), &b.sched
	s.SwitchTimestamp = append(s.SwitchTimestamp, at-b.switched)
	s.SwitchPrevState = append(s.SwitchPrevState, stateNumber(h.state, h.preempted || h.final))
	s.SwitchNextPid = append(s.SwitchNextPid, int32(h.next.TID))
	s.SwitchNextPrio = append(s.SwitchNextPrio, replay.Priority(h.prio))
	s.SwitchNextCommIndex = append(s.SwitchNextCommIndex, b.comm(h.next))
	b.switched = at
	return nil
}

// stateNumber is the kernel's number of a state (4.14 and later).
func stateNumber(state string, preempted bool) int64 {
	if preempted {
		return 0x100
	}
	switch state {
	case "S":
		return 0x01
	case "D", "F": // the format has no frozen, and the kernel prints D
		return 0x02
	case "T":
		return 0x04
	case "t":
		return 0x08
	case "X":
		return 0x10
	case "Z":
		return 0x20
	case "P":
		return 0x40
	case "I":
		return 0x80
	}
	return 0
}

// fullSwitch writes a switch that says who leaves.
func (b *bundle) fullSwitch(p *perfettoSink, h *hop) {
	b.event(p, h.at, h.prev.TID, &perfetto.FtraceEvent{Event: &perfetto.FtraceEvent_SchedSwitch{SchedSwitch: &perfetto.SchedSwitchFtraceEvent{
		PrevComm: proto.String(replay.Clean(h.prev.Comm)), PrevPid: proto.Int32(int32(h.prev.TID)), PrevState: proto.Int64(stateNumber(h.state, h.preempted)),
		NextComm: proto.String(replay.Clean(h.next.Comm)), NextPid: proto.Int32(int32(h.next.TID)), NextPrio: proto.Int32(replay.Priority(h.prio)),
	}}})
}

// seated writes who is on a CPU as a switch from nobody to it.
func (p *perfettoSink) seated(h seated) error {
	b, err := p.bundle(h.cpu)
	if err != nil {
		return err
	}
	nobody := person{}
	nobody.Comm = "swapper"
	b.fullSwitch(p, &hop{prev: &nobody, next: h.who, at: h.at, state: "R"})
	return nil
}

// wake writes a wakeup. Neither the CPU that the thread goes to nor its priority
// is in a capture: they are where it was woken, and 0.
func (p *perfettoSink) wake(w *wake) error {
	b, err := p.bundle(w.cpu)
	if err != nil {
		return err
	}
	at, s := p.clock(w.at), &b.sched
	s.WakingTimestamp = append(s.WakingTimestamp, at-b.woke)
	s.WakingPid = append(s.WakingPid, int32(w.woken.TID))
	s.WakingTargetCpu = append(s.WakingTargetCpu, int32(w.cpu))
	s.WakingPrio = append(s.WakingPrio, 0)
	s.WakingCommIndex = append(s.WakingCommIndex, b.comm(w.woken))
	s.WakingCommonFlags = append(s.WakingCommonFlags, 0)
	b.woke = at
	return nil
}

// cloneThread is the kernel's flag of a new thread of the same process.
const cloneThread = 0x10000

// task writes that a thread came, took another name or ended.
func (p *perfettoSink) task(what any) error {
	switch h := what.(type) {
	case came:
		return p.came(h)
	case renamed:
		return p.event(h.cpu, h.at, h.who.TID, &perfetto.FtraceEvent{Event: &perfetto.FtraceEvent_TaskRename{TaskRename: &perfetto.TaskRenameFtraceEvent{
			Pid: proto.Int32(int32(h.who.TID)), Oldcomm: proto.String(replay.Clean(h.was)), Newcomm: proto.String(replay.Clean(h.who.Comm)),
		}}})
	case left:
		return p.event(h.cpu, h.at, h.who.TID, &perfetto.FtraceEvent{Event: &perfetto.FtraceEvent_SchedProcessFree{SchedProcessFree: &perfetto.SchedProcessFreeFtraceEvent{
			Pid: proto.Int32(int32(h.who.TID)), Comm: proto.String(replay.Clean(h.who.Comm)),
		}}})
	}
	return nil
}

// came writes a new thread, before whatever it does, also before what is shown
// from its very start. A new process is listed instead of made, so that the
// trace_processor takes the tracks that name its pid for its own; but for one with
// a pid that was another's, which has its tracks elsewhere.
func (p *perfettoSink) came(h came) error {
	at, who := h.who.Start-1, h.who
	if who.TID == who.PID && !h.again {
		return p.people(people{at, []*person{who}})
	}
	e := &perfetto.TaskNewtaskFtraceEvent{Pid: proto.Int32(int32(who.TID)), Comm: proto.String(replay.Clean(who.Comm)), CloneFlags: proto.Uint64(0)}
	by := who.PPID
	if who.TID != who.PID {
		e.CloneFlags, by = proto.Uint64(cloneThread), who.PID
	}
	return p.event(0, at, by, &perfetto.FtraceEvent{Event: &perfetto.FtraceEvent_TaskNewtask{TaskNewtask: e}})
}

func (p *perfettoSink) event(cpu uint32, at int64, tid uint32, e *perfetto.FtraceEvent) error {
	b, err := p.bundle(cpu)
	if err == nil {
		b.event(p, at, tid, e)
	}
	return err
}

func (b *bundle) event(p *perfettoSink, at int64, tid uint32, e *perfetto.FtraceEvent) {
	e.Timestamp, e.Pid = p.at(at), proto.Uint32(tid)
	b.events = append(b.events, e)
}

// lose marks where switches and wakeups are missing.
func (p *perfettoSink) lose(h lost) error {
	if h.source != "sched" && h.source != "wakeups" {
		return nil
	}
	cpus := p.bundles.Numbers()
	if h.cpu >= 0 {
		cpus = []uint32{uint32(h.cpu)}
		p.lost[uint32(h.cpu)] += h.events
	}
	var errs []error
	for _, cpu := range cpus {
		b, err := p.bundle(cpu)
		if err == nil {
			b.lost = true
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// flush writes a bundle and empties it.
func (p *perfettoSink) flush(b *bundle) error {
	s := &b.sched
	if len(s.SwitchTimestamp)+len(s.WakingTimestamp)+len(b.events) == 0 && !b.lost {
		return nil
	}
	out := &perfetto.FtraceEventBundle{Cpu: proto.Uint32(b.cpu), Event: b.events, CompactSched: s}
	if b.lost {
		out.LostEvents = proto.Bool(true)
	}
	err := p.packet(&perfetto.TracePacket{Data: &perfetto.TracePacket_FtraceEvents{FtraceEvents: out}, TrustedPacketSequenceId: proto.Uint32(schedSequence)})
	clear(b.comms)
	clear(b.names)
	clear(b.events)
	b.events, b.lost, b.switched, b.woke = b.events[:0], false, 0, 0
	s.InternTable = s.InternTable[:0]
	s.SwitchTimestamp, s.SwitchPrevState, s.SwitchNextPid = s.SwitchTimestamp[:0], s.SwitchPrevState[:0], s.SwitchNextPid[:0]
	s.SwitchNextPrio, s.SwitchNextCommIndex = s.SwitchNextPrio[:0], s.SwitchNextCommIndex[:0]
	s.WakingTimestamp, s.WakingPid, s.WakingTargetCpu = s.WakingTimestamp[:0], s.WakingPid[:0], s.WakingTargetCpu[:0]
	s.WakingPrio, s.WakingCommIndex, s.WakingCommonFlags = s.WakingPrio[:0], s.WakingCommIndex[:0], s.WakingCommonFlags[:0]
	return err
}

// losses writes how many events each CPU has lost in the beginning, and in the end.
func (p *perfettoSink) losses(phase perfetto.FtraceStats_Phase) error {
	stats := &perfetto.FtraceStats{Phase: &phase}
	for _, cpu := range slices.Sorted(maps.Keys(p.lost)) {
		n := uint64(0)
		if phase == perfetto.FtraceStats_END_OF_TRACE {
			n = p.lost[cpu]
		}
		stats.CpuStats = append(stats.CpuStats, &perfetto.FtraceCpuStats{Cpu: proto.Uint64(uint64(cpu)), Overrun: proto.Uint64(n)})
	}
	return p.packet(&perfetto.TracePacket{Data: &perfetto.TracePacket_FtraceStats{FtraceStats: stats}, TrustedPacketSequenceId: proto.Uint32(schedSequence)})
}
