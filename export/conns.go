// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// conns are the connections that are open, and those that closed last.
type conns struct {
	byID   map[uint64]*conn
	closed []uint64
}

// latelyClosed is how many connections are known after their end: rows about
// them may follow.
const latelyClosed = 1024

// conn is a TCP connection.
type conn struct {
	id      uint64
	name    string
	pid     uint32
	known   bool // its ends are
	lane    *lane
	parts   map[string]*lane
	pending []mark // of its first moments, when nobody knew what it is
}

// mostPending is how many marks wait for the ends of a connection.
const mostPending = 16

func newConns() conns { return conns{byID: map[uint64]*conn{}} }

// learnSockets finds the ends of connections that are older than the recording,
// and were only listed when it ended.
func (s *story) learnSockets() error {
	if s.capture.Kind("tcp_socket") == nil {
		return nil
	}
	sel := replay.Select{Kinds: []string{"tcp_socket"}, Columns: []format.Col{s.col("conn"), s.col("laddr"), s.col("lport"), s.col("raddr"), s.col("rport"), s.col("direction")}}
	for e, err := range replay.New(s.capture).Events(sel) {
		if err != nil {
			return err
		}
		s.connOf(e)
	}
	return nil
}

// connOf is the connection that a row is about.
func (s *story) connOf(e replay.Event) *conn {
	id := e.Uint(s.col("conn"))
	c := s.byID[id]
	if c == nil {
		c = &conn{id: id, name: fmt.Sprintf("tcp connection %d", id), parts: map[string]*lane{}}
		s.byID[id] = c
	}
	if c.pid == 0 {
		c.pid = e.PID()
	}
	if !c.known && !e.Null(s.col("laddr")) {
		arrow := map[string]string{"active": "->", "passive": "<-"}[e.Str(s.col("direction"))]
		if arrow == "" {
			arrow = "<->"
		}
		c.known, c.name = true, fmt.Sprintf("tcp %s %s %s", s.endpoint(e, "laddr", "lport"), arrow, s.endpoint(e, "raddr", "rport"))
	}
	return c
}

func (s *story) endpoint(e replay.Event, addr, port string) string {
	text, n := e.Str(s.col(addr)), uint16(e.Uint(s.col(port)))
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, n).String()
	}
	return fmt.Sprintf("%s:%d", text, n)
}

// show gives a connection its lane, below its process, and tells what waited for
// that.
func (s *story) show(c *conn, at int64) error {
	if c.lane != nil {
		return nil
	}
	process, err := s.laneOf(c.pid, at)
	if process == nil {
		process = s.root("tcp connections of no process")
	}
	c.lane = s.newLane(c.name, process)
	for _, m := range c.pending {
		m.lane = c.lane
		err = errors.Join(err, s.sink.tell(m))
	}
	c.pending = nil
	return err
}

// connLane is the connection of a row, with its lane.
func (s *story) connLane(e replay.Event) (*conn, error) {
	c := s.connOf(e)
	return c, s.show(c, e.Time())
}

// part is a lane below the connection's.
func (s *story) part(c *conn, name string) *lane {
	l := c.parts[name]
	if l == nil {
		l = s.newLane(name, c.lane)
		c.parts[name] = l
	}
	return l
}

// partOf tells of a part of a connection that ended with a row.
func (s *story) partOf(e replay.Event, part, column string, args ...arg) error {
	c, err := s.connLane(e)
	if err != nil {
		return err
	}
	return s.span(s.part(c, part), part, e, e.Uint(s.col(column)), args...)
}

func (s *story) connect(e replay.Event) error {
	errno := e.Int(s.col("error"))
	if errno == 0 {
		return s.partOf(e, "connect", "connect_ns")
	}
	return errors.Join(s.partOf(e, "connect", "connect_ns", arg{"error", replay.Errno(errno)}), s.forget(e))
}

func (s *story) accept(e replay.Event) error { return s.partOf(e, "accept", "accept_ns") }

