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
		{Name: "segments_out", Unit: unitCount, Some: true, Doc: "segments with payload sent within the recording, retransmissions too"},
		{Name: "segments_in", Unit: unitCount, Some: true, Doc: "segments with payload received within the recording"},
		{Name: "retransmits", Unit: unitCount, Doc: "segments retransmitted within the recording"},
	}),
	New: newTCPTop,
}

// carriedAt are the figures of a row, behind the total.
var carriedAt = [...]int{txAt, rxAt, sendsAt, segmentsOut, segmentsIn, retransmitsAt}

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

// carriedRow adds up what connections carried.
type carriedRow struct {
	group connGroup
	one   *conn // the first of them
	n     uint64
	sums  [len(carriedAt)]Value
}

func (r *carriedRow) add(c *conn) {
	r.n++
	for i, at := range carriedAt {
		if n, ok := c.since(at).(uint64); ok {
			before, _ := r.sums[i].(uint64)
			r.sums[i] = before + n
		}
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
	tx, _ := r.sums[0].(uint64)
	rx, _ := r.sums[1].(uint64)
	return slices.Concat(r.group.cells(by, r.one, r.n), []Value{tx + rx}, r.sums[:])
}
