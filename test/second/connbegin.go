// SPDX-License-Identifier: Apache-2.0

package second

// begin begins a connection: this side or the other opens it.
func (w *world) begin(t *thread) {
	w.now++
	switch w.IntN(9) {
	case 0: // it fails before a SYN
		c := w.newConnection(t.process)
		w.learn(c, t.cpu.number, "active")
		c.own(t)
		w.also("tcp_connect", c.ends(t.cpu.number, v{"connect_ns": 0, "srtt_ns": 0, "error": []int{101, 113, 99}[w.IntN(3)]}))
		w.conns = w.conns[:len(w.conns)-1]
	case 1, 2, 3:
		w.accept(t)
	default:
		w.connect(t)
	}
}

// connect opens a connection, or fails to.
func (w *world) connect(t *thread) {
	c, cpu := w.newConnection(t.process), t.cpu.number
	c.state = "closed"
	w.learn(c, cpu, "active")
	c.own(t)
	w.note(c, cpu, "syn_sent")
	if w.IntN(6) == 0 { // Fast Open: with the SYN
		w.send(c, t)
	}
	if w.tick(80_000); w.IntN(15) == 0 {
		w.now += w.Int64N(300_000_000)
	}
	sent := c.began + w.Int64N(w.now-c.began)
	if w.now++; w.IntN(5) == 0 {
		w.note(c, cpu, "closed")
		w.also("tcp_connect", c.ends(cpu, v{"connect_ns": w.now - c.began, "srtt_ns": 0, "error": []int{111, 110, 113, 125}[w.IntN(4)]}))
		w.conns = w.conns[:len(w.conns)-1]
		return
	}
	w.also("tcp_connect", c.ends(cpu, v{"connect_ns": w.now - c.began, "srtt_ns": c.rtt}))
	w.note(c, cpu, "established")
	if w.IntN(2) == 0 {
		w.loop(c, cpu, sent)
	}
}

// loop makes the other end of a connection, which is here, too.
func (w *world) loop(c *connection, cpu int, sent int64) {
	holder := w.anyProcess()
	if holder == nil {
		return
	}
	w.tick(5000)
	c.raddr = c.laddr
	o := w.newConnection(holder)
	o.laddr, o.raddr, o.lport, o.rport = c.raddr, c.laddr, c.rport, c.lport
	for i := len(w.rows) - 1; i >= 0; i-- { // its own rows have that address, too
		if w.rows[i].values["conn"] == any(c.id) && w.rows[i].kind == "tcp_connect" {
			w.rows[i].values["raddr"] = c.raddr
		}
	}
	c.peer, o.peer = o, c
	w.established(o, cpu)
	o.synack = w.now - sent
}

// established ends the handshake of a connection that the other side opened; nobody has
// it yet.
func (w *world) established(c *connection, cpu int) {
	w.learn(c, cpu, "passive")
	c.state = "syn_recv"
	w.note(c, cpu, "established")
}

// accept is for a connection that the other side opened.
func (w *world) accept(t *thread) {
	c := w.newConnection(t.process).passive()
	c.synack = []int64{0, 1 + w.Int64N(60_000)}[w.IntN(2)]
	if w.IntN(4) == 0 { // Fast Open: a process uses it before the handshake ends
		c.state, c.handshake, c.synack = "syn_recv", true, 0
		w.learn(c, t.cpu.number, "passive")
		w.touch(c, t)
		return
	}
	if w.established(c, t.cpu.number); w.IntN(2) == 0 {
		w.tick(50_000)
		w.now++
		w.touch(c, t)
	}
}