// turn is a part of a request and its response.
func (s *story) turn(e replay.Event) error {
	switch e.Kind().Name {
	case "tcp_read":
		return s.partOf(e, "read", "read_ns")
	case "tcp_reply":
		return s.partOf(e, "think", "think_ns")
	}
	return s.partOf(e, "response", "response_ns")
}

// close tells of the whole life of a connection.
func (s *story) close(e replay.Event) error {
	c, err := s.connLane(e)
	if err != nil {
		return err
	}
	return errors.Join(s.span(c.lane, "connection", e, e.Uint(s.col("duration_ns")), s.figures(e)...), s.forget(e))
}

// socket is a connection that is still open.
func (s *story) socket(e replay.Event) error {
	c, err := s.connLane(e)
	if err != nil {
		return err
	}
	return s.sink.tell(mark{lane: c.lane, name: "open", at: e.Time(), args: s.figures(e)})
}

// figures are what the kernel counted of a connection.
func (s *story) figures(e replay.Event) (args []arg) {
	for _, name := range []string{"tx_bytes", "rx_bytes"} {
		args = append(args, arg{name, e.Uint(s.col(name))})
	}
	if errno := e.Int(s.col("error")); errno != 0 {
		args = append(args, arg{"error", replay.Errno(errno)})
	}
	return args
}

// about tells of something that happened to a connection.
func (s *story) about(e replay.Event, name string, args ...arg) error {
	c, m := s.connOf(e), mark{name: name, at: e.Time(), args: args}
	if c.lane == nil && !c.known && len(c.pending) < mostPending {
		c.pending = append(c.pending, m)
		return nil
	}
	err := s.show(c, e.Time())
	m.lane = c.lane
	return errors.Join(err, s.sink.tell(m))
}

// showAll tells what still waits when the recording ends.
func (s *story) showAll() (err error) {
	for _, id := range slices.Sorted(maps.Keys(s.byID)) {
		if c := s.byID[id]; len(c.pending) > 0 {
			err = errors.Join(err, s.show(c, s.until))
		}
	}
	return err
}

// rtt tells of a round-trip time, which holds until the next.
func (s *story) rtt(e replay.Event) error {
	c, err := s.connLane(e)
	l := s.part(c, "srtt")
	l.unit = "ns"
	return errors.Join(err, s.sink.tell(level{l, e.Time(), float64(e.Uint(s.col("srtt_ns")))}))
}

// fold tells of turns that were counted instead of recorded one by one.
func (s *story) fold(e replay.Event) error {
	return s.about(e, "folded turns", arg{"part", e.Str(s.col("turn_part"))}, arg{"turns", e.Uint(s.col("turns"))}, arg{"sum_ns", e.Uint(s.col("sum_ns"))})
}

func (s *story) retransmit(e replay.Event) error {
	return s.about(e, "retransmit", arg{"segments", e.Uint(s.col("segments"))}, arg{"payload_bytes", e.Uint(s.col("payload_bytes"))})
}

func (s *story) reset(e replay.Event) error {
	return s.about(e, "reset", arg{"reset_from", e.Str(s.col("reset_from"))})
}

func (s *story) stateChange(e replay.Event) error {
	return s.about(e, "state", arg{"from_state", e.Str(s.col("from_state"))}, arg{"tcp_state", e.Str(s.col("tcp_state"))})
}

// forget notes that a connection closed, and forgets the one that did so longest
// ago.
func (s *story) forget(e replay.Event) (err error) {
	s.closed = append(s.closed, e.Uint(s.col("conn")))
	if len(s.closed) <= latelyClosed {
		return nil
	}
	if c := s.byID[s.closed[0]]; c != nil && len(c.pending) > 0 {
		err = s.show(c, e.Time())
	}
	delete(s.byID, s.closed[0])
	s.closed = append(s.closed[:0], s.closed[1:]...)
	return err
}
