// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"

	"github.com/ebrec/ebrec/replay"
)

var tcptop = Analysis{
	Name:  "tcptop",
	Doc:   "Who sent and received how much over TCP within the recording",
	Needs: ownedNeeds(),
	Sort:  "total_min_bytes",
	By:    []string{"process", "connection", "remote", "port"},
	Columns: slices.Concat(connColumns, connGroupColumns, []ColumnSpec{
		{Name: "total_bytes", Unit: unitBytes, Doc: "tx_bytes and rx_bytes; like those and the other counts none where it is not known what a connection had carried when the recording (or the span) began, or when it ended"},
		{Name: "total_min_bytes", Unit: unitBytes, Unlike: "total_bytes", Doc: "both together are this at least: of connections of which it is known, and what is known of others"},
		{Name: "total_max_bytes", Unit: unitBytes, Unlike: "total_bytes", Doc: "and this at most; none where that is not known either: a connection was open when the span ended"},
		{Name: "tx_bytes", Unit: unitBytes, Doc: "payload bytes sent within the recording, retransmissions not counted; of a connection older than the recording since it was listed as that began"},
		{Name: "rx_bytes", Unit: unitBytes, Doc: "payload bytes received within the recording; of a connection older than the recording since it was listed as that began"},
		{Name: "sends", Unit: unitCount, Some: true, Doc: "send calls within the recording"},
		{Name: "receives", Unit: unitCount, Some: true, Doc: "receive calls within the recording that took bytes"},
		{Name: "largest_send_bytes", Unit: unitBytes, Some: true, Doc: "most that one send call sent since the connection began or was first seen; like the next column, none where the connection was open when the span ended"},
		{Name: "largest_receive_bytes", Unit: unitBytes, Some: true, Doc: "most that one receive call took since the connection began or was first seen"},
		{Name: "segments_out", Unit: unitCount, Some: true, Doc: "segments with payload sent within the recording, retransmissions too"},
		{Name: "segments_in", Unit: unitCount, Some: true, Doc: "segments with payload received within the recording"},
		{Name: "retransmits", Unit: unitCount, Doc: "segments retransmitted within the recording"},
	}),
	New: newTCPTop,
}

// carriedAt are the figures of a row, behind the total.
var carriedAt = [...]int{txAt, rxAt, sendsAt, receivesAt, largestSendAt, largestReceiveAt, segmentsOut, segmentsIn, retransmitsAt}

type tcpTopPass struct {
	env   *Env
	conns conns
}

func newTCPTop(env *Env) Pass { return &tcpTopPass{env, newOwnedConns(env)} }

func (p *tcpTopPass) Event(e replay.Event) error {
	if !p.conns.tell(e) {
		p.conns.event(e)
	}
	return nil
}

// Begin leaves out connections that ended before the window.
func (p *tcpTopPass) Begin() { p.conns.open() }

// carriedRow puts together what connections carried.
type carriedRow struct {
	group     connGroup
	one       *conn // one of them, see named
	n         uint64
	figures   [len(carriedAt)]Value
	unknown   [len(carriedAt)]bool // of one of them at least
	least     uint64
	most      uint64
	unbounded bool
}

// add adds a connection.
func (r *carriedRow) add(c *conn) {
	r.n++
	r.one = c.named(r.one)
	for i, at := range carriedAt {
		r.carry(i, c.carried(at))
	}
	for _, at := range []int{txAt, rxAt} {
		most, bounded := c.most(at).(uint64)
		r.least += c.least(at)
		r.most += most
		r.unbounded = r.unbounded || !bounded
	}
}

// carry takes a figure in: the largest of them, or their sum. nil is not known.
func (r *carriedRow) carry(i int, v Value) {
	n, ok := v.(uint64)
	r.unknown[i] = r.unknown[i] || !ok
	if !ok {
		return
	}
	before, _ := r.figures[i].(uint64)
	if largest(carriedAt[i]) {
		r.figures[i] = max(before, n)
	} else {
		r.figures[i] = before + n
	}
}

// carriers are the connections that may have carried something: not those that
// failed to connect.
func (p *tcpTopPass) carriers() (all []*conn, notes []string) {
	p.conns.settle()
	named, others := p.conns.all()
	return slices.DeleteFunc(named, (*conn).unused), namelessNote(others)
}

// Tables is one table.
func (p *tcpTopPass) Tables() []Table {
	by := cmp.Or(p.env.Options.By, "process")
	t := Table{Title: titleOf(by), Columns: tcptop.Columns}
	carriers, notes := p.carriers()
	t.Notes = notes
	order := grouped(carriers, by, func(g connGroup, c *conn) *carriedRow { return &carriedRow{group: g, one: c} },
		func(r *carriedRow, c *conn) { r.add(c) })
	for _, r := range order {
		t.Rows = append(t.Rows, r.values(by))
	}
	return []Table{t}
}

func (r *carriedRow) values(by string) []Value {
	return slices.Concat(r.group.cells(by, r.one, r.n), r.totals())
}

// totals are the cells from total_bytes on.
func (r *carriedRow) totals() []Value {
	cells := []Value{nil, r.least, nil}
	if !r.unbounded {
		cells[2] = r.most
	}
	for i, v := range r.figures {
		if r.unknown[i] {
			v = nil
		}
		cells = append(cells, v)
	}
	tx, sent := cells[3].(uint64)
	rx, received := cells[4].(uint64)
	if sent && received {
		cells[0] = tx + rx
	}
	return cells
}
