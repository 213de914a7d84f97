// SPDX-License-Identifier: Apache-2.0

package second

import (
	"maps"
	"math/bits"
	"slices"
)

// talk does something with a connection, or begins one.
func (w *world) talk(t *thread) {
	if w.IntN(15) == 0 { // nobody does anything for a while
		w.now += w.Int64N(400_000_000)
	}
	var mine []*connection
	for _, c := range w.conns {
		if c.holder == t.process || w.IntN(20) == 0 || c.peer != nil && w.IntN(3) == 0 { // or it is passed on, or the kernel goes on with it
			mine = append(mine, c)
		}
	}
	if len(mine) == 0 || w.IntN(7) == 0 {
		w.begin(t)
		return
	}
	c := mine[w.IntN(len(mine))]
	for range 1 + w.IntN(9) {
		w.now++
		w.with(c, t)
		if w.tick(4000); !slices.Contains(w.conns, c) {
			return
		}
	}
}

// with does something with a connection.
func (w *world) with(c *connection, t *thread) {
	cpu := t.cpu.number
	if c.handshake && w.IntN(3) == 0 {
		c.handshake = false
		w.note(c, cpu, "established")
		return
	}
	switch n := w.IntN(20); {
	case c.state != "established" && c.state != "close_wait" && !c.handshake:
		w.goOn(c, t)
	case n < 5:
		w.send(c, t)
	case n < 9:
		if n := 1 + w.Int64N(4000); c.peer == nil { // else its bytes come as that sends
			w.arrive(c, cpu, []int64{n, n, n, n, n, 5 << 30}[w.IntN(6)])
		}
	case n < 13:
		w.receive(c, t)
	case n < 14 && c.id != 0:
		c.again, c.segmentsOut = c.again+2, c.segmentsOut+2
		w.also("tcp_retransmit", c.about(cpu, v{"tcp_state": c.state, "segments": 2, "payload_bytes": w.IntN(3000)}))
	case n < 15 && c.pid != 0:
		w.also("tcp_rtt", c.about(cpu, v{"srtt_ns": w.Int64N(90) * 1000, "min_rtt_ns": 1000}))
	case n < 16 && c.id != 0:
		w.unfold(c)
	case n < 17 && c.state == "established": // the other side's FIN
		w.note(c, cpu, "close_wait")
	case n == 17:
		w.abort(c, t)
	default:
		w.goOn(c, t)
	}
}

// closing is what follows each state when a connection ends by FINs.
var closing = map[string][]string{
	"established": {"fin_wait1"}, "syn_recv": {"fin_wait1"}, "close_wait": {"last_ack"}, "fin_wait1": {"fin_wait2", "closing", "closed"}, "fin_wait2": {"closed"}, "closing": {"closed"}, "last_ack": {"closed"},
}

// goOn goes on with the end of a connection, which its process begins.
func (w *world) goOn(c *connection, t *thread) {
	to := closing[c.state][w.IntN(len(closing[c.state]))]
	if to == "fin_wait1" || to == "last_ack" {
		w.touch(c, t)
		c.holder = nil
	}
	if w.note(c, t.cpu.number, to); to == "closed" {
		w.closed(c, t.cpu.number, 0)
	}
}

// abort resets a connection, from either side.
func (w *world) abort(c *connection, t *thread) {
	cpu, was := t.cpu.number, c.state
	if w.IntN(2) == 0 && was != "syn_recv" {
		if w.note(c, cpu, "closed"); c.id != 0 {
			w.touch(c, t)
			w.also("tcp_reset", c.about(cpu, v{"tcp_state": was, "reset_from": "local"}))
		}
		w.closed(c, cpu, 0)
		return
	}
	if c.id != 0 {
		w.also("tcp_reset", c.about(cpu, v{"tcp_state": was, "reset_from": "remote"}))
	}
	w.now++
	w.note(c, cpu, "closed")
	w.closed(c, cpu, []int{104, 32, 110}[w.IntN(3)])
}

// closed is for a connection that is over.
func (w *world) closed(c *connection, cpu, errno int) {
	if c.id != 0 {
		w.unfold(c)
		w.also("tcp_close", c.ends(cpu, w.carried(c, errno)))
	}
	w.conns = slices.DeleteFunc(w.conns, func(o *connection) bool { return o == c })
}

