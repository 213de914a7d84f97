// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/ebrec/ebrec/export/perfetto"
	"github.com/ebrec/ebrec/replay"
)

// track writes what is shown on a lane, which is a track.
func (p *perfettoSink) track(what any) error {
	switch h := what.(type) {
	case span:
		begin := perfetto.TrackEvent_TYPE_SLICE_BEGIN
		if err := p.trackEvent(h.lane, h.from, h.name, &perfetto.TrackEvent{Type: &begin}, h.args); err != nil || h.open {
			return err
		}
		end := perfetto.TrackEvent_TYPE_SLICE_END
		return p.trackEvent(h.lane, h.to, "", &perfetto.TrackEvent{Type: &end}, nil)
	case mark:
		instant := perfetto.TrackEvent_TYPE_INSTANT
		return p.trackEvent(h.lane, h.at, h.name, &perfetto.TrackEvent{Type: &instant}, h.args)
	case level:
		counter := perfetto.TrackEvent_TYPE_COUNTER
		value := &perfetto.TrackEvent_DoubleCounterValue{DoubleCounterValue: h.value}
		return p.trackEvent(h.lane, h.at, "", &perfetto.TrackEvent{Type: &counter, CounterValueField: value}, nil)
	}
	return nil
}

// fixedName tells which names of events there are few of.
func fixedName(name string) bool {
	switch name {
	case "connect", "accept", "response", "read", "think", "connection", "retransmit", "reset", "state", "folded turns", "open", "exec", "exit", "suspended":
		return true
	}
	return false
}

func (p *perfettoSink) trackEvent(l *lane, at int64, name string, e *perfetto.TrackEvent, args []arg) error {
	if err := p.describe(l); err != nil {
		return err
	}
	packet := &perfetto.TracePacket{
		Timestamp: p.at(at), Data: &perfetto.TracePacket_TrackEvent{TrackEvent: e},
		TrustedPacketSequenceId: proto.Uint32(trackSequence), SequenceFlags: proto.Uint32(uint32(perfetto.TracePacket_SEQ_NEEDS_INCREMENTAL_STATE)),
	}
	if !p.begun {
		p.begun = true
		*packet.SequenceFlags |= uint32(perfetto.TracePacket_SEQ_INCREMENTAL_STATE_CLEARED)
	}
	e.TrackUuid = proto.Uint64(l.id)
	fresh := &perfetto.InternedData{}
	switch {
	case fixedName(name):
		id, isNew := p.names.of(name)
		if e.NameField = (&perfetto.TrackEvent_NameIid{NameIid: id}); isNew {
			fresh.EventNames = append(fresh.EventNames, &perfetto.EventName{Iid: proto.Uint64(id), Name: proto.String(name)})
		}
	case name != "":
		e.NameField = &perfetto.TrackEvent_Name{Name: replay.Clean(name)}
	}
	for _, a := range args {
		id, isNew := p.args.of(a.name)
		if isNew {
			fresh.DebugAnnotationNames = append(fresh.DebugAnnotationNames, &perfetto.DebugAnnotationName{Iid: proto.Uint64(id), Name: proto.String(a.name)})
		}
		e.DebugAnnotations = append(e.DebugAnnotations, annotation(id, a))
	}
	if len(fresh.EventNames)+len(fresh.DebugAnnotationNames) > 0 {
		packet.InternedData = fresh
	}
	return p.packet(packet)
}

func annotation(name uint64, a arg) *perfetto.DebugAnnotation {
	d := &perfetto.DebugAnnotation{NameField: &perfetto.DebugAnnotation_NameIid{NameIid: name}}
	switch v := a.value.(type) {
	case uint64:
		d.Value = &perfetto.DebugAnnotation_UintValue{UintValue: v}
	case int64:
		d.Value = &perfetto.DebugAnnotation_IntValue{IntValue: v}
	default:
		d.Value = &perfetto.DebugAnnotation_StringValue{StringValue: replay.Clean(fmt.Sprint(v))}
	}
	return d
}

// describe writes what a lane is before it is used first.
func (p *perfettoSink) describe(l *lane) error {
	if l.shown {
		return nil
	}
	l.shown = true
	d := &perfetto.TrackDescriptor{Uuid: proto.Uint64(l.id)}
	switch {
	case l.parent != nil:
		if err := p.describe(l.parent); err != nil {
			return err
		}
		d.ParentUuid = proto.Uint64(l.parent.id)
	case l.again:
		d.Name = proto.String(fmt.Sprintf("process %d", l.pid))
	case l.pid != 0:
		d.Process = &perfetto.ProcessDescriptor{Pid: proto.Int32(int32(l.pid))}
	}
	if l.name != "" {
		d.Name = proto.String(replay.Clean(l.name))
	}
	if l.unit != "" {
		d.Counter = &perfetto.CounterDescriptor{UnitName: proto.String(l.unit)}
	}
	return p.packet(&perfetto.TracePacket{Data: &perfetto.TracePacket_TrackDescriptor{TrackDescriptor: d}, TrustedPacketSequenceId: proto.Uint32(trackSequence)})
}
