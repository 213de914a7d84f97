// SPDX-License-Identifier: Apache-2.0

package second

import (
	"slices"
	"strings"
)

// latKinds are the rows that tcplat is made of.
var latKinds = append([]string{"tcp_response", "tcp_read", "tcp_reply", "tcp_fold", "tcp_rtt"}, connKinds...)

// talkers are the connections with names.
func (r *recording) talkers() []*told {
	return slices.DeleteFunc(r.connections(latKinds...), func(c *told) bool { return !c.named() })
}

// times are durations of turns within the span, and those that were folded as the
// average of their step.
func (g *connGroup) times(r *recording, kind, column, part string) (d durations) {
	for _, c := range g.conns {
		for _, e := range c.rows {
			switch {
			case !r.counts(e.at):
			case e.kind == kind && (e.n(column) > 0 || column != "ack_ns"):
				d = append(d, e.n(column))
			case e.kind == "tcp_fold" && e.s("turn_part") == part:
				for range e.n("turns") {
					d = append(d, e.n("sum_ns")/e.n("turns"))
				}
			}
		}
	}
	return d
}

func (g *connGroup) responses(r *recording) durations {
	return g.times(r, "tcp_response", "response_ns", "response")
}

// tcplat is how long turns took.
func tcplat(r *recording, by string) (rows [][]any) {
	for _, g := range r.grouped(r.talkers(), by) {
		responses, reads, thinks := g.responses(r), g.times(r, "tcp_read", "read_ns", "read"), g.times(r, "tcp_reply", "think_ns", "think")
		row := append(g.cells(), g.connect(), uint64(len(responses)), g.times(r, "tcp_response", "ack_ns", "ack").rank(50))
		for _, d := range []durations{responses, reads, thinks} {
			row = append(row, d.rank(50), d.rank(99), d.rank(100))
		}
		for _, d := range []durations{g.times(r, "tcp_response", "turn_tx_bytes", ""), g.times(r, "tcp_reply", "turn_rx_bytes", "")} {
			row = append(row, d.rank(50), d.rank(100))
		}
		rtts := g.times(r, "tcp_rtt", "srtt_ns", "")
		rows = append(rows, slices.Concat(row, []any{g.alone(r, "srtt_ns"), rtts.rank(50), rtts.rank(100), g.nearest(r), g.total(r, "retransmits"), g.total(r, "tx_bytes"), g.total(r, "rx_bytes")}, g.end(r)))
	}
	return rows
}

// connect is how long it took to connect; of one connection only.
func (g *connGroup) connect() any {
	if e := g.conns[0].last("tcp_connect"); g.by == "connection" && e != nil {
		return e.n("connect_ns")
	}
	return nil
}

// alone is a figure that rows of several connections have not.
func (g *connGroup) alone(r *recording, name string) any {
	if g.by != "connection" {
		return nil
	}
	return g.conns[0].figure(r, name)
}

// end is how long a connection lived, and how it ended.
func (g *connGroup) end(r *recording) []any {
	if g.by != "connection" {
		return []any{nil, nil}
	}
	c := g.conns[0]
	return []any{g.alone(r, "duration_ns"), c.outcome()}
}

