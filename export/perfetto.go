// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/ebrec/ebrec/export/perfetto"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// perfettoSink writes a Perfetto trace: packets, in boot time.
type perfettoSink struct {
	out     *bufio.Writer
	path    string // of the capture
	boot    int64  // Unix time when the machine booted
	buf     []byte
	bundles replay.ByNumber[bundle]
	lost    map[uint32]uint64 // switches and wakeups, by CPU
	names   interned
	args    interned
	begun   bool // the sequence of track events
}

// Packets of a sequence are in order and share names.
const (
	schedSequence = 1
	trackSequence = 2
)

// mostPeople is how many are listed in a packet.
const mostPeople = 1000

func writePerfetto(ctx context.Context, out *bufio.Writer, c *format.Capture) (*Report, error) {
	return tellStory(ctx, c, &perfettoSink{out: out, path: c.Path(), boot: c.Meta().BootOffset, lost: map[uint32]uint64{}, names: interned{}, args: interned{}})
}

// interned are names by which a sequence's packets refer to them.
type interned map[string]uint64

// of is the number of a name, and whether it is new.
func (n interned) of(name string) (id uint64, fresh bool) {
	id, ok := n[name]
	if !ok {
		id = uint64(len(n) + 1)
		n[name] = id
	}
	return id, !ok
}

// at is a time as a trace has it.
func (p *perfettoSink) at(unix int64) *uint64 { return proto.Uint64(p.clock(unix)) }

func (p *perfettoSink) clock(unix int64) uint64 { return uint64(max(0, unix-p.boot)) }

// packet writes a packet.
func (p *perfettoSink) packet(packet *perfetto.TracePacket) (err error) {
	const head = 16 // room for the tag and the length
	if p.buf, err = (proto.MarshalOptions{}).MarshalAppend(append(p.buf[:0], make([]byte, head)...), packet); err != nil {
		return err
	}
	var tag [head]byte
	prefix := protowire.AppendTag(tag[:0], 1, protowire.BytesType)
	prefix = protowire.AppendVarint(prefix, uint64(len(p.buf)-head))
	at := head - len(prefix)
	copy(p.buf[at:], prefix)
	_, err = p.out.Write(p.buf[at:])
	return err
}

// tell writes what is no switch and no wakeup.
func (p *perfettoSink) tell(what any) error {
	switch h := what.(type) {
	case machine:
		return p.machine(h)
	case offset:
		return p.offset(h)
	case people:
		return p.people(h)
	case came, renamed, left:
		return p.task(h)
	case seated:
		return p.seated(h)
	case span, mark, level:
		return p.track(h)
	case lost:
		return p.lose(h)
	case ended:
		return p.end()
	}
	return fmt.Errorf("%T cannot be told", what)
}

func (p *perfettoSink) machine(m machine) error {
	return p.packet(&perfetto.TracePacket{
		Timestamp: p.at(m.begin),
		Data: &perfetto.TracePacket_SystemInfo{SystemInfo: &perfetto.SystemInfo{
			Utsname: &perfetto.Utsname{Sysname: proto.String("Linux"), Release: proto.String(replay.Clean(m.kernel)), Machine: proto.String(replay.Clean(m.arch))},
			NumCpus: proto.Uint32(uint32(m.cpus)),
		}},
		TrustedPacketSequenceId: proto.Uint32(schedSequence),
	})
}

func (p *perfettoSink) offset(o offset) error {
	boot, unix := perfetto.BuiltinClock_BUILTIN_CLOCK_BOOTTIME, perfetto.BuiltinClock_BUILTIN_CLOCK_REALTIME
	return p.packet(&perfetto.TracePacket{
		Timestamp: p.at(o.at),
		Data: &perfetto.TracePacket_ClockSnapshot{ClockSnapshot: &perfetto.ClockSnapshot{
			PrimaryTraceClock: &boot,
			Clocks: []*perfetto.ClockSnapshot_Clock{
				{ClockId: proto.Uint32(uint32(boot)), Timestamp: p.at(o.at)},
				{ClockId: proto.Uint32(uint32(unix)), Timestamp: proto.Uint64(uint64(max(0, o.wall)))},
			},
		}},
		TrustedPacketSequenceId: proto.Uint32(schedSequence),
	})
}

// people lists those that are there: processes before their threads.
func (p *perfettoSink) people(h people) error {
	for len(h.all) > 0 {
		some := h.all[:min(len(h.all), mostPeople)]
		h.all = h.all[len(some):]
		tree := &perfetto.ProcessTree{}
		for _, who := range some {
			p.person(tree, who)
		}
		err := p.packet(&perfetto.TracePacket{
			Timestamp: p.at(h.at), Data: &perfetto.TracePacket_ProcessTree{ProcessTree: tree}, TrustedPacketSequenceId: proto.Uint32(schedSequence),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *perfettoSink) person(tree *perfetto.ProcessTree, who *person) {
	if who.TID != who.PID {
		tree.Threads = append(tree.Threads, &perfetto.ProcessTree_Thread{Tid: proto.Int32(int32(who.TID)), Tgid: proto.Int32(int32(who.PID)), Name: proto.String(replay.Clean(who.Comm))})
		return
	}
	process := &perfetto.ProcessTree_Process{
		Pid: proto.Int32(int32(who.PID)), Ppid: proto.Int32(int32(who.PPID)), Cmdline: []string{replay.Clean(who.Comm)}, CmdlineIsComm: proto.Bool(true),
	}
	if who.Kernel {
		process.IsKthread = proto.Bool(true)
	}
	if start := who.Start - p.boot; start > 0 {
		process.ProcessStartFromBoot = proto.Uint64(uint64(start))
	}
	tree.Processes = append(tree.Processes, process)
}

// end writes what is left of the bundles, and how much of them is lost.
func (p *perfettoSink) end() error {
	var errs []error
	for _, cpu := range p.bundles.Numbers() {
		errs = append(errs, p.flush(p.bundles.Get(cpu)))
	}
	if len(p.lost) > 0 {
		errs = append(errs, p.losses(perfetto.FtraceStats_START_OF_TRACE), p.losses(perfetto.FtraceStats_END_OF_TRACE))
	}
	return errors.Join(errs...)
}
