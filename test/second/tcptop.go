// SPDX-License-Identifier: Apache-2.0

package second

import "slices"

// tcptop is what connections carried within the span.
func tcptop(r *recording, by string) (rows [][]any) {
	all := slices.DeleteFunc(r.connections(connKinds...), func(c *told) bool { return c.failed() || !c.named() })
	for _, g := range r.grouped(all, by) {
		tx, rx := g.carried(r, "tx_bytes"), g.carried(r, "rx_bytes")
		total := any(nil)
		if tx != nil && rx != nil {
			total = tx.(uint64) + rx.(uint64)
		}
		least, most := g.bounds(r)
		rows = append(rows, append(g.cells(), total, least, most, tx, rx, g.carried(r, "sends"), g.carried(r, "receives"),
			g.largest(r, "largest_send_bytes"), g.largest(r, "largest_receive_bytes"), g.carried(r, "segments_out"), g.carried(r, "segments_in"), g.carried(r, "retransmits")))
	}
	return rows
}

// listed is when the list that the recording begins with was complete: the clock was
// read then.
func (r *recording) listed() int64 {
	for i := range r.all {
		if r.all[i].kind == "clock" {
			return r.all[i].at
		}
	}
	return 0
}

// before is what a figure of a connection was when the span began: 0 where the
// connection began later, what a list had shortly before, or of one that is older than
// the recording the list that that begins with. Otherwise it is not known, but not less
// than what was told last.
func (c *told) before(r *recording, name string) (n uint64, known bool) {
	e, known := c.base(r)
	if e == nil {
		return 0, known
	}
	return e.n(name), known
}

// base is the row that tells what a connection's figures were when the span began; nil:
// they were 0.
func (c *told) base(r *recording) (e *event, known bool) {
	at, seen := c.began()
	if e := c.figures(); e != nil {
		at, seen = e.at-int64(e.n("duration_ns")), e.s("direction") != "unknown"
	}
	if seen && at >= r.first() {
		return nil, true
	}
	for _, e := range slices.Backward(c.rows) {
		if e.kind == "tcp_socket" && e.at <= r.from {
			return e, r.from-e.at <= near
		}
	}
	for _, e := range c.rows {
		if e.kind == "tcp_socket" && !seen && e.at <= r.listed() {
			return e, true
		}
	}
	return nil, false
}

// carried is what a figure of all connections of a row grew by; nil: of one it is not
// known.
func (g *connGroup) carried(r *recording, name string) any {
	sum := uint64(0)
	for _, c := range g.conns {
		n, known := c.before(r, name)
		if !known || !c.settled(r) {
			return nil
		}
		sum += c.figures().n(name) - n
	}
	return sum
}

// bounds are those of the bytes both ways.
func (g *connGroup) bounds(r *recording) (least uint64, most any) {
	bounded, sum := true, uint64(0)
	for _, c := range g.conns {
		bounded = bounded && c.settled(r)
		e := c.figures()
		if e == nil {
			continue
		}
		for _, name := range []string{"tx_bytes", "rx_bytes"} {
			n, known := c.before(r, name)
			if sum += e.n(name) - n; known {
				least += e.n(name) - n
			}
		}
	}
	if bounded {
		most = sum
	}
	return least, most
}

// largest is the most of all connections of a row; nil: of one it is not known.
func (g *connGroup) largest(r *recording, name string) any {
	most := uint64(0)
	for _, c := range g.conns {
		n := c.figure(r, name)
		if n == nil {
			return nil
		}
		most = max(most, n.(uint64))
	}
	return most
}
