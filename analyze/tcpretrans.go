// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
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
			{Name: "unseen_segments", Unit: unitCount, Some: true, Doc: "segments that the kernel counts as sent again in the recording (or the span) and no row tells of: it could not send them, or the interrupt that did came while a thread ran that the machine hides; none where the kernel's counts of its beginning and end are not known"},
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
	of           map[*conn]*sentAgain

	segments, bytes, from format.Col
}

// sentAgain is what rows tell of segments that a connection sent again.
type sentAgain struct {
	segments, bytes uint64 // within what counts
	all             uint64 // segments since the recording began
	first, last     uint64 // of all, when the kernel's figures of the connection were told
}

func newTCPRetrans(env *Env) Pass {
	c := env.Capture
	return &tcpRetransPass{conns: newConns(env), of: map[*conn]*sentAgain{}, segments: c.Col("segments"), bytes: c.Col("payload_bytes"), from: c.Col("reset_from")}
}

// Begin forgets what was before the window.
func (p *tcpRetransPass) Begin() {
	p.conns.open()
	p.list, p.resets = happenings{}, happenings{}
	for _, n := range p.of {
		n.segments, n.bytes, n.first = 0, 0, n.last
	}
}

func (p *tcpRetransPass) Event(e replay.Event) error {
	c := p.conns.event(e)
	n := p.of[c]
	switch e.Kind().Name {
	case "tcp_retransmit":
		if n == nil {
			n = &sentAgain{}
			p.of[c] = n
		}
		segments, bytes := e.Uint(p.segments), e.Uint(p.bytes)
		n.segments, n.bytes, n.all = n.segments+segments, n.bytes+bytes, n.all+segments
		p.list.add(c, e, e.Str(p.conns.state), segments, bytes)
	case "tcp_reset":
		p.resets.add(c, e, e.Str(p.conns.state), e.Str(p.from))
	case "tcp_socket", "tcp_close":
		if n == nil {
			break
		}
		if n.last = n.all; c.first == c.last { // what counts of it begins with these figures
			n.first = n.last
		}
	}
	return nil
}

// unseen is how many segments of those that the kernel counts no row tells of.
func (n *sentAgain) unseen(c *conn) Value {
	counted, known := c.carried(retransmitsAt).(uint64)
	if !known {
		return nil
	}
	return counted - min(counted, n.last-n.first)
}

// Tables are the list, the connections and the resets.
func (p *tcpRetransPass) Tables() []Table {
	by, missing := Table{Title: "By connection", Columns: tcpretrans.Also[0].Columns, Own: true}, uint64(0)
	p.conns.settle()
	for _, c := range p.conns.order {
		n := p.of[c]
		if n == nil {
			n = &sentAgain{}
		}
		unseen := n.unseen(c)
		more, _ := unseen.(uint64)
		if missing += more; n.segments+more > 0 {
			by.Rows = append(by.Rows, append(c.names(), n.segments, n.bytes, c.figure(segmentsOut), unseen))
		}
	}
	resets := p.resets.table("Resets", tcpretrans.Also[1].Columns, "tcp_reset")
	resets.Own = true
	list := p.list.table("Sent again", tcpretrans.Columns, "tcp_retransmit")
	if missing > 0 {
		list.Notes = append(list.Notes, fmt.Sprintf("%d further segments were sent again, and no row tells when: see unseen_segments by connection.", missing))
	}
	return []Table{list, by, resets}
}
