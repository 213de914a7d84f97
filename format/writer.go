// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"fmt"
	"io"
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
	Bytes     int64             // in the file, or kept where there is none
	Reordered uint64            // rows that came too late and carry the time of the last flush
}

// Writer writes a capture. Rows may be added in any order; they are held until
// a flush says that nothing older will come. Close it even after an error: a
// goroutine may be waiting. Not for concurrent use.
type Writer struct {
	builder *builder
	windows windows
	stats   Stats
}

// NewWriter begins a capture with rows of the given kinds. The kinds must have
// their layout; meta.Format is ignored. Without w there is no file: what is
// flushed is kept in memory, in segments; see [Writer.Mark].
func NewWriter(w io.Writer, meta *Metadata, kinds []Kind, o WriterOptions) (*Writer, error) {
	if err := checkKinds(kinds); err != nil {
		return nil, err
	}
	l, err := newLayout(kinds)
	if err != nil {
		return nil, err
	}
	b := &builder{layout: l, offset: meta.BootOffset}
	fw := &Writer{builder: b, windows: newWindows(l, b, meta.BootOffset)}
	if err := fw.windows.begin(w, meta, o); err != nil {
		return nil, err
	}
	return fw, nil
}

// The raw header: where its time and kind are.
const (
	rawTimeAt = 0
	rawKindAt = 16
	rawHeader = 24
)

// Add takes one raw record of an event, laid out as its kind says. It copies it.
func (w *Writer) Add(record []byte) error { return w.add(record, false) }

// AddReading takes one raw record of what the recorder read, such as sums: no
// event that was seen, so none that can be lost. It copies it.
func (w *Writer) AddReading(record []byte) error { return w.add(record, true) }

func (w *Writer) add(record []byte, read bool) error {
	if len(record) < rawHeader {
		return fmt.Errorf("record of %d bytes has no header", len(record))
	}
	id := binary.LittleEndian.Uint16(record[rawKindAt:])
	l := w.builder.layout
	k := l.kind(id)
	if k < 0 {
		return fmt.Errorf("record of kind %d, which the capture does not have", id)
	}
	size := l.kinds[k].Size
	if len(record) < size {
		return fmt.Errorf("record of %d bytes, a %s has %d", len(record), l.kinds[k].Name, size)
	}
	at, err := w.builder.arena.add(record[:size])
	if err != nil {
		return err
	}
	if w.windows.add(key{binary.LittleEndian.Uint64(record[rawTimeAt:]), at, uint16(k), read}) {
		w.stats.Reordered++
	}
	w.stats.Total++
	return nil
}

// Pending is the number of rows taken and not flushed.
func (w *Writer) Pending() int { return w.windows.pending() }

// Stats returns a copy of the counts so far.
func (w *Writer) Stats() Stats {
	s := w.stats
	s.Rows = w.windows.written()
	s.Bytes = w.windows.sink.position()
	return s
}

// Flush writes every row up to a boot time. Rows that come later with an older
// time get that time, and are counted.
func (w *Writer) Flush(until uint64) error { return w.windows.flush(until) }

// Discard forgets what is not in the file yet, after a call said [ErrFull], and
// returns how many events that were, by kind. What is added from then on is
// written as before.
func (w *Writer) Discard() map[string]uint64 { return w.windows.discard() }

// Close writes what is pending and the end of the file. It does not close
// what it writes to.
func (w *Writer) Close() error { return w.windows.close() }
