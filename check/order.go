// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// order checks that time goes forward, in each kind and over all, and stays
// within the recording.
type order struct {
	v          Verdict
	begin      int64
	last       int64
	ended      int64 // time of the summary
	rows       int
	shuffled   int  // rows that are not in the file's order
	unreadable bool // an error of reading was told
}

func newOrder(c *format.Capture) *order {
	return &order{
		v:     Verdict{Check: "order", Does: "rows are in time order, within the recording"},
		begin: c.Meta().Start.UnixNano(),
	}
}

// stop decides on an error of reading: what the file is to blame for is a
// finding, told once, and whatever follows cannot be read. It reports whether
// the check itself must end.
func (o *order) stop(r *recording, err error) bool {
	if err == nil {
		return false
	}
	if !corrupt(err) {
		return true
	}
	if r.stopped = true; !o.unreadable {
		o.v.find("rows behind it are not read: %v", err)
	}
	o.unreadable = true
	return false
}

// file checks the order that the rows have in the file: within each kind no row
// is earlier than one before it. Reading checks that no batch begins earlier
// than those before it promise. Other programs may shuffle rows, which readers
// put right again.
func (o *order) file(ctx context.Context, r *recording) error {
	last := map[*format.Kind]int64{}
	for b, err := range r.Batches(format.Scan{Columns: []format.Col{}}) {
		if err != nil {
			if o.stop(r, err) {
				return err
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for i := range b.Len() {
			k, t := b.Kind(i), b.Time(i)
			if t < last[k] {
				o.late(r, k.Name, t, last[k])
			}
			last[k] = max(t, last[k])
		}
	}
	return nil
}

func (o *order) late(r *recording, kind string, t, last int64) {
	if o.shuffled++; r.Sealed() {
		o.v.find("%s at %s lies behind one at %s in the file", kind, at(t), at(last))
	}
}

func (o *order) event(e replay.Event, kind string) {
	t := e.Time()
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
	o.v.says("%d rows", o.rows)
	if o.shuffled > 0 {
		o.v.says("%d of them lie in the file behind later ones of their kind", o.shuffled)
	}
	return o.v
}
