// SPDX-License-Identifier: Apache-2.0

package second

// network is what there is of TCP.
type network struct {
	conns   []*connection
	numbers map[int]uint64 // last one that a CPU gave to a connection
	port    int            // last one that was free
	folds   bool           // turns are more than have rows of their own
}

// connection is one, with what the recorder's programs remember of it.
type connection struct {
	id           uint64   // 0: they do not know it
	holder       *process // whose table of files has it; nil: none
	pid, tid     uint32   // its owner; 0: nobody used it yet
	comm         string
	direction    string
	of           string // whose socket it is
	laddr, raddr []byte
	lport, rport int
	state        string
	since        int64 // when it came to the state, as far as that was seen
	began        int64
	handshake    bool  // with Fast Open: it is used before its handshake ends
	synack       int64 // round trip that the kernel measured of the handshake
	rtt          int64
	figures
	turn
	folded map[string]*folded
	peer   *connection // the other end, which is here, too
}

// figures are the kernel's, and the programs'.
type figures struct {
	tx, rx, segmentsOut, segmentsIn, again       int64
	sends, receives, largestSend, largestReceive int64
}

// turn is what goes on between what a process sends and what it receives.
type turn struct {
	sentAt, arrivedAt, readAt int64
	waits                     bool // for an answer
	turnTX, turnRX            int64
}

// folded are turns without rows of their own; all of one duration.
type folded struct{ ns, n int64 }

// inherit makes connections that are older than the recording.
func (w *world) inherit() {
	w.numbers, w.port, w.folds = map[int]uint64{}, 30_000, w.IntN(4) == 0
	for range w.IntN(6) {
		c := w.newConnection(w.anyProcess())
		c.state, c.direction = "established", "unknown"
		c.figures = figures{tx: w.bytes(), rx: w.bytes(), segmentsOut: w.Int64N(90), segmentsIn: w.Int64N(90), again: w.Int64N(3)}
		if w.IntN(4) == 0 { // a file that nobody has open just now
			c.holder = nil
		}
	}
}

// bytes are sometimes more than 32 bits count.
func (w *world) bytes() int64 {
	if w.IntN(6) == 0 {
		return w.Int64N(20 << 30)
	}
	return w.Int64N(50_000)
}

// anyProcess is one with files: not of the kernel.
func (w *world) anyProcess() *process {
	var may []*process
	for _, t := range w.threads {
		if !t.kernel && !t.ended {
			may = append(may, t.process)
		}
	}
	if len(may) == 0 {
		return nil
	}
	return may[w.IntN(len(may))]
}

// newConnection has ports that nobody uses, or that were used before.
func (w *world) newConnection(holder *process) *connection {
	w.port++
	c := &connection{holder: holder, of: "process", direction: "active", laddr: address(10, 0, 0, 1), raddr: address(10, 0, 0, byte(2+w.IntN(3))), lport: w.port, rport: 80 + w.IntN(3), rtt: int64(w.IntN(90)) * 1000, folded: map[string]*folded{}}
	if w.IntN(4) == 0 {
		c.lport = 30_000 + w.IntN(4)
	}
	if w.IntN(12) == 0 {
		c.of = []string{"kernel", "mptcp"}[w.IntN(2)]
	}
	w.conns = append(w.conns, c)
	return c
}

// passive turns the ends of a connection round.
func (c *connection) passive() *connection {
	c.direction, c.lport, c.rport = "passive", c.rport, c.lport
	return c
}

// address is an IPv4-mapped one.
func address(a, b, c, d byte) []byte {
	return []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}
}

// also writes a row of the same instant as the one before.
func (w *world) also(kind string, values v) {
	if w.began {
		w.rows = append(w.rows, row{w.now, kind, values})
	}
}

// learn has the programs remember a connection.
func (w *world) learn(c *connection, cpu int, direction string) {
	w.numbers[cpu]++
	c.id, c.direction, c.began = uint64(cpu)<<40|w.numbers[cpu], direction, w.now
}

// own makes a thread's process the owner.
func (c *connection) own(t *thread) { c.pid, c.tid, c.comm = t.pid, t.tid, t.comm }

// touch is for a process that uses a connection: that is when its owner is found.
func (w *world) touch(c *connection, t *thread) {
	if c.pid != 0 {
		return
	}
	if c.id == 0 {
		w.learn(c, t.cpu.number, "unknown")
	}
	if c.own(t); c.direction == "passive" {
		w.also("tcp_accept", c.ends(t.cpu.number, v{"accept_ns": w.now - c.began, "srtt_ns": c.synack}))
	}
}

// about are the columns of a row that a connection's owner has.
func (c *connection) about(cpu int, more v) v {
	more["pid"], more["tid"], more["conn"] = c.pid, c.tid, c.id
	if cpu >= 0 {
		more["cpu"] = cpu
	}
	return more
}

// ends are those of a row that also has the ends.
func (c *connection) ends(cpu int, more v) v {
	more["comm"], more["laddr"], more["raddr"], more["lport"], more["rport"] = c.comm, c.laddr, c.raddr, c.lport, c.rport
	more["direction"], more["socket_of"] = c.direction, c.of
	return c.about(cpu, more)
}

// carried are those of a row with all figures.
func (w *world) carried(c *connection, errno int) v {
	return v{"tx_bytes": c.tx, "rx_bytes": c.rx, "srtt_ns": c.rtt, "min_rtt_ns": c.rtt / 2, "duration_ns": w.now - c.began, "segments_out": c.segmentsOut,
		"segments_in": c.segmentsIn, "sends": c.sends, "receives": c.receives, "largest_send_bytes": c.largestSend, "largest_receive_bytes": c.largestReceive, "retransmits": c.again, "error": errno}
}

// note tells a change of state of a connection that is known.
func (w *world) note(c *connection, cpu int, to string) {
	if c.id != 0 {
		ns := w.now - c.since
		if c.since == 0 {
			ns = 0
		}
		w.also("tcp_state_change", c.about(cpu, v{"from_state": c.state, "tcp_state": to, "state_ns": ns}))
		c.since = w.now
	}
	c.state = to
}

// held lists the connections that processes have open, while things go on.
func (w *world) held() {
	for _, c := range append([]*connection{}, w.conns...) {
		for n := 1 + w.IntN(6)/5; n > 0 && c.holder != nil && !c.holder.ended && c.state != "syn_sent" && c.state != "closed"; n-- {
			w.now++
			if c.id == 0 {
				w.learn(c, 0, "unknown")
			}
			if c.pid == 0 {
				c.own(c.holder.leader)
			}
			more := w.carried(c, 0)
			more["tcp_state"] = c.state
			w.also("tcp_socket", c.ends(-1, more))
			w.step(w.cpus[w.IntN(len(w.cpus))])
		}
	}
	w.tell("clock", v{"wall_offset_ns": begin.UnixNano() - boot, "uncertainty_ns": 100})
}

// sockets lists those that the programs remember, as the recording ends.
func (w *world) sockets() {
	for _, c := range w.conns {
		if c.id == 0 || c.state == "syn_sent" || c.state == "closed" {
			continue
		}
		w.now++
		more := w.carried(c, 0)
		more["tcp_state"] = c.state
		w.also("tcp_socket", c.ends(-1, more))
	}
}
