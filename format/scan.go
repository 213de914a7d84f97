// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
)

// Scan says what to read.
type Scan struct {
	Kinds    []string // only these; nil: all
	Columns  []Col    // only these and time and kind; nil: all
	From, To int64    // only rows of these Unix times in ns, both included; 0: open
}

// How much memory decoding may take: several ordinary batches at a time, or a
// large one alone.
const (
	batchMemory = 8 << 20
	largeMemory = 48 << 20
	mostAhead   = 5 // batches in work at a time
)

// mostMemory is what one batch may inflate to.
func (c *Capture) mostMemory() int64 { return largeMemory + c.in.size }

func (c *Capture) loader(budget int64) *loader {
	return &loader{in: c.in, zstd: c.zstd, budget: budget}
}

// decoder decodes batches for one scan, one at a time.
type decoder struct {
	capture *Capture
	scan    *Scan
	columns []int  // to decode besides time and kind
	wanted  []bool // by index in the kind column's dictionary
	loader  *loader
	batch   *Batch
	block   block
	err     error
	done    chan struct{} // the batch is decoded, or err says why not
}

func (c *Capture) decoder(s Scan) *decoder {
	d := &decoder{capture: c, scan: &s, loader: c.loader(0), done: make(chan struct{}, 1)}
	for i := range c.columns {
		if Col(i) != c.time && Col(i) != c.kind && (s.Columns == nil || slices.Contains(s.Columns, Col(i))) {
			d.columns = append(d.columns, i)
		}
	}
	for _, x := range c.series {
		d.wanted = append(d.wanted, x.kind != nil && (s.Kinds == nil || slices.Contains(s.Kinds, x.kind.Name)))
	}
	return d
}

// another makes a decoder of the same scan.
func (d *decoder) another() *decoder {
	return &decoder{capture: d.capture, scan: d.scan, columns: d.columns, wanted: d.wanted,
		loader: d.capture.loader(0), done: make(chan struct{}, 1)}
}

// start decodes a batch on a goroutine that ends before done gives its word.
func (d *decoder) start(b block) {
	d.block = b
	go func() {
		d.err = d.decode(b, batchMemory)
		d.done <- struct{}{}
	}()
}

// finish waits for what start began. A large batch is decoded here.
func (d *decoder) finish() error {
	<-d.done
	if errors.Is(d.err, errBudget) {
		d.err = d.decode(d.block, d.capture.mostMemory())
	}
	return d.err
}

// Batches iterates over the batches with rows that a scan asks for, in file
// order. A batch is valid until the next one; see [Batch.Retain]. After an
// error, which is a *CorruptError for a damaged file, the iteration ends.
func (c *Capture) Batches(s Scan) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		free := []*decoder{c.decoder(s)}
		for n := min(runtime.GOMAXPROCS(0)+1, mostAhead, len(c.batches)); len(free) < n; {
			free = append(free, free[0].another())
		}
		var busy []*decoder
		defer func() {
			for _, d := range busy {
				<-d.done
			}
		}()
		for next := 0; ; {
			for len(free) > 0 && next < len(c.batches) {
				d := free[0]
				free, busy = free[1:], append(busy, d)
				d.start(c.batches[next])
				next++
			}
			if len(busy) == 0 {
				return
			}
			d := busy[0]
			busy = busy[1:]
			if err := d.finish(); err != nil {
				yield(nil, fmt.Errorf("read capture %w", c.corrupt(d.block, err)))
				return
			}
			if d.batch.Len() > 0 && !yield(d.batch, nil) {
				return
			}
			free = append(free, d)
		}
	}
}

// decode fills d.batch with a batch of the file, within so much memory.
func (d *decoder) decode(at block, memory int64) error {
	m, err := d.loader.open(at, headerBatch)
	if err != nil {
		return err
	}
	rb, err := parseBatch(m.flat, m.header, d.capture.schema)
	if err != nil {
		return err
	}
	d.loader.codec, d.loader.budget = rb.codec, memory
	b := d.reuse()
	b.rows = rb.rows
	c := d.capture
	if err := d.load(&rb, int(c.kind)); err != nil {
		return err
	}
	b.kinds = &b.vectors[c.kind]
	if all := d.kindsOf(b); !all && len(b.keep) == 0 {
		return nil // none of them is asked for
	}
	if err := d.load(&rb, int(c.time)); err != nil {
		return err
	}
	b.times = b.vectors[c.time].data
	if d.byTime(b); b.Len() == 0 {
		return nil
	}
	for _, i := range d.columns {
		if err := d.load(&rb, i); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) load(rb *recordBatch, i int) error {
	c := d.capture
	w := &c.schema.wires[i]
	v := &d.batch.vectors[i]
	if err := v.load(d.loader, rb, w, c.words[w.dictionary]); err != nil {
		return fmt.Errorf("column %s: %w", c.columns[i].Name, err)
	}
	if (Col(i) == c.time || Col(i) == c.kind) && rb.rows > 0 && (v.none || v.valid != nil) {
		return fmt.Errorf("column %s: a row without a value", c.columns[i].Name)
	}
	return nil
}

// reuse readies the last batch, or a new one when that was retained.
func (d *decoder) reuse() *Batch {
	if d.batch == nil || d.batch.retained {
		d.batch = &Batch{capture: d.capture, vectors: make([]vector, len(d.capture.columns))}
		for i := range d.batch.vectors {
			d.batch.vectors[i].none = true
		}
	}
	d.batch.keep, d.batch.some = d.batch.keep[:0], false
	return d.batch
}

// kindsOf notes which rows are of kinds that are wanted, and the batch's
// group. It tells whether all are.
func (d *decoder) kindsOf(b *Batch) (all bool) {
	series := d.capture.series
	if b.rows == 0 {
		return true
	}
	first := b.kinds.number(0)
	b.group = series[first].group
	if b.uniform(first) {
		b.some = !d.wanted[first]
		return !b.some
	}
	b.group = 0
	for i := range b.rows {
		if d.wanted[b.kinds.number(i)] {
			b.keep = append(b.keep, int32(i))
		}
	}
	if b.some = len(b.keep) < b.rows; !b.some {
		b.keep = b.keep[:0]
	}
	return !b.some
}

// uniform tells whether all rows are of one kind.
func (b *Batch) uniform(kind uint64) bool {
	if v := b.kinds; v.width == 1 {
		for _, x := range v.data[:b.rows] {
			if x != byte(kind) {
				return false
			}
		}
		return true
	}
	for i := range b.rows {
		if b.kinds.number(i) != kind {
			return false
		}
	}
	return true
}

// byTime drops the rows that lie outside of the scan's times.
func (d *decoder) byTime(b *Batch) {
	from, to := d.scan.From, d.scan.To
	if from == 0 && to == 0 {
		return
	}
	if !b.some {
		b.some = true
		for i := range b.rows {
			b.keep = append(b.keep, int32(i))
		}
	}
	rows := b.keep
	b.keep = b.keep[:0]
	for _, i := range rows {
		t := int64(binary.LittleEndian.Uint64(b.times[8*i:]))
		if (from == 0 || t >= from) && (to == 0 || t <= to) {
			b.keep = append(b.keep, i)
		}
	}
	b.some = len(b.keep) < b.rows
}
