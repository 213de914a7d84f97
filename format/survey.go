// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// once are the kinds of which a recording has one row.
var once = []string{metadataName, "summary"}

// survey makes the briefs of a file that another program wrote: it merges and
// divides batches as it likes.
func (c *Capture) survey() error {
	var briefs []brief
	var sound []block
	d := c.decoder(Scan{Columns: []Col{}})
	for i := range d.wanted {
		d.wanted[i] = true
	}
	for i, at := range c.batches {
		err := d.decode(i, c.mostMemory())
		switch {
		case err == nil:
			briefs = append(briefs, d.batch.summarize(len(c.names)))
			sound = append(sound, at)
		case errors.As(err, new(*ColumnError)): // no damage: what was recorded is not to be had from it
			return err
		case c.damage != nil:
			*c.damage = append(*c.damage, at.damage(err))
		default:
			return c.corrupt(at, err)
		}
	}
	promise(briefs)
	c.batches, c.briefs = sound, briefs
	return c.one()
}

// one wants the rows of one recording only.
func (c *Capture) one() error {
	for i, name := range c.names {
		rows := 0
		for j := range c.briefs {
			rows += c.briefs[j].rows[i]
		}
		if rows > 1 && slices.Contains(once, name) {
			return fmt.Errorf("%w: %d rows of kind %s", ErrSeveral, rows, name)
		}
	}
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
