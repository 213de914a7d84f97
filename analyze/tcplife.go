// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"slices"

	"github.com/ebrec/ebrec/replay"
)

var tcplife = Analysis{
	Name:  "tcplife",
	Doc:   "TCP connections that ended: between whom, how long they lived, and what they carried",
	Needs: connNeeds(),
	Sort:  "time",
	Columns: slices.Concat([]ColumnSpec{{Name: "time", Unit: unitInstant, Doc: "when it ended"}}, connColumns, []ColumnSpec{
		{Name: "tx_bytes", Unit: unitBytes, Doc: "payload bytes sent since the connection began, retransmissions not counted"},
		{Name: "rx_bytes", Unit: unitBytes, Doc: "payload bytes received since the connection began"},
		{Name: "duration_ns", Unit: unitNS, Doc: "from the first SYN (active) or the end of the handshake (passive) to the close; of a connection older than the recording from its first sight; of one that failed to connect the time until it did"},
		{Name: "retransmits", Unit: unitCount, Doc: "segments retransmitted since the connection began"},
		{Name: "srtt_ns", Unit: unitNS, Doc: "the kernel's smoothed round-trip time at the close, 0 when it has none"},
		{Name: "outcome", Text: true, Doc: "closed; refused, timed out, reset, unreachable, or failed with another error"},
	}),
	New: newTCPLife,
}

type tcpLifePass struct{ conns conns }

func newTCPLife(env *Env) Pass { return &tcpLifePass{newConns(env)} }

func (p *tcpLifePass) Event(e replay.Event) error {
	p.conns.event(e)
	return nil
}

// Begin leaves out connections that ended before the window.
func (p *tcpLifePass) Begin() { p.conns.open() }

// Tables is one table.
func (p *tcpLifePass) Tables() []Table {
	t := Table{Title: "Connections that ended", Columns: tcplife.Columns}
	for _, c := range p.conns.order {
		if !c.ended {
			continue
		}
		took := c.figure(durationAt)
		if took == nil {
			took = c.connect
		}
		row := append([]Value{c.at}, c.names()...)
		t.Rows = append(t.Rows, append(row, c.figure(txAt), c.figure(rxAt), took, c.figure(retransmitsAt), c.figure(srttAt), c.outcome()))
	}
	return []Table{t}
}
