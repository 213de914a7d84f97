// SPDX-License-Identifier: Apache-2.0

package format

import "time"

// findEnd sees to it that a capture that was cut short ends with a batch that
// can be read, and notes where it ends. A machine that lost power may have
// written the length of a batch and not the batch.
func (c *Capture) findEnd(stop int64) {
	cut := &CutError{Path: c.path, Offset: stop}
	c.cut = cut
	for len(c.batches) > 0 && !c.readable(len(c.batches)-1) {
		cut.Offset = c.batches[len(c.batches)-1].at
		c.batches = c.batches[:len(c.batches)-1]
	}
	// The last window holds the last row, in any of its batches.
	end := int64(0)
	for i := max(0, len(c.batches)-1-len(c.kinds)); i < len(c.batches); i++ {
		if last, err := c.lastTime(i); err == nil {
			end = max(end, last)
		}
	}
	if end != 0 {
		cut.End = time.Unix(0, end).UTC()
	}
}

func (c *Capture) readable(i int) bool {
	d := c.decoder(Scan{})
	return d.decode(i, c.mostMemory()) == nil
}

// lastTime is the latest time in a batch.
func (c *Capture) lastTime(i int) (last int64, err error) {
	d := c.decoder(Scan{Columns: []Col{}})
	if err := d.decode(i, c.mostMemory()); err != nil {
		return 0, err
	}
	for row := range d.batch.Len() {
		last = max(last, d.batch.Time(row))
	}
	return last, nil
}
