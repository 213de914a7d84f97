// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var tcplat = Analysis{
	Name: "tcplat",
	Doc:  "Latency by TCP connection: to connect, from the last byte sent to the first byte that came back, until that was read, and until the process sent again",
	Needs: append(ownedNeeds(),
		Need{Kind: "tcp_response", Columns: []string{"conn", "response_ns"}, Newer: []string{"ack_ns", "turn_tx_bytes"}, Source: "tcp"},
		Need{Kind: "tcp_read", Columns: []string{"conn", "read_ns"}, Source: "tcpturns", Optional: true},
		Need{Kind: "tcp_reply", Columns: []string{"conn", "think_ns"}, Newer: []string{"turn_rx_bytes"}, Source: "tcpturns", Optional: true},
		Need{Kind: "tcp_fold", Columns: []string{"conn", "sum_ns", "largest_ns", "turns", "turn_part"}, Source: "tcp", Optional: true},
		Need{Kind: "tcp_rtt", Columns: []string{"conn", "srtt_ns"}, Source: "tcp", Optional: true},
		Need{Kind: "sched_switch", Columns: switchColumns, Source: "sched", Optional: true},
	),
	Sort: "response_p99_ns",
	By:   connBy,
	Columns: slices.Concat(connColumns, connGroupColumns, []ColumnSpec{
		{Name: "connect_ns", Unit: unitNS, Some: true, Doc: "active only: from the first SYN to the end of the handshake or to the failure; none where rows are of several connections (see tcpconn)"},
		{Name: "requests", Unit: unitCount, Doc: "times that an answer began to arrive after the process had sent"},
	}, percentileColumns("ack", "from the last byte sent to the segment that acknowledged it, where that came first or with the answer", "50"),
		percentileColumns("response", "from the last byte sent to the first byte that came back", "50", "99", "max"),
		percentileColumns("read", "from the first byte that came since the process sent to its first read of it", "50", "99", "max"),
		percentileColumns("think", "from the first read of what had come to the end of the next send call: of a server the time it took to answer, of a client the time to its next request", "50", "99", "max"),
		sizeColumns("tx", "payload bytes that the process sent in a turn: of a client its request, of a server its answer"),
		sizeColumns("rx", "payload bytes that the process read in a turn, of those turns in which it sent behind that"),
		[]ColumnSpec{
			{Name: "srtt_ns", Unit: unitNS, Some: true, Doc: "the kernel's smoothed round-trip time as the connection closed, or was listed as the recording ended; 0 when it has none. Like the figures after it, it is none where the connection was open at the end of the recording (or the span) and not listed then"},
			{Name: "srtt_p50_ns", Unit: unitNS, Some: true, Doc: "median of the smoothed round-trip times recorded meanwhile (nearest rank); none unless recorded with --rtt-interval"},
			{Name: "srtt_max_ns", Unit: unitNS, Some: true, Doc: "longest of them"},
			{Name: "min_rtt_ns", Unit: unitNS, Doc: "the kernel's least round-trip time, of several connections the least; 0 when it has none; none where it is not known of one"},
			{Name: "retransmits", Unit: unitCount, Doc: "segments retransmitted since the connection began"},
			{Name: "tx_bytes", Unit: unitBytes, Doc: "payload bytes sent since the connection began, retransmissions not counted; of several connections none where it is not known of one"},
			{Name: "rx_bytes", Unit: unitBytes, Doc: "payload bytes received since the connection began"},
			{Name: "duration_ns", Unit: unitNS, Some: true, Doc: "from the first SYN (active) or the end of the handshake (passive) to the close, or to when it was listed as the recording ended; of a connection older than the recording from its first sight"},
			{Name: "outcome", Text: true, Some: true, Doc: outcomeDoc},
		}),
	Also: []Table{{Title: splitTitle, Columns: slices.Concat(connColumns, connGroupColumns, splitColumns)}, {Title: "Responses by length", Columns: responseLengths}, {Title: endsTitle, Columns: endsColumns}, {Title: clocksTitle, Columns: clocksColumns}, {Title: handshakesTitle, Columns: handshakesColumns}},
	Ends: true,
	New:  newTCPLat,
}

const splitTitle = "Where the time went"

// responseLengths are the columns of the histogram.
var responseLengths = []ColumnSpec{
	{Name: "from_ns", Unit: unitNS, Doc: "least time to a response that is counted here"},
	{Name: "to_ns", Unit: unitNS, Doc: "those that are counted here are shorter"},
	{Name: "responses", Unit: unitCount, Doc: "how many"},
	{Name: "share", Text: true, Doc: "the same as a bar: the longest is of the most responses"},
}

