// SPDX-License-Identifier: Apache-2.0

package analyze

import "slices"

var connectionsWhole = []ColumnSpec{{Name: "connections", Unit: unitCount, Doc: "how many connections there were"}}

// tcpWhole are the columns of tcplat that many connections have together.
var tcpWhole = slices.Concat(connectionsWhole, tcplat.Columns[slices.IndexFunc(tcplat.Columns, named("requests")):slices.IndexFunc(tcplat.Columns, named("srtt_ns"))],
	pick(tcplat.Columns, "srtt_p50_ns", "srtt_max_ns", "min_rtt_ns", "retransmits", "tx_bytes", "rx_bytes"))

// turnSum is the turns and the figures of all connections.
type turnSum struct{ connsRow }

func (p *tcpLatPass) whole(*Options) (sum, []string) {
	s := &turnSum{}
	p.conns.settle()
	all, others := p.conns.all()
	for _, c := range all {
		s.one(c, p.of(c))
	}
	return s, append(p.turnNotes(0), namelessNote(others)...)
}

// one adds a connection, but for where its time went.
func (s *turnSum) one(c *conn, t *turns) {
	without := *t
	without.split = split{}
	s.connsRow.count(c, &without)
}

func (s *turnSum) add(other sum) {
	o := &other.(*turnSum).connsRow
	s.n += o.n
	s.merge(&o.turns)
	for i := range s.sums {
		s.sums[i] += o.sums[i]
		s.unknown[i] = s.unknown[i] || o.unknown[i]
	}
	s.nearer(o.least)
}

func (s *turnSum) values(uint64) []Value {
	row := append([]Value{s.n}, s.turns.values()...)
	return append(row, s.rtts.percentile(50), s.rtts.max(), s.nearest(), s.sum(retransmitsAt), s.sum(txAt), s.sum(rxAt))
}

// carriedSum is what all connections carried.
type carriedSum struct{ carriedRow }

func (p *tcpTopPass) whole(*Options) (sum, []string) {
	s := &carriedSum{}
	carriers, notes := p.carriers()
	for _, c := range carriers {
		s.carriedRow.add(c)
	}
	return s, notes
}

func (s *carriedSum) add(other sum) {
	o := &other.(*carriedSum).carriedRow
	s.n += o.n
	s.least, s.most, s.unbounded = s.least+o.least, s.most+o.most, s.unbounded || o.unbounded
	if o.n == 0 {
		return
	}
	for i, v := range o.figures {
		unknown := s.unknown[i] || o.unknown[i]
		s.carry(i, v)
		s.unknown[i] = unknown
	}
}

func (s *carriedSum) values(uint64) []Value { return append([]Value{s.n}, s.totals()...) }
