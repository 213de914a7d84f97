// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Salvage opens what can be read of a capture that is damaged: batches that
// cannot be are left out and listed. Nothing can be salvaged of a file without
// its schema or its dictionaries.
func Salvage(path string) (*Capture, []Damage, error) {
	damage := []Damage{}
	c, err := openFile(path, &damage)
	if err != nil {
		return nil, nil, err
	}
	var sound []block
	var briefs []brief
	for i, at := range c.batches {
		err := c.verify(i)
		if errors.As(err, new(*ColumnError)) { // a copy would not have what was recorded
			_ = c.Close()
			return nil, nil, fmt.Errorf("salvage capture %s: %w", path, err)
		}
		if err != nil {
			damage = append(damage, at.damage(err))
			continue
		}
		sound = append(sound, at)
		if !c.sealed {
			briefs = append(briefs, c.briefs[i])
		}
	}
	c.batches, c.briefs = sound, briefs
	return c, damage, nil
}

func (b block) damage(reason error) Damage { return Damage{b.at, b.end - b.at, reason.Error()} }

// Repair copies a salvaged capture to a file that is complete, and says in its
// metadata what it lacks. It returns the rows it has, by kind.
func (c *Capture) Repair(w io.Writer, damage []Damage) (rows map[string]uint64, err error) {
	meta := *c.meta
	repair := Repair{}
	if meta.Repair != nil {
		repair = *meta.Repair
	}
	if cut := (*CutError)(nil); errors.As(c.cut, &cut) {
		repair.Cut, repair.End = true, cut.End
	}
	repair.Damage = append(slices.Clip(repair.Damage), damage...)
	if repair.Cut || len(repair.Damage) > 0 {
		meta.Repair = &repair
	}
	k, err := CopyAll(w, c, &meta, WriterOptions{Background: true})
	if err != nil {
		return nil, err
	}
	return k.Rows(), nil
}

// findEnd sees to it that a capture that was cut short ends with a batch that
// can be read, and notes where it ends. A machine that lost power may have
// written the length of a batch and not the batch.
func (c *Capture) findEnd(stop int64) {
	cut := &CutError{Path: c.path, Offset: stop}
	c.cut = cut
	for len(c.batches) > 0 && !c.whole(len(c.batches)-1) {
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

// whole tells whether a batch is there to its end.
func (c *Capture) whole(i int) bool {
	err := c.verify(i)
	return err == nil || errors.As(err, new(*ColumnError))
}

// verify decodes every column of a batch.
func (c *Capture) verify(i int) error {
	d := c.decoder(Scan{})
	for kind := range d.wanted {
		d.wanted[kind] = true
	}
	return d.decode(i, c.mostMemory())
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
