// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

const (
	clocksTitle     = "Clocks"
	handshakesTitle = "Handshakes on one clock"
)

// clocksColumns are those of the table of what two captures' clocks differ by.
var clocksColumns = []ColumnSpec{
	{Name: "handshakes", Unit: unitCount, Doc: "handshakes that both captures have, which bound what their clocks differ by"},
	{Name: "offset_ns", Unit: unitNS, Doc: "the other capture's clock less this one's: the middle between the bounds"},
	{Name: "low_ns", Unit: unitNS, Doc: "it is this at least: no answer to a SYN came before it was sent"},
	{Name: "high_ns", Unit: unitNS, Doc: "and this at most: no SYN and no last segment of a handshake came before it was sent"},
	{Name: "residual_ns", Unit: unitNS, Doc: "the offset is true within plus or minus this: half of what is between the bounds"},
	{Name: "drift_ns", Unit: unitNS, Doc: "what the clocks ran apart by between handshakes, at least; 0 when one offset fits all of them. Otherwise the bounds are those of all times"},
}

// handshakesColumns are those of the table of how long the segments of handshakes were
// on their way, with the clocks aligned.
var handshakesColumns = slices.Concat([]ColumnSpec{{Name: "time", Unit: unitInstant, Doc: "when the client began to connect, by this capture's clock"}}, connColumns, []ColumnSpec{
	{Name: "syn_ns", Unit: unitNS, Doc: "from the client's first SYN to the SYN-ACK at the server; like the others true within residual_ns, and so perhaps negative"},
	{Name: "syn_ack_ns", Unit: unitNS, Doc: "from the SYN-ACK at the server to the end of the handshake at the client"},
	{Name: "ack_ns", Unit: unitNS, Doc: "from there to the end of the handshake at the server"},
})

// handshakeSlack is by how much later than the kernel's measure of its round trip the
// end of a handshake may be noted, ns.
const handshakeSlack = 50_000

// handshake is one that both sides have.
type handshake struct {
	client *conn
	// By the client's clock: when it began to connect, and when the SYN-ACK had come.
	begun, done int64
	// By the server's: when it sent the SYN-ACK, and when the answer to it had come.
	sent, ended int64
	here        bool // the client is in this capture, the server in the other
}

// bounds are those of the server's clock less the client's. What is sent comes later.
func (h *handshake) bounds() (low, high int64) {
	return h.sent - handshakeSlack - h.done, min(h.sent-h.begun, h.ended-h.done)
}

// offset are the bounds of the other capture's clock less this one's.
func (h *handshake) offset() (low, high int64) {
	low, high = h.bounds()
	if !h.here {
		return -high, -low
	}
	return low, high
}

// handshakes finds those of connections that were opened here and accepted there. Of
// connections that had the same addresses and ports nobody knows which are which.
func (p *tcpLatPass) handshakes(there *tcpLatPass, here bool) (all []handshake) {
	accepted, opened := map[ends][]*conn{}, map[ends]int{}
	for _, c := range there.conns.order {
		if e, ok := c.ends(); ok && c.direction == "passive" {
			accepted[e.mirrored()] = append(accepted[e.mirrored()], c)
		}
	}
	for _, c := range p.conns.order {
		if e, ok := c.ends(); ok && c.direction == "active" {
			opened[e]++
		}
	}
	for _, c := range p.conns.order {
		e, ok := c.ends()
		took, known := c.connect.(uint64)
		if !ok || !known || c.direction != "active" || c.connectErrno != 0 || opened[e] != 1 || len(accepted[e]) != 1 || took >= uint64(c.connectedAt) {
			continue
		}
		s := accepted[e][0]
		if s.handshakeRTT == 0 || s.handshakeRTT >= uint64(s.established) { // it was not measured, or is a damaged capture's
			continue
		}
		all = append(all, handshake{client: c, begun: c.connectedAt - int64(took), done: c.connectedAt, sent: s.established - int64(s.handshakeRTT), ended: s.established, here: here})
	}
	return all
}

// clocks is what two captures' clocks differ by.
type clocks struct {
	handshakes []handshake
	low, high  int64  // of the other's less this one's
	drift      uint64 // what they ran apart by
}

// clocksOf are those of two captures; nil when no handshake tells.
func clocksOf(here, there *tcpLatPass) *clocks {
	c := &clocks{handshakes: append(here.handshakes(there, true), there.handshakes(here, false)...), low: math.MinInt64, high: math.MaxInt64}
	if len(c.handshakes) == 0 {
		return nil
	}
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range c.handshakes {
		low, high := c.handshakes[i].offset()
		c.low, c.high = max(c.low, low), min(c.high, high)
		least, most = min(least, low), max(most, high)
	}
	if c.low > c.high { // there is none that fits all
		c.drift = uint64(c.low) - uint64(c.high)
		c.low, c.high = least, most
	}
	return c
}

// offset is the likeliest one.
func (c *clocks) offset() int64 { return c.low + int64((uint64(c.high)-uint64(c.low))/2) }

// residual is how far off it may be; the bounds may be further apart than an int64.
func (c *clocks) residual() uint64 { return (uint64(c.high) - uint64(c.low) + 1) / 2 }

// note says that the clocks disagree; empty: they may agree.
func (c *clocks) note() string {
	if c.low <= 0 && c.high >= 0 {
		return ""
	}
	return fmt.Sprintf("The captures' clocks disagree: by %d handshakes the other one's is %s off, within %s; --align has both on one.", len(c.handshakes), difference(c.offset()), duration(c.residual()))
}

// tables show the offset, and the handshakes with it.
func (c *clocks) tables(top int) []Table {
	at := c.offset()
	t := Table{Title: clocksTitle, Columns: clocksColumns, Own: true, Rows: [][]Value{
		{uint64(len(c.handshakes)), at, c.low, c.high, c.residual(), c.drift},
	}}
	if c.drift > 0 {
		t.Notes = append(t.Notes, "No offset fits all handshakes: the clocks ran apart meanwhile, or a capture's was not boot time.")
	}
	all := Table{Title: handshakesTitle, Columns: handshakesColumns, Own: true}
	slices.SortStableFunc(c.handshakes, func(a, b handshake) int { return cmp.Compare(a.on(at), b.on(at)) })
	for i := range c.handshakes {
		h := &c.handshakes[i]
		shift := at // of the client's clock to the server's
		if !h.here {
			shift = -at
		}
		row := slices.Concat([]Value{h.on(at)}, h.client.names())
		all.Rows = append(all.Rows, append(row, h.sent-h.begun-shift, h.done+shift-h.sent, h.ended-h.done-shift))
	}
	all.Cut(cmp.Or(top, tallyRows))
	return []Table{t, all}
}

// on is when the client began to connect, by this capture's clock.
func (h *handshake) on(offset int64) int64 {
	if h.here {
		return h.begun
	}
	return h.begun - offset
}