// percentileColumns are those of some of a duration's percentiles.
func percentileColumns(name, doc string, which ...string) (columns []ColumnSpec) {
	for _, p := range which {
		c := ColumnSpec{Name: name + "_p" + p + "_ns", Unit: unitNS, Some: name != "response", Doc: doc + map[string]string{"50": ": median (nearest rank)", "99": ": 99th percentile (nearest rank)"}[p]}
		if p == "max" {
			c.Name, c.Doc = name+"_max_ns", doc+": longest"
		}
		columns = append(columns, c)
	}
	return columns
}

// sizeColumns are those of the bytes of turns.
func sizeColumns(way, doc string) []ColumnSpec {
	return []ColumnSpec{
		{Name: "turn_" + way + "_p50_bytes", Unit: unitBytes, Some: true, Doc: doc + ": median (nearest rank); turns beyond --max-turns are not in it"},
		{Name: "turn_" + way + "_max_bytes", Unit: unitBytes, Some: true, Doc: doc + ": most"},
	}
}

// turns are the durations between what a connection's process sends and what it
// receives.
type turns struct {
	acks, responses, reads, thinks latencies
	sentBytes, readBytes           latencies // of each turn
	rtts                           latencies // smoothed round-trip times, now and then
	split                          split
	uncounted                      uint64 // responses that have no rows of their own
}

func (t *turns) merge(o *turns) {
	t.acks.merge(&o.acks)
	t.responses.merge(&o.responses)
	t.reads.merge(&o.reads)
	t.thinks.merge(&o.thinks)
	t.sentBytes.merge(&o.sentBytes)
	t.readBytes.merge(&o.readBytes)
	t.rtts.merge(&o.rtts)
	t.uncounted += o.uncounted
	t.split.merge(&o.split)
}

func (t *turns) folded() bool {
	return t.acks.folded() || t.responses.folded() || t.reads.folded() || t.thinks.folded()
}

func (t *turns) values() []Value {
	row := []Value{t.responses.count, t.acks.percentile(50)}
	for _, l := range []*latencies{&t.responses, &t.reads, &t.thinks} {
		row = append(row, l.percentile(50), l.percentile(99), l.max())
	}
	return append(row, t.sentBytes.percentile(50), t.sentBytes.max(), t.readBytes.percentile(50), t.readBytes.max())
}

type tcpLatPass struct {
	env      *Env
	conns    conns
	turns    map[*conn]*turns
	splitter *splitter

	response, ack, read, think, sent, received format.Col
	part, folded, foldedSum, foldedLargest     format.Col
}

func newTCPLat(env *Env) Pass {
	c := env.Capture
	conns := newOwnedConns(env)
	return &tcpLatPass{
		env: env, conns: conns, turns: map[*conn]*turns{}, splitter: newSplitter(c, conns.tasks),
		response: c.Col("response_ns"), ack: c.Col("ack_ns"), read: c.Col("read_ns"), think: c.Col("think_ns"),
		sent: c.Col("turn_tx_bytes"), received: c.Col("turn_rx_bytes"),
		part: c.Col("turn_part"), folded: c.Col("turns"), foldedSum: c.Col("sum_ns"), foldedLargest: c.Col("largest_ns"),
	}
}

// Switches takes switches that follow each other.
func (p *tcpLatPass) Switches(r replay.Run) { p.splitter.switches(r) }

func (p *tcpLatPass) Event(e replay.Event) error {
	if e.Kind().Name == "sched_switch" {
		p.splitter.stay(p.splitter.timeline.stay(e), e)
		return nil
	}
	if p.conns.tell(e) {
		return nil
	}
	t := p.of(p.conns.event(e))
	switch e.Kind().Name {
	case "tcp_response":
		t.responses.add(e.Uint(p.response))
		if ack := e.Uint(p.ack); ack > 0 {
			t.acks.add(ack)
		}
		addSome(&t.sentBytes, e, p.sent)
	case "tcp_read":
		ns := e.Uint(p.read)
		t.reads.add(ns)
		p.splitter.read(&t.split, e, ns)
	case "tcp_reply":
		t.thinks.add(e.Uint(p.think))
		addSome(&t.readBytes, e, p.received)
	case "tcp_fold":
		p.unfold(t, e)
	case "tcp_rtt":
		t.rtts.add(e.Uint(p.conns.figures[srttAt]))
	}
	return nil
}

