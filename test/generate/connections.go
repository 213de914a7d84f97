// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"net/netip"

	"github.com/ebrec/ebrec/format"
)

const (
	connectOnceIn = 5000 // slices
	mostResponses = 40
)

// connection is a TCP connection that a task opened.
type connection struct {
	id, opened, responses uint64
	left                  int // responses to come
	server                int
}

// talk opens a task's connection now and then, and uses it.
func (m *machine) talk(t *task, now, ends uint64) error {
	at := now + (ends-now)/5*4
	switch c := t.conn; {
	case c == nil && m.oneIn(connectOnceIn):
		return m.connect(t, at)
	case c == nil || m.oneIn(2):
		return nil
	case c.left == 0:
		t.conn = nil
		return m.out.endpoint("tcp_close", t, c, at, transfer(c, at))
	default:
		c.left--
		c.responses++
		return m.out.response(t, c, at, 60_000+m.about(300_000))
	}
}

func (m *machine) connect(t *task, at uint64) error {
	took := 40_000 + m.about(200_000)
	m.connections++
	t.conn = &connection{id: m.connections, opened: at - took, left: m.random.IntN(mostResponses), server: m.random.IntN(200)}
	return m.out.endpoint("tcp_connect", t, t.conn, at, map[string]any{"connect_ns": took})
}

// open writes the connections that outlive the recording.
func (m *machine) open(at uint64) error {
	for i := range m.residents {
		t := &m.residents[i]
		if t.conn == nil {
			continue
		}
		end := transfer(t.conn, at)
		end["tcp_state"] = "established"
		if err := m.out.endpoint("tcp_socket", t, t.conn, at, end); err != nil {
			return err
		}
	}
	return nil
}

// transfer is the connection's figures as the kernel would have them.
func transfer(c *connection, at uint64) map[string]any {
	return map[string]any{
		"tx_bytes": 120 * c.responses, "rx_bytes": 1400 * c.responses, "srtt_ns": 50_000, "min_rtt_ns": 35_000, "duration_ns": at - c.opened,
	}
}

// endpoint is an event of a connection, or how it was found at the end.
func (o *output) endpoint(kind string, t *task, c *connection, at uint64, more map[string]any) error {
	values := map[string]any{
		format.ColumnTime: at, format.ColumnPID: t.pid, format.ColumnTID: t.tid, "comm": t.comm, "conn": c.id,
		"laddr": address(1), "raddr": address(c.server + 2), "lport": 32768 + int(c.id%28000), "rport": []int{443, 5432, 6379}[c.server%3],
		"direction": "active",
	}
	maps.Copy(values, more)
	if kind == "tcp_socket" {
		return o.read(kind, values)
	}
	values[format.ColumnCPU] = t.cpu
	return o.happen(kind, values)
}

func address(host int) []byte {
	a := netip.AddrFrom4([4]byte{10, 0, 0, byte(host)}).As16()
	return a[:]
}

func (o *output) response(t *task, c *connection, at, took uint64) error {
	return o.add(o.answer.fill(at, uint64(t.cpu), uint64(t.pid), uint64(t.tid), c.id, took))
}
