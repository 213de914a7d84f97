// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"slices"

	"github.com/ebrec/ebrec/replay"
)

// happenings are a listing of what happened to connections: they sent segments
// again, were reset, or changed their state. Its rows are made last: what the ends
// of a connection are may be told later than what happened to it.
type happenings struct {
	all  []happening
	more int
}

type happening struct {
	conn *conn
	at   int64
	rest []Value // of the row, behind what names the connection
}

func (h *happenings) add(c *conn, e replay.Event, rest ...Value) {
	if len(h.all) == mostListed {
		h.more++
		return
	}
	h.all = append(h.all, happening{c, e.Time(), rest})
}

func (h *happenings) table(title string, columns []ColumnSpec, kind string) Table {
	l := listing{more: h.more}
	for _, one := range h.all {
		l.rows = append(l.rows, slices.Concat([]Value{one.at}, one.conn.names(), one.rest))
	}
	return l.table(title, columns, kind)
}