// addSome adds what a column of an event has, if it has anything.
func addSome(l *latencies, e replay.Event, col format.Col) {
	if !e.Null(col) {
		l.add(e.Uint(col))
	}
}

// unfold takes turns that have no rows of their own.
func (p *tcpLatPass) unfold(t *turns, e replay.Event) {
	l, n := &t.responses, e.Uint(p.folded)
	switch e.Str(p.part) {
	case "response":
		t.uncounted += n
	case "ack":
		l = &t.acks
	case "read":
		l = &t.reads
	case "think":
		l = &t.thinks
	}
	l.addMany(n, e.Uint(p.foldedSum), e.Uint(p.foldedLargest))
}

// of are the turns of a connection.
func (p *tcpLatPass) of(c *conn) *turns {
	t := p.turns[c]
	if t == nil {
		t = &turns{}
		p.turns[c] = t
	}
	return t
}

// Begin leaves out connections that ended before the window and responses that
// came before it.
func (p *tcpLatPass) Begin() {
	p.conns.open()
	p.turns = map[*conn]*turns{}
}

// connsRow adds connections up.
type connsRow struct {
	turns
	group   connGroup
	one     *conn // one of them, see named
	n       uint64
	sums    [figures]uint64 // of those figures that can be added
	unknown [figures]bool   // of one of them at least
	least   uint64          // min RTT; 0: none
}

func (r *connsRow) add(c *conn, t *turns) {
	r.one = c.named(r.one)
	t.split.settle(c, t)
	r.count(c, t)
}

func (r *connsRow) count(c *conn, t *turns) {
	r.n++
	r.merge(t)
	for i := range r.sums {
		r.sums[i] += c.last[i]
		r.unknown[i] = r.unknown[i] || !c.known[i] && !c.unused()
	}
	if c.known[minRTTAt] {
		r.nearer(c.last[minRTTAt])
	}
}

// sum is what a figure of all of them adds up to; nil: of one it is not known.
func (r *connsRow) sum(i int) Value {
	if r.unknown[i] {
		return nil
	}
	return r.sums[i]
}

// nearest is the least round-trip time; nil: of one it is not known.
func (r *connsRow) nearest() Value {
	if r.unknown[minRTTAt] {
		return nil
	}
	return r.least
}

// nearer takes a round-trip time if it is the least; 0 is none.
func (r *connsRow) nearer(rtt uint64) {
	if rtt > 0 && (r.least == 0 || rtt < r.least) {
		r.least = rtt
	}
}

// Tables are the connections, or what they are grouped by, and the histogram.
func (p *tcpLatPass) Tables() []Table {
	p.splitter.end()
	by := p.env.Options.By
	t := Table{Title: titleOf(by), Columns: tcplat.Columns}
	where := Table{Title: splitTitle, Columns: tcplat.Also[0].Columns, Own: true}
	p.conns.settle()
	named, others := p.conns.all()
	order := grouped(named, by, func(g connGroup, c *conn) *connsRow { return &connsRow{group: g, one: c} },
		func(r *connsRow, c *conn) { r.add(c, p.of(c)) })
	var all latencies
	folded := 0
	for _, r := range order {
		t.Rows = append(t.Rows, r.values(by))
		folded += boolInt(r.folded())
		all.merge(&r.responses)
	}
	slices.SortStableFunc(order, func(a, b *connsRow) int { return cmp.Compare(b.split.total(), a.split.total()) })
	for _, r := range order {
		if r.split.total() > 0 {
			where.Rows = append(where.Rows, append(r.group.cells(by, r.one, r.n), r.split.values(r.reads.count, p.splitter.sched)...))
		}
	}
	where.Cut(cmp.Or(p.env.Options.Top, tallyRows))
	t.Notes = append(p.turnNotes(folded), namelessNote(others)...)
	where.Notes = p.notes()
	return []Table{t, where, histogram("Responses by length", responseLengths, &all)}
}

func (r *connsRow) values(by string) []Value {
	row := r.group.cells(by, r.one, r.n)
	if r.group.conn == nil {
		row = append(append(row, nil), r.turns.values()...)
		return append(row, nil, r.rtts.percentile(50), r.rtts.max(), r.nearest(), r.sum(retransmitsAt), r.sum(txAt), r.sum(rxAt), nil, nil)
	}
	row = append(append(row, r.one.connect), r.turns.values()...)
	row = append(row, r.one.figure(srttAt), r.rtts.percentile(50), r.rtts.max())
	for i := minRTTAt; i < segmentsOut; i++ {
		row = append(row, r.one.figure(i))
	}
	return append(row, r.one.outcome())
}
