// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/ebrec/ebrec/export/perfetto"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

func decode(t testing.TB, data []byte) *perfetto.Trace {
	t.Helper()
	var trace perfetto.Trace
	if err := proto.Unmarshal(data, &trace); err != nil {
		t.Fatal(err)
	}
	if unknown := trace.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		t.Errorf("%d bytes are no packets", len(unknown))
	}
	return &trace
}

// arrival is a thread's coming onto a CPU in a trace.
type arrival struct {
	at    uint64
	tid   int32
	comm  string
	state int64 // of who leaves
}

// arrivals are those of each CPU, in time order.
func arrivals(trace *perfetto.Trace) map[uint32][]arrival {
	all := map[uint32][]arrival{}
	for _, p := range trace.Packet {
		b := p.GetFtraceEvents()
		s, at := b.GetCompactSched(), uint64(0)
		for i, delta := range s.GetSwitchTimestamp() {
			at += delta
			all[b.GetCpu()] = append(all[b.GetCpu()], arrival{at, s.SwitchNextPid[i], s.InternTable[s.SwitchNextCommIndex[i]], s.SwitchPrevState[i]})
		}
		for _, e := range b.GetEvent() {
			if w := e.GetSchedSwitch(); w != nil {
				all[b.GetCpu()] = append(all[b.GetCpu()], arrival{e.GetTimestamp(), w.GetNextPid(), w.GetNextComm(), w.GetPrevState()})
			}
		}
	}
	for _, some := range all {
		slices.SortStableFunc(some, func(a, b arrival) int { return int(int64(a.at) - int64(b.at)) })
	}
	return all
}

// A trace has every switch with its time, thread, name and state, one before them
// that says who was there, and one at the end.
func TestPerfettoSwitches(t *testing.T) {
	r := record(t, nil)
	r.task(10, 10, 1, "first")
	r.task(20, 20, 1, "second")
	r.turn(begin+100, 0, 10, 20, "S")
	r.turn(begin+150, 1, 0, 10, "R")
	r.add(begin+160, "sched_waking", values{"cpu": 1, "tid": 10, "woken_tid": 30})
	r.add(begin+170, "task", values{"pid": 20, "tid": 20, "ppid": 1, "start": 10 * second, "comm": "renamed", "reason": "renamed"})
	r.add(begin+200, "sched_switch", values{"cpu": 0, "tid": 20, "next_tid": 0, "prev_state": "R", "preempted": 1})
	r.turn(begin+300, 0, 0, 20, "R")
	data, _ := written(t, r.end(begin+1000), "perfetto")
	want := map[uint32][]arrival{
		0: {{uint64(begin), 10, "first", 0}, {uint64(begin + 100), 20, "second", 1}, {uint64(begin + 200), 0, "swapper", 0x100},
			{uint64(begin + 300), 20, "renamed", 0}, {uint64(begin + 1000), 0, "swapper", 0x100}},
		1: {{uint64(begin), 0, "swapper", 0}, {uint64(begin + 150), 10, "first", 0}, {uint64(begin + 1000), 0, "swapper", 0x100}},
	}
	trace := decode(t, data)
	if diff := cmp.Diff(want, arrivals(trace), cmp.AllowUnexported(arrival{})); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
	var woken []int32
	for _, p := range trace.Packet {
		woken = append(woken, p.GetFtraceEvents().GetCompactSched().GetWakingPid()...)
	}
	if !slices.Equal(woken, []int32{30}) {
		t.Errorf("woken: %v", woken)
	}
}

// The deadline class has the kernel's priority, and frozen threads its state.
func TestPerfettoDeadlineAndFrozen(t *testing.T) {
	r := record(t, nil)
	r.task(10, 10, 1, "ice")
	r.task(20, 20, 1, "dl")
	r.add(begin+100, "sched_switch", values{"cpu": 0, "tid": 10, "next_tid": 20, "prev_state": "F", "prev_prio": 120, "next_prio": 255})
	data, _ := written(t, r.end(begin+1000), "perfetto")
	for _, p := range decode(t, data).Packet {
		if s := p.GetFtraceEvents().GetCompactSched(); len(s.GetSwitchNextPrio()) > 0 {
			if got := [2]int64{int64(s.SwitchNextPrio[0]), s.SwitchPrevState[0]}; got != [2]int64{-1, 2} {
				t.Errorf("priority and state %v, want -1 and 2 (D)", got)
			}
			return
		}
	}
	t.Error("no switch")
}

