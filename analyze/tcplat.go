// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var (
	endpointColumns = []string{"conn", "laddr", "lport", "raddr", "rport", "direction", "comm"}
	transferColumns = append(slices.Clip(endpointColumns), "tx_bytes", "rx_bytes", "srtt_ns", "min_rtt_ns", "duration_ns", "retransmits", "error")
)

var tcplat = Analysis{
	Name: "tcplat",
	Doc:  "Latency by TCP connection: to connect, and from the last byte sent to the first byte that came back",
	Needs: []Need{
		{Kind: "tcp_connect", Columns: append(slices.Clip(endpointColumns), "connect_ns", "error"), Source: "tcp"},
		{Kind: "tcp_accept", Columns: endpointColumns, Source: "tcp"},
		{Kind: "tcp_response", Columns: []string{"conn", "response_ns"}, Source: "tcp"},
		{Kind: "tcp_close", Columns: transferColumns, Source: "tcp"},
		{Kind: "tcp_socket", Columns: append(slices.Clip(transferColumns), "tcp_state"), Source: "tcp"},
	},
	Sort: "response_p99_ns",
	Columns: []ColumnSpec{
		{Name: "pid", Doc: "process that owns the connection; none when no process touched it"},
		{Name: "comm", Text: true, Doc: "name of the owner's task when it was first seen to use the connection"},
		{Name: "laddr", Text: true, Doc: "local address"},
		{Name: "lport", Doc: "local port"},
		{Name: "raddr", Text: true, Doc: "remote address"},
		{Name: "rport", Doc: "remote port"},
		{Name: "direction", Text: true, Doc: "who opened the connection: active this side, passive the other; unknown when it is older than the recording"},
		{Name: "connect_ns", Unit: unitNS, Doc: "active only: from the first SYN to the end of the handshake or to the failure"},
		{Name: "requests", Unit: unitCount, Doc: "times that an answer began to arrive after the process had sent"},
		{Name: "response_p50_ns", Unit: unitNS, Doc: "from the last byte sent to the first byte that came back: median (nearest rank)"},
		{Name: "response_p99_ns", Unit: unitNS, Doc: "the same, 99th percentile (nearest rank)"},
		{Name: "response_max_ns", Unit: unitNS, Doc: "the same, longest"},
		{Name: "srtt_ns", Unit: unitNS, Doc: "the kernel's smoothed round-trip time at the end, 0 when it has none"},
		{Name: "min_rtt_ns", Unit: unitNS, Doc: "the kernel's least round-trip time, 0 when it has none"},
		{Name: "retransmits", Unit: unitCount, Doc: "segments retransmitted since the connection began"},
		{Name: "tx_bytes", Unit: unitBytes, Doc: "payload bytes sent since the connection began, retransmissions not counted"},
		{Name: "rx_bytes", Unit: unitBytes, Doc: "payload bytes received since the connection began"},
		{Name: "duration_ns", Unit: unitNS, Doc: "from the first SYN (active) or the end of the handshake (passive) to the close or the end of the recording; of a connection older than the recording from its first sight"},
		{Name: "outcome", Text: true, Doc: "closed; closing or open at the end of the recording; refused, timed out, reset, unreachable, or failed with another error"},
	},
	New: newTCPLat,
}

// conn is what is known of one connection.
type conn struct {
	pid          uint32
	comm         string
	laddr, raddr Value
	lport, rport Value
	direction    string
	connect      Value
	responses    latencies
	transfer     [6]Value // srtt to duration, in the order of the table
	ended        bool
	closing      bool // one side had sent its FIN when it was last seen open
	errno        int64
}

type tcpLatPass struct {
	env   *Env
	conns map[uint64]*conn
	order []*conn // by first sight

	id, laddr, lport, raddr, rport, direction, comm, connect, response, errno, state format.Col
	transfer                                                                         [6]format.Col
}

