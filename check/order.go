// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// order checks that time goes forward and stays within the recording.
type order struct {
	v     Verdict
	begin int64
	last  int64
	ended int64 // time of the summary
	since format.Col
	rows  int
}

func newOrder(c *format.Capture) *order {
	return &order{
		v:     Verdict{Check: "order", Does: "rows are in time order, within the recording"},
		begin: c.Meta().Start.UnixNano(), since: c.Col("since"),
	}
}

func (o *order) event(e replay.Event) {
	t := e.Time()
	kind := e.Kind().Name
	if t < o.last {
		o.v.find("%s at %s comes after %s", kind, at(t), at(o.last))
	}
	o.last = max(o.last, t)
	if t < o.begin {
		o.v.find("%s at %s, before the recording began", kind, at(t))
	}
	if o.ended != 0 && t > o.ended {
		o.v.find("%s at %s, behind the summary", kind, at(t))
	}
	if o.rows++; kind == "summary" {
		o.ended = t
	}
}

func (o *order) verdict() Verdict {
	o.v.Says = fmt.Sprintf("%d rows", o.rows)
	return o.v
}
