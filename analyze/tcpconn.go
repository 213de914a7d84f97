// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var tcpconn = Analysis{
	Name: "tcpconn",
	Doc:  "TCP connects and accepts: how long each took, and which failed",
	Needs: []Need{
		{Kind: "tcp_connect", Columns: append(slices.Clip(endpointColumns), "connect_ns", "error"), Newer: newEndpointColumns, Source: "tcp"},
		{Kind: "tcp_accept", Columns: append(slices.Clip(endpointColumns), "accept_ns"), Newer: newEndpointColumns, Source: "tcp"},
	},
	Sort: "time",
	Columns: slices.Concat([]ColumnSpec{{Name: "time", Unit: unitInstant, Doc: "when it was done: connected or failed, or the accepting process first used the connection"}}, connColumns, []ColumnSpec{
		{Name: "connect_ns", Unit: unitNS, Some: true, Doc: "active: from the first SYN to the end of the handshake or to the failure"},
		{Name: "accept_ns", Unit: unitNS, Some: true, Doc: "passive: from the end of the handshake to the process's first send, receive or close: the time in the accept queue and until the process cared"},
		{Name: "outcome", Text: true, Doc: "connected, accepted; refused, timed out, reset, unreachable, or failed with another error"},
	}),
	Also: []Table{{Title: "By remote address and port", Columns: []ColumnSpec{
		{Name: "raddr", Text: true, Doc: "remote address that was connected to"},
		{Name: "rport", Doc: "remote port"},
		{Name: "connects", Unit: unitCount, Doc: "active opens that were done"},
		{Name: "failed", Unit: unitCount, Doc: "those of them that failed"},
		{Name: "connect_p50_ns", Unit: unitNS, Doc: "of those that did not fail: median (nearest rank)"},
		{Name: "connect_p99_ns", Unit: unitNS, Doc: "of those that did not fail: 99th percentile (nearest rank)"},
		{Name: "connect_max_ns", Unit: unitNS, Doc: "of those that did not fail: longest"},
	}}},
	New: newTCPConn,
}

// remote is whom a connection was opened to.
type remote struct {
	addr string
	port uint64
}

type connects struct {
	latencies
	failed uint64
}

type tcpConnPass struct {
	conns conns
	list  listing
	by    map[remote]*connects

	accept format.Col
}

func newTCPConn(env *Env) Pass {
	return &tcpConnPass{conns: newConns(env), by: map[remote]*connects{}, accept: env.Capture.Col("accept_ns")}
}

// Begin forgets what was before the window.
func (p *tcpConnPass) Begin() { p.list, p.by = listing{}, map[remote]*connects{} }

func (p *tcpConnPass) Event(e replay.Event) error {
	c := p.conns.event(e)
	row := append([]Value{e.Time()}, c.names()...)
	if e.Kind().Name == "tcp_accept" {
		p.list.add(append(row, nil, e.Uint(p.accept), "accepted")...)
		return nil
	}
	outcome := "connected"
	if c.errno != 0 {
		outcome = failure(c.errno)
	}
	p.list.add(append(row, c.connect, nil, outcome)...)
	p.count(c)
	return nil
}

func (p *tcpConnPass) count(c *conn) {
	r := remote{addr: c.remote()}
	r.port, _ = c.rport.(uint64)
	n := p.by[r]
	if n == nil {
		if len(p.by) >= mostNames {
			r = remote{addr: otherNames}
		}
		if n = p.by[r]; n == nil {
			n = &connects{}
			p.by[r] = n
		}
	}
	if c.errno != 0 {
		n.failed++
	} else {
		n.add(c.connect.(uint64))
	}
}

// Tables are the list and the summary.
func (p *tcpConnPass) Tables() []Table {
	by := Table{Title: tcpconn.Also[0].Title, Columns: tcpconn.Also[0].Columns, Own: true}
	remotes := slices.SortedFunc(maps.Keys(p.by), func(a, b remote) int {
		x, y := p.by[a], p.by[b]
		return cmp.Or(cmp.Compare(y.failed+y.count, x.failed+x.count), cmp.Compare(y.failed, x.failed),
			cmp.Compare(y.largest, x.largest), cmp.Compare(y.sum, x.sum), cmp.Compare(a.port, b.port), cmp.Compare(a.addr, b.addr))
	})
	by.Hidden = max(0, len(remotes)-tallyRows)
	folded := false
	for _, r := range remotes[:min(len(remotes), tallyRows)] {
		n := p.by[r]
		folded = folded || n.folded()
		by.Rows = append(by.Rows, []Value{r.addr, r.port, n.failed + n.latencies.count, n.failed, n.percentile(50), n.percentile(99), n.max()})
	}
	if folded {
		by.Notes = append(by.Notes, foldedNote("connects"))
	}
	return []Table{p.list.table("Connects and accepts", tcpconn.Columns, "tcp_connect,tcp_accept"), by}
}
