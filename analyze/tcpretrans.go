// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var tcpretrans = Analysis{
	Name: "tcpretrans",
	Doc:  "TCP segments that were sent again, and connections that were reset",
	Needs: append(connNeeds(),
		Need{Kind: "tcp_retransmit", Columns: []string{"conn", "tcp_state", "segments", "payload_bytes"}, Source: "tcp"},
		Need{Kind: "tcp_reset", Columns: []string{"conn", "tcp_state", "reset_from"}, Source: "tcp"},
	),
	Sort: "time",
	Columns: slices.Concat([]ColumnSpec{{Name: "time", Unit: unitInstant, Doc: "when they were sent again"}}, connColumns, []ColumnSpec{
		{Name: "tcp_state", Text: true, Doc: "state of the connection"},
		{Name: "segments", Unit: unitCount, Doc: "segments sent again"},
		{Name: "payload_bytes", Unit: unitBytes, Doc: "payload bytes in them"},
	}),
	Also: []Table{
		{Title: "By connection", Columns: slices.Concat(connColumns, []ColumnSpec{
			{Name: "segments", Unit: unitCount, Doc: "segments sent again within the recording"},
			{Name: "payload_bytes", Unit: unitBytes, Doc: "payload bytes in them"},
			{Name: "sent_segments", Unit: unitCount, Some: true, Doc: "segments with payload sent since the connection began, retransmissions too; none where it was open at the end of the recording (or the span) and not listed then"},
		})},
		{Title: "Resets", Columns: slices.Concat([]ColumnSpec{{Name: "time", Unit: unitInstant, Doc: "when the connection was reset"}}, connColumns, []ColumnSpec{
			{Name: "tcp_state", Text: true, Doc: "state of the connection"},
			{Name: "reset_from", Text: true, Doc: "side that sent the reset: local or remote"},
		})},
	},
	New: newTCPRetrans,
}

type tcpRetransPass struct {
	conns        conns
	list, resets happenings
	of           map[*conn]sentAgain

	segments, bytes, from format.Col
}

// sentAgain is what a connection sent again.
type sentAgain struct{ segments, bytes uint64 }

func newTCPRetrans(env *Env) Pass {
	c := env.Capture
	return &tcpRetransPass{conns: newConns(env), of: map[*conn]sentAgain{}, segments: c.Col("segments"), bytes: c.Col("payload_bytes"), from: c.Col("reset_from")}
}

// Begin forgets what was before the window.
func (p *tcpRetransPass) Begin() {
	p.conns.open()
	p.list, p.resets, p.of = happenings{}, happenings{}, map[*conn]sentAgain{}
}

func (p *tcpRetransPass) Event(e replay.Event) error {
	c := p.conns.event(e)
	switch e.Kind().Name {
	case "tcp_retransmit":
		segments, bytes := e.Uint(p.segments), e.Uint(p.bytes)
		p.of[c] = sentAgain{p.of[c].segments + segments, p.of[c].bytes + bytes}
		p.list.add(c, e, e.Str(p.conns.state), segments, bytes)
	case "tcp_reset":
		p.resets.add(c, e, e.Str(p.conns.state), e.Str(p.from))
	}
	return nil
}

// Tables are the list, the connections and the resets.
func (p *tcpRetransPass) Tables() []Table {
	by := Table{Title: "By connection", Columns: tcpretrans.Also[0].Columns, Own: true}
	p.conns.settle()
	for _, c := range p.conns.order {
		if n := p.of[c]; n.segments > 0 {
			by.Rows = append(by.Rows, append(c.names(), n.segments, n.bytes, c.figure(segmentsOut)))
		}
	}
	resets := p.resets.table("Resets", tcpretrans.Also[1].Columns, "tcp_reset")
	resets.Own = true
	return []Table{p.list.table("Sent again", tcpretrans.Columns, "tcp_retransmit"), by, resets}
}
