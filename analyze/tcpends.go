// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"fmt"
	"slices"

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
	{Name: "network_average_ns", Unit: unitNS, Doc: "of that what was spent neither in the server's read nor in its answer: on the way there and back"},
	{Name: "server_read_average_ns", Unit: unitNS, Doc: "of that at the server: from the first byte that arrived to the first read of it"},
	{Name: "server_think_average_ns", Unit: unitNS, Doc: "of that at the server: from that read to the end of the send of the answer"},
	{Name: "client_read_average_ns", Unit: unitNS, Doc: "client: from the first byte of the answer to the first read of it"},
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
	unmatched := p.match(there, &t) + there.match(p, &t)
	slices.SortStableFunc(t.Rows, func(a, b []Value) int { return -compareNumbers(a[len(connColumns)+3], b[len(connColumns)+3]) })
	if unmatched > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d connections that one side opened are not in the other capture under the same addresses and ports.", unmatched))
	}
	t.Cut(cmp.Or(o.Top, tallyRows))
	clocks := clocksOf(p, there)
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

// match adds the connections that were opened here and accepted there. Those that
// had the same addresses and ports one after the other are matched in order.
func (p *tcpLatPass) match(there *tcpLatPass, t *Table) (unmatched int) {
	accepted := map[ends][]*conn{}
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
		if len(accepted[e]) == 0 {
			unmatched++
			continue
		}
		server := accepted[e][0]
		accepted[e] = accepted[e][1:]
		t.Rows = append(t.Rows, endsRow(c, p.of(c), server, there.of(server)))
	}
	return unmatched
}

func endsRow(client *conn, c *turns, server *conn, s *turns) []Value {
	response, read, think := c.responses.average(), s.reads.average(), s.thinks.average()
	names := server.names()
	return append(client.names(), names[0], names[1], c.responses.count,
		response, response-min(response, read+think), read, think, c.reads.average())
}
