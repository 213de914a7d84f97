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
	Needs: connNeeds(),
	Sort:  "total_bytes",
	By:    []string{"process", "connection", "remote", "port"},
	Columns: slices.Concat(connColumns, connGroupColumns, []ColumnSpec{
		{Name: "total_bytes", Unit: unitBytes, Doc: "tx_bytes and rx_bytes"},
		{Name: "tx_bytes", Unit: unitBytes, Doc: "payload bytes sent within the recording, retransmissions not counted"},
		{Name: "rx_bytes", Unit: unitBytes, Doc: "payload bytes received within the recording"},
		{Name: "sends", Unit: unitCount, Some: true, Doc: "send calls within the recording"},
		{Name: "receives", Unit: unitCount, Some: true, Doc: "receive calls within the recording that took bytes"},
		{Name: "largest_send_bytes", Unit: unitBytes, Some: true, Doc: "most that one send call sent since the connection began or was first seen"},
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

func newTCPTop(env *Env) Pass { return &tcpTopPass{env, newConns(env.Capture)} }

func (p *tcpTopPass) Event(e replay.Event) error {
	p.conns.event(e)
	return nil
}

// Begin leaves out connections that ended before the window.
func (p *tcpTopPass) Begin() { p.conns.forget() }

// carriedRow puts together what connections carried.
type carriedRow struct {
	group   connGroup
	one     *conn // the first of them
	n       uint64
	figures [len(carriedAt)]Value
}

func (r *carriedRow) add(c *conn) {
	r.n++
	for i, at := range carriedAt {
		r.carry(i, c.since(at))
	}
}

// carry takes a figure in: the largest of them, or their sum. nil is not known.
func (r *carriedRow) carry(i int, v Value) {
	n, ok := v.(uint64)
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

// Tables is one table. Connections that carried nothing are left out, such as
// those that failed.
func (p *tcpTopPass) Tables() []Table {
	by := cmp.Or(p.env.Options.By, "process")
	t := Table{Title: titleOf(by), Columns: tcptop.Columns}
	carried := slices.DeleteFunc(slices.Clone(p.conns.order), func(c *conn) bool { return !c.known[txAt] })
	order := grouped(carried, by, func(g connGroup, c *conn) *carriedRow { return &carriedRow{group: g, one: c} }, (*carriedRow).add)
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
	tx, _ := r.figures[0].(uint64)
	rx, _ := r.figures[1].(uint64)
	return slices.Concat([]Value{tx + rx}, r.figures[:])
}
