// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
)

// batchRows is the most rows a record batch has, unless more happened at one
// instant. A hot kind's rows of a window share a batch with the other kinds
// when they are few: a batch costs some kilobytes for its columns alone.
const (
	batchRows = 64 << 10
	fewRows   = 4 << 10
)

// WriterOptions says how to write.
type WriterOptions struct {
	// Stream writes the Arrow stream format, which needs no seeking, instead
	// of the file format. It has no footer: readers cannot skip.
	Stream bool
	// Background compresses and writes on a goroutine of its own, so that
	// Flush does not wait for it unless several batches are behind. The rows
	// reach the file soon after Flush, and an error comes from a later call.
	Background bool
}

// Stats counts what a writer did.
type Stats struct {
	Rows      map[string]uint64 // flushed, by kind
	Total     uint64            // rows taken, flushed or pending
	Bytes     int64             // written to the file
	Reordered uint64            // rows that came too late and carry the time of the last flush
}

// Writer writes a capture. Rows may be added in any order; they are held until
// a flush says that nothing older will come. Close it even after an error: a
// goroutine may be waiting. Not for concurrent use.
type Writer struct {
	layout  *layout
	builder *builder
	sink    *sink
	arena   arena
	sorter  sorter
	shared  []key
	groups  []group // the shared one, then one for each hot kind
	groupOf []int   // by index of the kind
	flushed uint64  // boot time: everything up to it is written
	stats   Stats
	rows    []uint64 // flushed, by index of the kind
}

// NewWriter begins a capture with rows of the given kinds. The kinds must have
// their layout; meta.Format is ignored.
func NewWriter(w io.Writer, meta *Metadata, kinds []Kind, o WriterOptions) (*Writer, error) {
	l, err := newLayout(kinds)
	if err != nil {
		return nil, err
	}
	schema, err := l.schema(meta)
	if err != nil {
		return nil, err
	}
	sink, err := newSink(w, schema, l, o)
	if err != nil {
		return nil, err
	}
	fw := &Writer{layout: l, sink: sink, builder: &builder{layout: l, offset: meta.BootOffset}, rows: make([]uint64, len(kinds))}
	fw.makeGroups()
	return fw, nil
}

func (w *Writer) makeGroups() {
	w.groups = make([]group, 1)
	for _, k := range w.layout.kinds {
		if !k.Hot {
			w.groupOf = append(w.groupOf, 0)
			continue
		}
		w.groupOf = append(w.groupOf, len(w.groups))
		w.groups = append(w.groups, group{})
	}
}

// The raw header: where its time and kind are.
const (
	rawTimeAt = 0
	rawKindAt = 16
	rawHeader = 24
)

// Add takes one raw record, laid out as its kind says. It copies it.
func (w *Writer) Add(record []byte) error {
	if len(record) < rawHeader {
		return fmt.Errorf("record of %d bytes has no header", len(record))
	}
	id := binary.LittleEndian.Uint16(record[rawKindAt:])
	k := w.layout.kind(id)
	if k < 0 {
		return fmt.Errorf("record of kind %d, which the capture does not have", id)
	}
	size := w.layout.kinds[k].Size
	if len(record) < size {
		return fmt.Errorf("record of %d bytes, a %s has %d", len(record), w.layout.kinds[k].Name, size)
	}
	at, err := w.arena.add(record[:size])
	if err != nil {
		return err
	}
	time := binary.LittleEndian.Uint64(record[rawTimeAt:])
	if w.groups[w.groupOf[k]].add(key{time, at, uint16(k)}, w.flushed) {
		w.stats.Reordered++
	}
	w.stats.Total++
	return nil
}

// Pending is the number of rows taken and not flushed.
func (w *Writer) Pending() (n int) {
	for i := range w.groups {
		n += len(w.groups[i].keys)
	}
	return n
}

// Stats returns a copy of the counts so far.
func (w *Writer) Stats() Stats {
	s := w.stats
	s.Rows = maps.Collect(func(yield func(string, uint64) bool) {
		for i, n := range w.rows {
			if n > 0 && !yield(w.layout.kinds[i].Name, n) {
				return
			}
		}
	})
	s.Bytes = w.sink.position()
	return s
}

// Flush writes every row up to a boot time, in windows: the batches of a
// window follow each other, one for each group with rows, and the next window
// begins where the last one ended. Rows that come later with an older time get
// that time, and are counted.
func (w *Writer) Flush(until uint64) error {
	for i := range w.groups {
		if g := &w.groups[i]; !g.sorted {
			w.sorter.sort(g.keys)
			g.sorted = true
		}
	}
	for more := true; more; {
		edge := until
		more = false
		for i := range w.groups {
			if e, full := w.groups[i].edge(until); full && e <= edge {
				edge, more = e, true
			}
		}
		if err := w.window(edge); err != nil {
			return err
		}
	}
	w.flushed = max(w.flushed, until)
	return w.sink.failed()
}

// window writes all rows up to a time: what is shared, then each group.
func (w *Writer) window(until uint64) error {
	own := make([][]key, len(w.groups))
	w.shared = append(w.shared[:0], w.groups[0].take(until)...)
	alone := len(w.shared)
	for i := 1; i < len(w.groups); i++ {
		rows := w.groups[i].take(until)
		if len(rows) < fewRows && len(w.shared)+len(rows) <= batchRows {
			w.shared = append(w.shared, rows...)
		} else {
			own[i] = rows
		}
	}
	if len(w.shared) > alone {
		w.sorter.sort(w.shared)
	}
	own[0] = w.shared
	for _, rows := range own {
		if len(rows) > 0 {
			if err := w.write(rows); err != nil {
				return err
			}
		}
	}
	for i := range w.groups {
		w.groups[i].forget(&w.arena)
	}
	return nil
}

func (w *Writer) write(rows []key) error {
	bufs, err := w.sink.buffers()
	if err != nil {
		return err
	}
	w.builder.build(rows, &w.arena, bufs)
	w.sink.take(bufs)
	for i := range rows {
		w.rows[rows[i].kind]++
	}
	return nil
}

// Close writes what is pending and the end of the file. It does not close
// what it writes to.
func (w *Writer) Close() error {
	err := w.Flush(math.MaxUint64)
	if closeErr := w.sink.close(); err == nil {
		err = closeErr
	}
	return err
}