// nearest is the least round-trip time; of several connections 0 is none, and nil where one
// is not known.
func (g *connGroup) nearest(r *recording) any {
	if g.by == "connection" {
		return g.conns[0].figure(r, "min_rtt_ns")
	}
	least := uint64(0)
	for _, c := range g.conns {
		n, known := c.figure(r, "min_rtt_ns").(uint64)
		if !known && !c.failed() {
			return nil
		}
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// total is what a figure adds up to since the connections began; nil: of one of them it
// is not known. Those that failed to connect carried nothing.
func (g *connGroup) total(r *recording, name string) any {
	if g.by == "connection" {
		return g.alone(r, name)
	}
	sum := uint64(0)
	for _, c := range g.conns {
		switch n, known := c.figure(r, name).(uint64); {
		case known:
			sum += n
		case !c.failed():
			return nil
		}
	}
	return sum
}

// split is where the time of turns went.
type split struct{ network, peer, waking, queue, application uint64 }

// whereTimeWent is where the time of the turns of connections went.
func whereTimeWent(r *recording, by string) (rows [][]any) {
	stays := r.stays()
	for _, g := range r.grouped(r.talkers(), by) {
		var s split
		active, known := false, true
		for _, c := range g.conns {
			one := &connGroup{by: "connection", conns: []*told{c}}
			switch c.names()[6] {
			case "active":
				active = true
				sum, rtt := one.responses(r), c.last("tcp_close", "tcp_socket")
				if rtt == nil && len(sum) > 0 {
					known = false
				}
				if rtt != nil {
					network := min(sum.sum(), uint64(len(sum))*rtt.n("min_rtt_ns"))
					s.network, s.peer = s.network+network, s.peer+sum.sum()-network
				} else {
					s.peer += sum.sum()
				}
			case "passive":
				s.application += one.times(r, "tcp_reply", "think_ns", "think").sum()
			}
			for _, e := range c.rows {
				if e.kind == "tcp_read" && r.counts(e.at) {
					s.read(stays, e)
				}
			}
		}
		if row := s.row(active, known); row != nil {
			reads := uint64(len(g.times(r, "tcp_read", "read_ns", "read")))
			rows = append(rows, slices.Concat(g.cells(), []any{reads}, row))
		}
	}
	return rows
}

// read divides the time to a read by what the thread did that read.
func (s *split) read(stays []stay, e *event) {
	arrived := e.at - int64(e.n("read_ns"))
	for _, on := range stays {
		if on.tid != e.id("tid") && on.left != e.id("tid") || on.to < e.at {
			continue
		}
		if on.broken || on.first || on.from > e.at || on.from <= arrived {
			break
		}
		queue := min(on.wait, uint64(on.from-arrived))
		s.queue += queue
		s.waking += uint64(on.from-arrived) - queue
		s.application += uint64(e.at - on.from)
		return
	}
	s.application += e.n("read_ns")
}

// row are the cells of a division; nil: there is nothing to divide. What of the time to
// responses was the network is not known where no round-trip time is.
func (s *split) row(active, known bool) []any {
	row := []any{nil, nil, s.waking, s.queue, s.application, nil}
	if *s == (split{}) {
		return nil
	}
	if active && known {
		row[0], row[1] = s.network, s.peer
	}
	most, verdict := uint64(0), any(nil)
	for _, part := range []struct {
		name any
		ns   uint64
	}{{"network", s.network}, {"peer", s.peer}, {"scheduler", s.waking + s.queue}, {"application", s.application}} {
		if !known && part.name == "network" {
			continue
		}
		if !known && part.name == "peer" { // both
			part.name, part.ns = nil, s.network+s.peer
		}
		if part.ns > most {
			most, verdict = part.ns, part.name
		}
	}
	row[5] = verdict
	return row
}

// byLength counts durations by powers of two.
func byLength(d durations) (rows [][]any) {
	counts := map[int]uint64{}
	first, last, most := 65, -1, uint64(0)
	for _, ns := range d {
		i := 0
		for ; ns > 0; ns /= 2 {
			i++
		}
		counts[i]++
		first, last, most = min(first, i), max(last, i), max(most, counts[i])
	}
	for i, empty := first, true; i <= last; i++ {
		if i > 0 && counts[i] > 0 {
			empty = false
		}
		if first == 0 && i > 0 && empty { // between 0 and the least that is more
			continue
		}
		from, to := uint64(0), uint64(1)
		if i > 0 {
			from, to = 1<<(i-1), 1<<i
		}
		rows = append(rows, []any{from, to, counts[i], bar(counts[i], most)})
	}
	return rows
}

// bar is as long as a share of forty cells of eight parts.
func bar(n, most uint64) any {
	if n == 0 {
		return nil
	}
	parts := int(max(1, (2*n*320+most)/(2*most)))
	return strings.Repeat("█", parts/8) + []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}[parts%8]
}

// responsesByLength are those of all connections.
func responsesByLength(r *recording, _ string) [][]any {
	return byLength((&connGroup{conns: r.talkers()}).responses(r))
}