// send is a send call that has returned.
func (w *world) send(c *connection, t *thread) {
	w.touch(c, t)
	if c.readAt != 0 {
		if ns := w.grid(w.now - c.readAt); !w.fold(c, "think", ns) {
			w.also("tcp_reply", v{"pid": t.pid, "tid": t.tid, "cpu": t.cpu.number, "conn": c.id, "think_ns": ns, "turn_rx_bytes": c.turnRX})
		}
	}
	calls, n := int64(1), 1+w.Int64N(4000)
	if w.IntN(30) == 0 { // several, of what is more than 32 bits count
		calls, n = 6, 1<<30
	}
	c.tx, c.sends, c.largestSend, c.segmentsOut = c.tx+calls*n, c.sends+calls, max(c.largestSend, n), c.segmentsOut+calls
	c.turn = turn{sentAt: w.now, arrivedAt: c.arrivedAt, waits: true, turnTX: c.turnTX + calls*n}
	if c.peer != nil && slices.Contains(w.conns, c.peer) {
		w.tick(300)
		w.arrive(c.peer, t.cpu.number, calls*n)
	}
}

// arrive is for a segment with new bytes.
func (w *world) arrive(c *connection, cpu int, n int64) {
	c.rx, c.segmentsIn = c.rx+n, c.segmentsIn+1
	if c.turnRX += n; c.id == 0 {
		return
	}
	if c.arrivedAt == 0 {
		c.arrivedAt = w.now
	}
	if !c.waits || c.pid == 0 {
		return
	}
	took := w.now - c.sentAt
	ns, ack := w.grid(took), int64(0)
	if w.IntN(9) == 0 { // it is here before the call returns
		ns = 0
	}
	if took > 1 && w.IntN(2) == 0 {
		ack = w.grid(1 + w.Int64N(took-1))
	}
	if w.fold(c, "response", ns) {
		if ack > 0 {
			w.fold(c, "ack", ack)
		}
	} else {
		w.also("tcp_response", c.about(cpu, v{"response_ns": ns, "ack_ns": ack, "turn_tx_bytes": c.turnTX}))
	}
	c.waits, c.turnTX = false, 0
}

// receive is a call that takes bytes.
func (w *world) receive(c *connection, t *thread) {
	w.touch(c, t)
	if c.arrivedAt == 0 {
		return
	}
	c.receives, c.largestReceive = c.receives+1, max(c.largestReceive, min(c.turnRX, 1<<31-1))
	if ns := w.grid(w.now - c.arrivedAt); !w.fold(c, "read", ns) {
		w.also("tcp_read", v{"pid": t.pid, "tid": t.tid, "cpu": t.cpu.number, "conn": c.id, "read_ns": ns})
	}
	c.arrivedAt, c.readAt = 0, w.now
}

// grid is a duration: where some are folded, one in the middle of one in 128 to a power
// of two, which percentiles keep.
func (w *world) grid(ns int64) int64 {
	if drop := bits.Len64(uint64(ns)) - 8; w.folds && drop > 0 {
		return ns>>drop<<drop + 1<<drop/2
	}
	return ns
}

// fold counts a turn that has no row of its own.
func (w *world) fold(c *connection, part string, ns int64) bool {
	f := c.folded[part]
	if !w.folds || f != nil && f.ns != ns && w.IntN(2) > 0 || w.IntN(3) == 0 {
		return false
	}
	if f != nil && f.ns != ns { // the other step is told first
		w.unfold(c)
		f = nil
	}
	if f == nil {
		f = &folded{ns: ns}
		c.folded[part] = f
	}
	f.n += 1 + w.Int64N(3) // others as long
	return true
}

// unfold tells what was folded of a connection.
func (w *world) unfold(c *connection) {
	for _, part := range slices.Sorted(maps.Keys(c.folded)) {
		f := c.folded[part]
		w.also("tcp_fold", c.about(-1, v{"since": max(0, w.now-1000), "from_ns": step(f.ns), "sum_ns": f.n * f.ns, "largest_ns": []int64{0, f.ns}[w.IntN(2)], "turns": f.n, "turn_part": part}))
	}
	clear(c.folded)
}

// step is the least duration that is folded together with another.
func step(ns int64) int64 {
	if ns < 1024 {
		return 0
	}
	drop := bits.Len64(uint64(ns)) - 3
	return ns >> drop << drop
}