// Switches take what they must in the compact encoding: the numbers themselves,
// with one table of names for each CPU.
func TestPerfettoSize(t *testing.T) {
	r := record(t, nil)
	const cpus, threads, switches = 4, 40, 200_000
	for i := range threads {
		r.task(100+i, 100+i, 1, "thread-"+string(rune('a'+i%26)))
	}
	at, on := begin, make([]int, cpus)
	for i := range switches {
		at += 1000 + int64(i*7919%50_000)
		cpu := i * 31 % cpus
		next := 100 + cpu + cpus*(i%(threads/cpus))
		if i%3 == 0 {
			next = 0
		}
		r.turn(at, cpu, on[cpu], next, []string{"S", "R", "D"}[i%3])
		on[cpu] = next
	}
	c := r.end(at + 1)
	data, _ := written(t, c, "perfetto")
	need := 0
	last := map[int]int64{}
	next, state, prio := c.Col("next_tid"), c.Col("prev_state"), c.Col("next_prio")
	for e, err := range replay.New(c).Events(replay.Select{Kinds: []string{"sched_switch"}}) {
		if err != nil {
			t.Fatal(err)
		}
		need += protowire.SizeVarint(uint64(e.Time()-boot-last[e.CPU()])) + protowire.SizeVarint(e.Uint(next)) +
			protowire.SizeVarint(uint64(stateNumber(e.Str(state), false))) + protowire.SizeVarint(e.Uint(prio)) + 1 // the place of a name
		last[e.CPU()] = e.Time() - boot
	}
	if got := len(data); got > need*12/10 || got < need {
		t.Errorf("%d bytes for switches that need %d", got, need)
	}
	t.Logf("%d bytes, %.2f a switch, %.3f of what they need", len(data), float64(len(data))/switches, float64(len(data))/float64(need))
}

// What the recorder lost is in the trace: as flags and statistics of the CPU, and
// as a slice; and who came unseen is not made up.
func TestPerfettoLoss(t *testing.T) {
	r := record(t, nil)
	r.task(10, 10, 1, "first")
	r.task(20, 20, 1, "second")
	r.turn(begin+100, 0, 0, 10, "R")
	r.add(begin+200, "loss", values{"cpu": 0, "since": begin + 100, "lost": 7, "loss_source": "sched", "loss_reason": "ring_full"})
	r.turn(begin+300, 0, 20, 0, "S") // it came unseen
	data, report := written(t, r.end(begin+1000), "perfetto")
	trace := decode(t, data)
	flagged, overrun, slice, full := false, uint64(0), false, 0
	for _, p := range trace.Packet {
		flagged = flagged || p.GetFtraceEvents().GetLostEvents()
		if s := p.GetFtraceStats(); s.GetPhase() == perfetto.FtraceStats_END_OF_TRACE {
			overrun = s.CpuStats[0].GetOverrun()
		}
		slice = slice || p.GetTrackEvent().GetName() == "7 lost"
		for _, e := range p.GetFtraceEvents().GetEvent() {
			if w := e.GetSchedSwitch(); w.GetPrevPid() == 20 {
				full++
			}
		}
	}
	if !flagged || overrun != 7 || !slice || full != 1 {
		t.Errorf("flagged %v, overrun %d, slice %v, %d switches away from who came unseen", flagged, overrun, slice, full)
	}
	if len(report.Loss) != 1 || report.Loss[0].Lost != 7 {
		t.Errorf("losses %+v", report.Loss)
	}
}

// A CPU that trace_processor does not take is said, not written.
func TestPerfettoCPUs(t *testing.T) {
	r := record(t, nil)
	r.turn(begin+1, 511, 0, 1, "R")
	if _, err := Write(t.Context(), &strings.Builder{}, r.end(begin+10), "perfetto"); err != nil {
		t.Errorf("512 CPUs: %v", err)
	}
	r = record(t, nil)
	r.turn(begin+1, 1024, 0, 1, "R")
	_, err := Write(t.Context(), &strings.Builder{}, r.end(begin+10), "perfetto")
	var cpu *CPUError
	if !errors.As(err, &cpu) || cpu.CPU != 1024 {
		t.Errorf("CPU 1024: %v", err)
	}
}

// Threads that a filter left out are one on each CPU, with a number of no thread.
func TestPerfettoFilter(t *testing.T) {
	r := record(t, func(m *format.Metadata) { m.Filter = "process 10" })
	r.task(10, 10, 1, "first")
	r.turn(begin+100, 1, 77, 10, "S")
	r.turn(begin+200, 1, 10, 0, "S")
	r.turn(begin+300, 1, 99, 10, "S")
	data, _ := written(t, r.end(begin+1000), "perfetto")
	others := int32(strangerTID + 1)
	want := []arrival{{uint64(begin), others, strangerName, 0}, {uint64(begin + 100), 10, "first", 1}, {uint64(begin + 200), others, strangerName, 1},
		{uint64(begin + 300), 10, "first", 1}, {uint64(begin + 1000), others, strangerName, 0x100}}
	if diff := cmp.Diff(want, arrivals(decode(t, data))[1], cmp.AllowUnexported(arrival{})); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
}
