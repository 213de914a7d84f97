// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ebrec/ebrec/format"
)

const endsTitle = "Both ends"

// endsColumns are those of the table of connections that two captures have from
// either end. Durations are averages over the turns.
var endsColumns = slices.Concat(connColumns, []ColumnSpec{
	{Name: "server_pid", Doc: "process at the other end, where that was recorded"},
	{Name: "server_comm", Text: true, Doc: "its name"},
	{Name: "turns", Unit: unitCount, Doc: "requests that the client had an answer to"},
	{Name: "response_average_ns", Unit: unitNS, Doc: "client: from the last byte sent to the first byte that came back"},
	{Name: "network_average_ns", Unit: unitNS, Some: true, Doc: "of that what was spent neither in the server's read nor in its answer: on the way there and back; none where the server's capture has no reads or no answers"},
	{Name: "server_read_average_ns", Unit: unitNS, Some: true, Doc: "of that at the server: from the first byte that arrived to the first read of it"},
	{Name: "server_think_average_ns", Unit: unitNS, Some: true, Doc: "of that at the server: from that read to the end of the send of the answer"},
	{Name: "client_read_average_ns", Unit: unitNS, Some: true, Doc: "client: from the first byte of the answer to the first read of it"},
})

// ends names a connection from one side.
type ends struct {
	laddr, raddr string
	lport, rport uint64
}

func (e ends) mirrored() ends { return ends{e.raddr, e.laddr, e.rport, e.lport} }

func (c *conn) ends() (ends, bool) {
	if c.laddr == nil {
		return ends{}, false
	}
	return ends{c.laddr.(string), c.raddr.(string), c.lport.(uint64), c.rport.(uint64)}, true
}

// other reads the capture of the other side and returns the table of both ends, and
// those of the clocks where they were asked for.
func (p *tcpLatPass) other(ctx context.Context, c *format.Capture, o Options) ([]Table, error) {
	o.Other, o.Progress = nil, nil
	_, pass, err := pass(ctx, c, &tcplat, o)
	if err != nil {
		return nil, err
	}
	there := pass.(*tcpLatPass)
	t := Table{Title: endsTitle, Columns: endsColumns, Own: true}
	clocks := clocksOf(p, there)
	clock := alignmentOf(clocks)
	unmatched := p.match(there, &t, clock) + there.match(p, &t, clock.reversed())
	slices.SortStableFunc(t.Rows, func(a, b []Value) int { return -compareNumbers(a[len(connColumns)+3], b[len(connColumns)+3]) })
	if unmatched > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d connections that one side opened are not in the other capture under the same addresses and ports at that time.", unmatched))
	}
	t.Cut(cmp.Or(o.Top, tallyRows))
	switch {
	case clocks == nil && o.Align:
		return nil, &ClocksError{p.env.Capture.Path(), c.Path()}
	case clocks == nil:
	case o.Align:
		return append([]Table{t}, clocks.tables(o.Top)...), nil
	case clocks.note() != "":
		t.Notes = append(t.Notes, clocks.note())
	}
	return []Table{t}, nil
}

// A ClocksError says that nothing tells what the clocks of two captures differ by.
type ClocksError struct{ Path, Other string }

func (e *ClocksError) Error() string {
	return fmt.Sprintf("align %s and %s: no handshake is in both, with the round trip that the server measured", e.Path, e.Other)
}

// match adds the connections that were opened here and accepted there.
func (p *tcpLatPass) match(there *tcpLatPass, t *Table, clock alignment) (unmatched int) {
	opened, accepted := map[ends][]*conn{}, map[ends][]*conn{}
	for _, c := range p.conns.order {
		if e, ok := c.ends(); ok && c.direction == "active" && c.connectErrno == 0 {
			opened[e] = append(opened[e], c)
		}
	}
	for _, c := range there.conns.order {
		if e, ok := c.ends(); ok && c.direction == "passive" {
			accepted[e.mirrored()] = append(accepted[e.mirrored()], c)
		}
	}
	for _, c := range p.conns.order {
		e, ok := c.ends()
		if !ok || c.direction != "active" || p.of(c).responses.count == 0 {
			continue
		}
		server := clock.partner(c, opened[e], accepted[e])
		if server == nil {
			unmatched++
			continue
		}
		t.Rows = append(t.Rows, endsRow(c, p.of(c), server, there.of(server)))
	}
	return unmatched
}

// alignment is the server's clock less the client's, and how far off that may be.
type alignment struct {
	shift, within int64
	known         bool // handshakes tell; else both are taken to be right within a second
}

// unaligned is how far apart clocks are of which no handshake tells.
const unaligned = int64(time.Second)

func alignmentOf(c *clocks) alignment {
	if c == nil {
		return alignment{within: unaligned}
	}
	return alignment{c.offset(), int64(min(c.residual(), math.MaxInt64/4)), true}
}

func (a alignment) reversed() alignment { return alignment{-a.shift, a.within, a.known} }

// partner is the connection that a client's is at the server, among those of the same
// addresses and ports, which may be used again: the one whose handshake ended next to its
// own, when that one has none that is nearer either. nil: none can be, or nobody knows.
func (a alignment) partner(c *conn, clients, servers []*conn) *conn {
	s := a.nearest(servers, func(s *conn) (*conn, *conn) { return c, s })
	if len(clients) == 1 && len(servers) == 1 && !a.known {
		return servers[0]
	}
	if s == nil || a.nearest(clients, func(other *conn) (*conn, *conn) { return other, s }) != c {
		return nil
	}
	return s
}

// nearest is the one of several connections that is nearest to another by the end of
// the handshake; pair says which of two is the client's, and which the server's.
func (a alignment) nearest(all []*conn, pair func(*conn) (client, server *conn)) (best *conn) {
	least := uint64(math.MaxUint64)
	for _, one := range all {
		client, server := pair(one)
		apart, ok := a.apart(client, server)
		switch {
		case !ok || apart > least:
		case apart == least:
			best = nil // either
		default:
			best, least = one, apart
		}
	}
	return best
}

// apart is by how much the ends of two handshakes differ; ok: they may be one, whose
// last segment may have come late, but not before it was sent nor after the end.
func (a alignment) apart(client, server *conn) (ns uint64, ok bool) {
	here, there := client.handshakeEnd(), server.handshakeEnd()-a.shift
	took, _ := client.connect.(uint64)
	if here == 0 || server.handshakeEnd() == 0 || there < here-int64(min(took, math.MaxInt64/4))-a.within || client.ended && there > client.at+a.within {
		return 0, false
	}
	return absolute(here, there), true
}

// absolute is the difference of two instants.
func absolute(a, b int64) uint64 {
	if a < b {
		return uint64(b) - uint64(a)
	}
	return uint64(a) - uint64(b)
}

// handshakeEnd is when a connection began to be one; 0: not known.
func (c *conn) handshakeEnd() int64 {
	switch {
	case c.connectedAt != 0:
		return c.connectedAt
	case c.established != 0:
		return c.established
	case c.told != 0 && c.direction == "passive":
		return c.told - int64(min(c.last[durationAt], uint64(max(0, c.told))))
	}
	return 0
}

func endsRow(client *conn, c *turns, server *conn, s *turns) []Value {
	response, names := c.responses.average(), server.names()
	var network Value
	if s.reads.count > 0 && s.thinks.count > 0 {
		network = response - min(response, s.reads.average()+s.thinks.average())
	}
	return append(client.names(), names[0], names[1], c.responses.count,
		response, network, s.reads.typical(), s.thinks.typical(), c.reads.typical())
}
