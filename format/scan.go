// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
)

// Scan says what to read.
type Scan struct {
	Kinds    []string // only these; nil: all but the metadata's row
	Columns  []Col    // only these and time and kind; nil: all
	From, To int64    // only rows of these Unix times in ns, both included; 0: open
	Valued   []Col    // only batches in which one of these has a value; nil: all
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
	index   int // of the batch in work
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
	for _, k := range c.series {
		d.wanted = append(d.wanted, k != nil && s.wants(k.Name))
	}
	return d
}

func (s *Scan) wants(kind string) bool {
	if s.Kinds == nil {
		return kind != metadataName
	}
	return slices.Contains(s.Kinds, kind)
}

// another makes a decoder of the same scan.
func (d *decoder) another() *decoder {
	return &decoder{capture: d.capture, scan: d.scan, columns: d.columns, wanted: d.wanted,
		loader: d.capture.loader(0), done: make(chan struct{}, 1)}
}

// start decodes a batch on a goroutine that ends before done gives its word.
func (d *decoder) start(i int) {
	d.index = i
	go func() {
		d.err = d.decode(i, batchMemory)
		d.done <- struct{}{}
	}()
}

// finish waits for what start began. A large batch is decoded here.
func (d *decoder) finish() error {
	<-d.done
	if errors.Is(d.err, errBudget) {
		d.err = d.decode(d.index, d.capture.mostMemory())
	}
	return d.err
}

// Batches iterates over the batches with rows that a scan asks for, in file
// order. A batch is valid until the next one; see [Batch.Retain]. After an
// error, which is a *CorruptError for a damaged file, the iteration ends.
func (c *Capture) Batches(s Scan) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if err := c.inOrder(s, yield); err != nil {
			yield(nil, fmt.Errorf("read capture %w", err))
		}
	}
}

// inOrder decodes several batches at a time and yields them in file order.
func (c *Capture) inOrder(s Scan, yield func(*Batch, error) bool) error {
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
	promised := int64(math.MinInt64)
	for next := 0; ; {
		for len(free) > 0 && next < len(c.batches) {
			d := free[0]
			free, busy = free[1:], append(busy, d)
			d.start(next)
			next++
		}
		if len(busy) == 0 {
			return nil
		}
		d := busy[0]
		busy = busy[1:]
		if err := d.finish(); errors.As(err, new(*ColumnError)) {
			return fmt.Errorf("%s: %w", c.path, err)
		} else if err != nil {
			return c.corrupt(c.batches[d.index], err)
		}
		b := d.batch
		if b.brief.total() > 0 && b.brief.first < promised {
			return c.corrupt(c.batches[d.index], errors.New("it begins earlier than batches before it say"))
		}
		promised = max(promised, b.brief.next)
		if b.Len() > 0 && !yield(b, nil) || s.To != 0 && b.brief.next > s.To {
			return nil
		}
		free = append(free, d)
	}
}

// decode fills d.batch with a batch of the file, within so much memory.
func (d *decoder) decode(i int, memory int64) error {
	c := d.capture
	m, err := d.loader.open(c.batches[i], headerBatch, c.sealed)
	if err != nil {
		return err
	}
	rb, err := parseBatch(m.flat, m.header, c.schema)
	if err != nil {
		return err
	}
	d.loader.codec, d.loader.budget = rb.codec, memory
	b := d.reuse()
	b.rows = rb.rows
	if b.brief, err = c.brief(i, &m, rb.rows); err != nil {
		return err
	}
	if !d.concerns(&b.brief) || !d.valued(&rb) {
		b.keep, b.some = b.keep[:0], true
		return nil
	}
	if err := d.loadKeys(&rb); err != nil || b.Len() == 0 {
		return err
	}
	for _, i := range d.columns {
		if err := d.load(&rb, i); err != nil {
			return err
		}
	}
	return nil
}

// brief is what is known of a batch's rows before they are decoded.
func (c *Capture) brief(i int, m *message, rows int) (brief, error) {
	switch {
	case c.sealed:
		return parseBrief(m.notes, c.names, rows)
	case c.briefs != nil:
		return c.briefs[i], nil
	}
	return brief{first: math.MinInt64, last: math.MaxInt64, next: math.MinInt64}, nil // the survey is to come
}

func (d *decoder) load(rb *recordBatch, i int) error {
	c := d.capture
	w := &c.schema.wires[i]
	v := &d.batch.vectors[i]
	if err := v.load(d.loader, rb, w, c.words[w.dictionary]); err != nil {
		return fmt.Errorf("column %s: %w", c.columns[i].Name, err)
	}
	if err := v.convert(w, rb.rows, d.batch); err != nil {
		return &ColumnError{c.columns[i].Name, err.Error()}
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
