// SPDX-License-Identifier: Apache-2.0

package second

// connection is one of TCP.
type connection struct {
	id     uint64
	owner  *thread
	active bool
	older  bool
	state  string
	port   int
	opened int64
	tx, rx int64
	sends  int64
	again  int64
}

// talk does something with a connection, or begins one.
func (w *world) talk(t *thread) {
	var mine []*connection
	for _, c := range w.conns {
		if c.owner.process == t.process {
			mine = append(mine, c)
		}
	}
	if len(mine) == 0 || w.IntN(5) == 0 {
		w.connect(t)
		return
	}
	c := mine[w.IntN(len(mine))]
	who := v{"pid": t.pid, "tid": t.tid, "cpu": t.cpu.number, "conn": c.id}
	with := func(more v) v {
		for k, x := range who {
			more[k] = x
		}
		return more
	}
	switch w.IntN(8) {
	case 0:
		w.close(t, c)
	case 1:
		c.again += 2
		w.tell("tcp_retransmit", with(v{"tcp_state": c.state, "segments": 2, "payload_bytes": w.IntN(3000)}))
	case 2, 3:
		w.tell("tcp_read", with(v{"read_ns": w.IntN(70_000)}))
		c.rx += 7
	case 4, 5:
		c.tx += 11
		c.sends++
		w.tell("tcp_reply", with(v{"think_ns": w.IntN(50_000), "turn_rx_bytes": w.IntN(900)}))
	default:
		w.tell("tcp_response", with(v{"response_ns": w.IntN(900_000), "ack_ns": w.IntN(2) * 1000, "turn_tx_bytes": w.IntN(700)}))
	}
}

func (c *connection) ends(t *thread, more v) v {
	all := v{"pid": t.pid, "tid": t.tid, "comm": t.comm, "conn": c.id, "laddr": address(10, 0, 0, 1), "raddr": address(10, 0, 0, byte(2+c.id%3)),
		"lport": 1000 + int(c.id), "rport": c.port, "direction": "active", "socket_of": "process"}
	if !c.active {
		all["direction"], all["lport"], all["rport"] = "passive", c.port, 1000+int(c.id)
	}
	if c.older {
		all["direction"] = "unknown"
	}
	for k, x := range more {
		all[k] = x
	}
	return all
}

// address is an IPv4-mapped one.
func address(a, b, c, d byte) []byte {
	return []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}
}

// connect opens a connection, or fails to.
func (w *world) connect(t *thread) {
	c := &connection{id: w.nextConn, owner: t, active: w.IntN(2) == 0, port: 80 + w.IntN(3), state: "established"}
	w.nextConn++
	took := w.Int64N(80_000)
	c.opened = w.now - took
	if !c.active {
		w.change(t, c, "syn_recv", "established", 0)
		w.tell("tcp_accept", c.ends(t, v{"cpu": t.cpu.number, "accept_ns": took, "srtt_ns": 1000}))
		w.conns = append(w.conns, c)
		return
	}
	w.change(t, c, "closed", "syn_sent", 0)
	if w.IntN(4) == 0 {
		w.tell("tcp_connect", c.ends(t, v{"cpu": t.cpu.number, "connect_ns": took, "error": []int{111, 110, 113}[w.IntN(3)]}))
		return
	}
	w.change(t, c, "syn_sent", "established", took)
	w.tell("tcp_connect", c.ends(t, v{"cpu": t.cpu.number, "connect_ns": took, "srtt_ns": 1000}))
	w.conns = append(w.conns, c)
}

func (w *world) change(t *thread, c *connection, from, to string, ns int64) {
	w.tell("tcp_state_change", v{"pid": t.pid, "tid": t.tid, "cpu": t.cpu.number, "conn": c.id, "from_state": from, "tcp_state": to, "state_ns": ns})
}

func (w *world) figures(c *connection) v {
	return v{"tx_bytes": c.tx, "rx_bytes": c.rx, "srtt_ns": 2000, "min_rtt_ns": 1000, "duration_ns": w.now + 1 - c.opened, "segments_out": c.sends + c.again,
		"segments_in": c.sends, "sends": c.sends, "receives": c.sends, "largest_send_bytes": 11, "largest_receive_bytes": 7, "retransmits": c.again}
}

func (w *world) close(t *thread, c *connection) {
	errno := 0
	if w.IntN(4) == 0 {
		w.tell("tcp_reset", v{"pid": t.pid, "tid": t.tid, "cpu": t.cpu.number, "conn": c.id, "tcp_state": c.state, "reset_from": []string{"local", "remote"}[w.IntN(2)]})
		errno = []int{0, 104}[w.IntN(2)]
	}
	more := w.figures(c)
	more["cpu"], more["error"] = t.cpu.number, errno
	w.tell("tcp_close", c.ends(t, more))
	for i := range w.conns {
		if w.conns[i] == c {
			w.conns = append(w.conns[:i], w.conns[i+1:]...)
			return
		}
	}
}

// sockets lists the connections that are open.
func (w *world) sockets() {
	for _, c := range w.conns {
		more := w.figures(c)
		more["tcp_state"] = []string{c.state, "fin_wait1"}[w.IntN(2)]
		w.tell("tcp_socket", c.ends(c.owner, more))
	}
}
