// SPDX-License-Identifier: Apache-2.0

package second

import (
	"cmp"
	"math"
	"slices"
)

// pair is the two captures of both ends of connections.
type pair struct{ here, there *recording }

// endpoint is a connection with what matching it takes.
type endpoint struct {
	*told
	r    *recording
	ends [4]any
	at   int64 // when its handshake ended; 0: not known
	took int64 // connecting
	rtt  int64 // of the handshake, as the server's kernel measured it; 0: it did not
}

// endpoints are those of connections that one side opened (active), or accepted.
func endpoints(r *recording, active bool) (all []*endpoint) {
	for _, c := range r.connections(latKinds...) {
		names := c.names()
		if names[2] == nil || (names[6] != "active") == active || names[6] == "unknown" || c.failed() {
			continue
		}
		p := &endpoint{told: c, r: r, ends: [4]any{names[2], names[3], names[4], names[5]}}
		if e := c.last("tcp_connect"); e != nil && active {
			p.at, p.took = e.at, int64(e.n("connect_ns"))
		}
		if e := c.figures(); e != nil && !active {
			p.at = e.at - int64(e.n("duration_ns"))
		}
		if e := c.last("tcp_accept"); e != nil {
			p.at, p.rtt = e.at-int64(e.n("accept_ns")), int64(e.n("srtt_ns"))
		}
		all = append(all, p)
	}
	return all
}

// same are the endpoints of the same addresses and ports.
func same(all []*endpoint, ends [4]any) (some []*endpoint) {
	for _, p := range all {
		if p.ends == ends {
			some = append(some, p)
		}
	}
	return some
}

// mirrored are the ends as the other side has them.
func (p *endpoint) mirrored() [4]any { return [4]any{p.ends[2], p.ends[3], p.ends[0], p.ends[1]} }

// shake is a handshake that both captures have.
type shake struct {
	client                   *endpoint
	begun, done, sent, ended int64
	here                     bool // the client is in this capture
}

// shakes are those of connections that one capture opened and the other accepted, where
// no other had their addresses and ports.
func shakes(client, server *recording, here bool) (all []shake) {
	opened, accepted := endpoints(client, true), endpoints(server, false)
	tried := tries(client)
	for _, c := range opened {
		servers := same(accepted, c.mirrored())
		if tried[c.ends] == 1 && len(servers) == 1 && c.at != 0 && servers[0].rtt != 0 {
			s := servers[0]
			all = append(all, shake{c, c.at - c.took, c.at, s.at - s.rtt, s.at, here})
		}
	}
	return all
}

// tries counts connections of the same ends that were opened, those that failed too.
func tries(r *recording) map[[4]any]int {
	n := map[[4]any]int{}
	for _, c := range r.connections(latKinds...) {
		if names := c.names(); names[6] == "active" {
			n[[4]any{names[2], names[3], names[4], names[5]}]++
		}
	}
	return n
}

// clocks are what the two clocks differ by.
type clocks struct {
	shakes           []shake
	low, high, drift int64
}

// clocks finds it: what is sent comes later, and rows are put 50 us apart.
func (p pair) clocks() clocks {
	c := clocks{shakes: append(shakes(p.here, p.there, true), shakes(p.there, p.here, false)...), low: math.MinInt64, high: math.MaxInt64}
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for _, s := range c.shakes {
		low, high := s.sent-50_000-s.done, min(s.sent-s.begun, s.ended-s.done)
		if !s.here {
			low, high = -high, -low
		}
		c.low, c.high = max(c.low, low), min(c.high, high)
		least, most = min(least, low), max(most, high)
	}
	if len(c.shakes) > 0 && c.low > c.high {
		c.drift, c.low, c.high = c.low-c.high, least, most
	}
	return c
}

func (c *clocks) offset() int64   { return c.low + (c.high-c.low)/2 }
func (c *clocks) residual() int64 { return (c.high - c.low + 1) / 2 }

// clocksTable is what they differ by.
func (p pair) clocksTable() [][]any {
	c := p.clocks()
	return [][]any{{uint64(len(c.shakes)), c.offset(), c.low, c.high, uint64(c.residual()), uint64(c.drift)}}
}

// shakesTable is how long segments were on their way.
func (p pair) shakesTable() (rows [][]any) {
	c := p.clocks()
	for _, s := range c.shakes {
		at, shift := s.begun, c.offset()
		if !s.here {
			at, shift = at-shift, -shift
		}
		rows = append(rows, append(append([]any{at}, s.client.names()...), s.sent-shift-s.begun, s.done-(s.sent-shift), s.ended-shift-s.done))
	}
	return rows
}

// both are connections by their two ends.
func (p pair) both() [][]any {
	c := p.clocks()
	shift, within := c.offset(), c.residual()
	known := len(c.shakes) > 0
	if !known {
		shift, within = 0, 1_000_000_000
	}
	return append(matched(p.here, p.there, shift, within, known), matched(p.there, p.here, -shift, within, known)...)
}

// matched are those that one capture opened and the other accepted.
func matched(client, server *recording, shift, within int64, known bool) (rows [][]any) {
	opened, accepted := endpoints(client, true), endpoints(server, false)
	apart := func(c, s *endpoint) (int64, bool) {
		at := s.at - shift
		if c.at == 0 || s.at == 0 || at < c.at-c.took-within || c.ended != nil && at > c.ended.at+within {
			return 0, false
		}
		return max(at-c.at, c.at-at), true
	}
	for _, c := range opened {
		clients, servers := same(opened, c.ends), same(accepted, c.mirrored())
		s := nearest(servers, func(s *endpoint) (int64, bool) { return apart(c, s) })
		if s != nil && nearest(clients, func(o *endpoint) (int64, bool) { return apart(o, s) }) != c {
			s = nil
		}
		if len(clients) == 1 && len(servers) == 1 && !known { // whatever the clocks say
			s = servers[0]
		}
		if row := c.row(s); row != nil {
			rows = append(rows, row)
		}
	}
	return rows
}

// nearest is the one that is least apart; nil: none may be it, or two are equally far.
func nearest(all []*endpoint, apart func(*endpoint) (int64, bool)) *endpoint {
	may := slices.DeleteFunc(slices.Clone(all), func(p *endpoint) bool { _, ok := apart(p); return !ok })
	slices.SortFunc(may, func(a, b *endpoint) int {
		x, _ := apart(a)
		y, _ := apart(b)
		return cmp.Compare(x, y)
	})
	if len(may) == 0 {
		return nil
	}
	if len(may) > 1 {
		x, _ := apart(may[0])
		if y, _ := apart(may[1]); x == y {
			return nil
		}
	}
	return may[0]
}

// row is that of a client's connection and its server's; nil: it has none.
func (p *endpoint) row(s *endpoint) []any {
	times := func(p *endpoint, kind, column, part string) durations {
		return (&connGroup{conns: []*told{p.told}}).times(p.r, kind, column, part)
	}
	responses := times(p, "tcp_response", "response_ns", "response")
	if s == nil || len(responses) == 0 {
		return nil
	}
	names := s.names()
	response := responses.average().(uint64)
	read, think := times(s, "tcp_read", "read_ns", "read").average(), times(s, "tcp_reply", "think_ns", "think").average()
	network := any(nil)
	if read != nil && think != nil {
		network = response - min(response, read.(uint64)+think.(uint64))
	}
	return append(p.names(), names[0], names[1], uint64(len(responses)), response, network, read, think, times(p, "tcp_read", "read_ns", "read").average())
}
