// SPDX-License-Identifier: Apache-2.0

package second

import "slices"

// happened are rows of one kind within the span, each with the names of its connection,
// of which rows of the other kinds may tell, too.
func (r *recording) happened(kind string, kinds []string, rest func(e *event) []any) (rows [][]any) {
	for _, c := range r.connections(append([]string{kind}, kinds...)...) {
		for _, e := range c.rows {
			if e.kind == kind && r.counts(e.at) {
				rows = append(rows, append(append([]any{e.at}, c.names()...), rest(e)...))
			}
		}
	}
	return rows
}

// retransKinds are the rows that tcpretrans is made of.
var retransKinds = append([]string{"tcp_retransmit"}, connKinds...)

// tcpretrans are segments that were sent again.
func tcpretrans(r *recording, _ string) [][]any {
	return r.happened("tcp_retransmit", connKinds, func(e *event) []any { return []any{e.s("tcp_state"), e.n("segments"), e.n("payload_bytes")} })
}

// resets are connections that were reset.
func resets(r *recording, _ string) [][]any {
	return r.happened("tcp_reset", retransKinds, func(e *event) []any { return []any{e.s("tcp_state"), e.s("reset_from")} })
}

// sentAgain is what connections sent again.
func sentAgain(r *recording, _ string) (rows [][]any) {
	for _, c := range r.connections(retransKinds...) {
		segments, bytes := uint64(0), uint64(0)
		for _, e := range c.rows {
			if e.kind == "tcp_retransmit" && r.counts(e.at) {
				segments, bytes = segments+e.n("segments"), bytes+e.n("payload_bytes")
			}
		}
		unseen := c.unseenAgain(r)
		if segments > 0 || unseen != nil && unseen != uint64(0) {
			rows = append(rows, append(c.names(), segments, bytes, c.figure(r, "segments_out"), unseen))
		}
	}
	return rows
}

// unseenAgain is how many of the segments that the kernel counts as sent again no row
// tells of, between the two rows that tell its counts; nil: they are not known.
func (c *told) unseenAgain(r *recording) any {
	base, known := c.base(r)
	if !known || !c.settled(r) {
		return nil
	}
	last := c.figures()
	counted, rows := last.n("retransmits"), c.rows
	if base != nil {
		counted, rows = counted-base.n("retransmits"), rows[slices.Index(rows, base):]
	}
	for _, e := range rows {
		if e == last {
			break
		}
		if e.kind == "tcp_retransmit" {
			counted -= min(counted, e.n("segments"))
		}
	}
	return counted
}

// figure is one of the kernel's of the end of the span; nil: it is not known.
func (c *told) figure(r *recording, name string) any {
	if !c.settled(r) {
		return nil
	}
	return c.figures().n(name)
}

// tcpstates are changes of state.
func tcpstates(r *recording, _ string) [][]any {
	return r.happened("tcp_state_change", connKinds, func(e *event) []any { return []any{e.s("from_state"), e.s("tcp_state"), e.n("state_ns")} })
}

// byState is how long connections were in each state.
func byState(r *recording, _ string) (rows [][]any) {
	changes, in := map[string]uint64{}, map[string]durations{}
	for _, e := range r.of("tcp_state_change") {
		if from := e.s("from_state"); r.counts(e.at) {
			if changes[from]++; e.n("state_ns") > 0 {
				in[from] = append(in[from], e.n("state_ns"))
			}
		}
	}
	for from, n := range changes {
		rows = append(rows, []any{from, n, in[from].rank(50), in[from].rank(99), in[from].rank(100)})
	}
	return rows
}

// tcpconn are connects and accepts.
func tcpconn(r *recording, _ string) (rows [][]any) {
	for _, e := range r.of("tcp_connect", "tcp_accept") {
		if !r.counts(e.at) {
			continue
		}
		row := append([]any{e.at}, (&told{rows: []*event{e}}).names()...)
		if e.kind == "tcp_accept" {
			rows = append(rows, append(row, nil, e.n("accept_ns"), "accepted"))
			continue
		}
		outcome, bad := failures[e.i("error")]
		if !bad {
			outcome = "connected"
		}
		rows = append(rows, append(row, e.n("connect_ns"), nil, outcome))
	}
	return rows
}

// byRemote are connects by where they went.
func byRemote(r *recording, _ string) (rows [][]any) {
	type remote struct {
		addr string
		port uint64
	}
	all, failed, took := map[remote]uint64{}, map[remote]uint64{}, map[remote]durations{}
	for _, e := range r.of("tcp_connect") {
		if to := (remote{e.s("raddr"), e.n("rport")}); r.counts(e.at) {
			if all[to]++; e.i("error") != 0 {
				failed[to]++
			} else {
				took[to] = append(took[to], e.n("connect_ns"))
			}
		}
	}
	for to, n := range all {
		rows = append(rows, []any{to.addr, to.port, n, failed[to], took[to].rank(50), took[to].rank(99), took[to].rank(100)})
	}
	return rows
}

// tcplife are connections that ended: closed, or failed to connect.
func tcplife(r *recording, _ string) (rows [][]any) {
	for _, c := range r.connections(connKinds...) {
		if c.ended == nil {
			continue
		}
		row := append([]any{c.ended.at}, c.names()...)
		if c.failed() {
			rows = append(rows, append(row, nil, nil, c.ended.n("connect_ns"), nil, nil, c.outcome()))
			continue
		}
		e := c.ended
		rows = append(rows, append(row, e.n("tx_bytes"), e.n("rx_bytes"), e.n("duration_ns"), e.n("retransmits"), e.n("srtt_ns"), c.outcome()))
	}
	return rows
}
