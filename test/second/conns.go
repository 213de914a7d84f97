// SPDX-License-Identifier: Apache-2.0

package second

import (
	"cmp"
	"slices"
)

// connKinds are the rows that say which connections there are.
var connKinds = []string{"tcp_connect", "tcp_accept", "tcp_close", "tcp_socket", "tcp_reset"}

// told is a connection as rows up to the end of a span tell of it.
type told struct {
	id    uint64
	rows  []*event
	first int64 // when a row had it first
	ended *event
}

// connections are those of some kinds of rows that had not ended before the span, in
// the order of their first rows.
func (r *recording) connections(kinds ...string) (all []*told) {
	for _, e := range r.of(kinds...) {
		i := slices.IndexFunc(all, func(c *told) bool { return c.id == e.n("conn") })
		if i < 0 {
			i = len(all)
			all = append(all, &told{id: e.n("conn"), first: e.at})
		}
		all[i].rows = append(all[i].rows, e)
		if e.kind == "tcp_close" || e.kind == "tcp_connect" && e.i("error") != 0 {
			all[i].ended = e
		}
	}
	return slices.DeleteFunc(all, func(c *told) bool { return c.ended != nil && c.ended.at <= r.from })
}

// last is the last row of some kinds; nil: none.
func (c *told) last(kinds ...string) *event {
	for _, e := range slices.Backward(c.rows) {
		if slices.Contains(kinds, e.kind) {
			return e
		}
	}
	return nil
}

// hasEnds are the kinds of rows with both ends.
var hasEnds = []string{"tcp_connect", "tcp_accept", "tcp_close", "tcp_socket"}

// owner is the row that tells first whose a connection is: those of reads and replies
// are of whoever read and sent. nil: none does.
func (c *told) owner() *event {
	for _, e := range c.rows {
		if e.n("pid") != 0 && e.kind != "tcp_read" && e.kind != "tcp_reply" {
			return e
		}
	}
	return nil
}

// names are the cells that name a connection.
func (c *told) names() []any {
	row := []any{nil, nil, nil, nil, nil, nil, "unknown", nil}
	if e := c.owner(); e != nil {
		row[0] = e.n("pid")
	}
	for _, e := range c.rows {
		if name := e.s("comm"); name != "" {
			row[1] = name
			break
		}
	}
	if e := c.last(hasEnds...); e != nil {
		copy(row[2:], []any{e.s("laddr"), e.n("lport"), e.s("raddr"), e.n("rport"), e.s("direction")})
		if of := e.s("socket_of"); of != "process" {
			row[7] = of
		}
	}
	return row
}

// named tells whether anything says whose or between whom a connection is.
func (c *told) named() bool { return c.owner() != nil || c.last(hasEnds...) != nil }

// failed tells whether it never became one.
func (c *told) failed() bool { return c.ended != nil && c.ended.kind == "tcp_connect" }

// figures is the row that told the kernel's figures last; nil: none did.
func (c *told) figures() *event { return c.last("tcp_close", "tcp_socket") }

// near is how close to the beginning or the end of a span figures are taken for those
// of then.
const near = 250_000_000

// settled tells whether the figures are those of the end of the span: the connection
// closed, or was listed shortly before.
func (c *told) settled(r *recording) bool {
	e := c.figures()
	return e != nil && (c.ended != nil || r.last()-e.at <= near)
}

// began is when a connection began; known: it was seen to.
func (c *told) began() (at int64, known bool) {
	for _, e := range c.rows {
		switch e.kind {
		case "tcp_connect":
			return e.at - int64(e.n("connect_ns")), true
		case "tcp_accept":
			return e.at - int64(e.n("accept_ns")), true
		case "tcp_close", "tcp_socket":
			return e.at - int64(e.n("duration_ns")), e.s("direction") != "unknown"
		}
	}
	return 0, false
}

// connGroup is what the connections of a row have in common.
type connGroup struct {
	by    string
	conns []*told
}

// grouped are the rows of connections, in any order.
func (r *recording) grouped(all []*told, by string) (groups []*connGroup) {
	keys := map[any]*connGroup{}
	for _, c := range all {
		k := any(c)
		row := c.names()
		switch by {
		case "process":
			k = identity{}
			if e := c.owner(); e != nil {
				id, known := r.who(e.id("pid"), e.at)
				if !known {
					id = identity{tid: e.id("pid")}
				}
				k = id
			}
		case "remote":
			k = row[4]
		case "port":
			k = port(row)
		}
		if keys[k] == nil {
			keys[k] = &connGroup{by: by}
			groups = append(groups, keys[k])
		}
		keys[k].conns = append(keys[k].conns, c)
	}
	return groups
}

// port is the one that was connected to.
func port(row []any) any {
	local, known := row[3].(uint64)
	if !known {
		return nil
	}
	remote := row[5].(uint64)
	switch row[6] {
	case "active":
		return remote
	case "passive":
		return local
	}
	return min(local, remote)
}

// cells are those that say what a row is of.
func (g *connGroup) cells() []any {
	row := make([]any, 10)
	names := g.conns[0].names()
	switch g.by {
	case "connection":
		copy(row, names)
		return row
	case "process":
		row[0] = names[0]
		for _, c := range slices.Backward(g.conns) {
			row[1] = cmp.Or(c.names()[1], row[1])
		}
	case "remote":
		if row[4] = names[4]; row[4] == nil {
			row[4] = "-"
		}
	case "port":
		row[8] = port(names)
	}
	row[9] = uint64(len(g.conns))
	return row
}

// failures are what errors mean, as far as they are generated.
var failures = map[int64]string{32: "reset", 99: "failed", 101: "unreachable", 104: "reset", 110: "timed out", 111: "refused", 113: "unreachable", 125: "failed"}

// outcome is how a connection ended.
func (c *told) outcome() string {
	listed := c.last("tcp_socket")
	switch {
	case c.last(hasEnds...) == nil:
		return "unknown"
	case c.ended == nil && listed != nil && slices.Contains([]string{"fin_wait1", "fin_wait2", "closing", "last_ack", "time_wait"}, listed.s("tcp_state")):
		return "closing"
	case c.ended == nil:
		return "open"
	case c.ended.i("error") != 0:
		return failures[c.ended.i("error")]
	case c.aborted():
		return "reset"
	}
	return "closed"
}

// aborted tells whether this side reset a connection.
func (c *told) aborted() bool {
	return slices.ContainsFunc(c.rows, func(e *event) bool { return e.kind == "tcp_reset" && e.s("reset_from") == "local" })
}
