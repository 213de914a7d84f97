// SPDX-License-Identifier: Apache-2.0

package format

import "math"

// survey makes the briefs of a file that another program wrote: it merges and
// divides batches as it likes. A batch that cannot be read gets an empty one;
// whoever reads it gets the error.
func (c *Capture) survey() error {
	briefs := make([]brief, len(c.batches))
	d := c.decoder(Scan{Columns: []Col{}})
	for i := range d.wanted {
		d.wanted[i] = true
	}
	for i := range c.batches {
		if err := d.decode(i, c.mostMemory()); err != nil {
			return c.corrupt(c.batches[i], err)
		}
		briefs[i] = d.batch.summarize(len(c.names))
	}
	promise(briefs)
	c.briefs = briefs
	return nil
}

// summarize makes the brief of a decoded batch.
func (b *Batch) summarize(kinds int) brief {
	s := brief{first: math.MaxInt64, last: math.MinInt64, rows: make([]int, kinds)}
	for i := range b.rows {
		t := b.timeOf(i)
		s.first, s.last = min(s.first, t), max(s.last, t)
		s.rows[b.kinds.number(i)]++
	}
	return s
}