func newTCPLat(env *Env) Pass {
	c := env.Capture
	p := &tcpLatPass{
		env: env, conns: map[uint64]*conn{},
		id: c.Col("conn"), laddr: c.Col("laddr"), lport: c.Col("lport"), raddr: c.Col("raddr"), rport: c.Col("rport"),
		direction: c.Col("direction"), comm: c.Col("comm"), connect: c.Col("connect_ns"),
		response: c.Col("response_ns"), errno: c.Col("error"), state: c.Col("tcp_state"),
	}
	for i, name := range []string{"srtt_ns", "min_rtt_ns", "retransmits", "tx_bytes", "rx_bytes", "duration_ns"} {
		p.transfer[i] = c.Col(name)
	}
	return p
}

func (p *tcpLatPass) Event(e replay.Event) error {
	c := p.conn(e)
	switch e.Kind().Name {
	case "tcp_connect":
		c.connect = e.Uint(p.connect)
		c.errno = e.Int(p.errno)
		c.ended = c.errno != 0
	case "tcp_response":
		c.responses.add(e.Uint(p.response))
	case "tcp_close":
		p.count(c, e)
		c.ended, c.errno = true, e.Int(p.errno)
	case "tcp_socket":
		p.count(c, e)
		c.closing = slices.Contains(closingStates, e.Str(p.state))
	}
	return nil
}

// Begin leaves out connections that ended before the window and responses that
// came before it.
func (p *tcpLatPass) Begin() {
	maps.DeleteFunc(p.conns, func(_ uint64, c *conn) bool { return c.ended })
	p.order = slices.DeleteFunc(p.order, func(c *conn) bool { return c.ended })
	for _, c := range p.order {
		c.responses = latencies{}
	}
}

// conn finds a connection and takes what the event says of its ends and owner.
func (p *tcpLatPass) conn(e replay.Event) *conn {
	id := e.Uint(p.id)
	c := p.conns[id]
	if c == nil {
		c = &conn{direction: "unknown"}
		p.conns[id] = c
		p.order = append(p.order, c)
	}
	if pid := e.PID(); pid != 0 {
		c.pid = pid
	}
	if comm := e.Str(p.comm); comm != "" && c.comm == "" {
		c.comm = comm
	}
	if !e.Null(p.laddr) {
		c.laddr, c.raddr = e.Str(p.laddr), e.Str(p.raddr)
		c.lport, c.rport = e.Uint(p.lport), e.Uint(p.rport)
		c.direction = e.Str(p.direction)
	}
	return c
}

// count takes the kernel's figures; the last ones are the total.
func (p *tcpLatPass) count(c *conn, e replay.Event) {
	for i, col := range p.transfer {
		c.transfer[i] = e.Uint(col)
	}
}

// Tables is one table.
func (p *tcpLatPass) Tables() []Table {
	t := Table{Title: "Connections", Columns: tcplat.Columns}
	folded := 0
	for _, c := range p.order {
		t.Rows = append(t.Rows, c.row())
		folded += boolInt(c.responses.folded())
	}
	if folded > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d of the connections had more than %d responses: their p50 and p99 are within 0.4%%, all other figures are exact.", folded, exactLimit))
	}
	return []Table{t}
}

func (c *conn) row() []Value {
	var pid, comm Value
	if c.pid != 0 {
		pid = uint64(c.pid)
	}
	if c.comm != "" {
		comm = c.comm
	}
	row := []Value{
		pid, comm, c.laddr, c.lport, c.raddr, c.rport, c.direction, c.connect, c.responses.count,
		c.responses.percentile(50), c.responses.percentile(99), c.responses.max(),
	}
	return append(append(row, c.transfer[:]...), c.outcome())
}

// closingStates are those in which a side has said that it will send no more.
var closingStates = []string{"fin_wait1", "fin_wait2", "closing", "last_ack", "time_wait"}

// outcome says how a connection ended, by the socket's error (Linux numbers).
// EPIPE is a reset too: one that came after the peer's FIN.
func (c *conn) outcome() string {
	switch {
	case !c.ended && c.closing:
		return "closing"
	case !c.ended:
		return "open"
	case c.errno == 0:
		return "closed"
	}
	switch replay.Errno(c.errno) {
	case "ECONNREFUSED":
		return "refused"
	case "ETIMEDOUT":
		return "timed out"
	case "ECONNRESET", "EPIPE":
		return "reset"
	case "ENETUNREACH", "EHOSTUNREACH", "EHOSTDOWN", "ENETDOWN":
		return "unreachable"
	}
	return "failed"
}
