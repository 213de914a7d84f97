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
	File      map[string]uint64 // rows in the file at hand, by kind: those flushed, and those that it began with
	Bytes     int64             // in the file, or kept where there is none
	Newest    int64             // of them in the newest segment
	End       int64             // bytes that the end of the file takes, at most
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
	k, err := w.kindOf(record)
	if err != nil {
		return err
	}
	record, err = w.builder.layout.kinds[k].whole(record)
	if err != nil {
		return err
	}
	at, err := w.builder.arena.add(record, 1)
	if err != nil {
		return err
	}
	if w.windows.add(key{binary.LittleEndian.Uint64(record[rawTimeAt:]), at, uint16(k), read}) {
		w.stats.Reordered++
	}
	w.stats.Total++
	return nil
}

// AddAll takes many raw records of events of one kind, one behind the other: a
// batch of a hot kind. It copies them, all at once.
func (w *Writer) AddAll(records []byte) error {
	for len(records) > 0 {
		k, err := w.kindOf(records)
		if err != nil {
			return err
		}
		size := w.builder.layout.kinds[k].Size
		if len(records)%size != 0 {
			return fmt.Errorf("%d bytes of records of kind %s, each of which has %d", len(records), w.builder.layout.kinds[k].Name, size)
		}
		some := records[:min(len(records), maxRecord/size*size)]
		if err := w.addSome(some, k, size); err != nil {
			return err
		}
		records = records[len(some):]
	}
	return nil
}

// addSome takes records that fit in a chunk of the arena.
func (w *Writer) addSome(records []byte, k, size int) error {
	id := binary.LittleEndian.Uint16(records[rawKindAt:])
	for at := 0; at < len(records); at += size {
		if binary.LittleEndian.Uint16(records[at+rawKindAt:]) != id {
			return fmt.Errorf("record %d is not of the kind of those before it", at/size)
		}
	}
	at, err := w.builder.arena.add(records, len(records)/size)
	if err != nil {
		return err
	}
	w.stats.Reordered += w.windows.addAll(uint16(k), records, size, at)
	w.stats.Total += uint64(len(records) / size)
	return nil
}

// kindOf is the index of a record's kind; it checks that the record is whole.
func (w *Writer) kindOf(record []byte) (int, error) {
	if len(record) < rawHeader {
		return 0, fmt.Errorf("record of %d bytes has no header", len(record))
	}
	id := binary.LittleEndian.Uint16(record[rawKindAt:])
	l := w.builder.layout
	k := l.kind(id)
	if k < 0 {
		return 0, fmt.Errorf("record of kind %d, which the capture does not have", id)
	}
	if size := l.kinds[k].fixed(); len(record) < size {
		return 0, fmt.Errorf("record of %d bytes, a %s has %d", len(record), l.kinds[k].Name, size)
	}
	return k, nil
}

// Pending is the number of rows taken and not flushed.
func (w *Writer) Pending() int { return w.windows.pending() }

// Stats returns a copy of the counts so far.
func (w *Writer) Stats() Stats {
	s := w.stats
	s.Rows = w.windows.written()
	s.File = w.windows.layout.byName(w.windows.sink.counts(func(c *sinkCounts) []uint64 { return c.file }))
	s.Newest = w.windows.sink.newest.Load()
	s.Bytes, s.End = w.windows.sink.position(), w.windows.sink.end.Load()
	return s
}

// Flush writes every row up to a boot time. Rows that come later with an older
// time get that time, and are counted.
func (w *Writer) Flush(until uint64) error { return w.windows.flush(until) }

// Discard forgets what is not in the file yet, after a call said [ErrFull], and
// returns how many events that were, by kind. What is added from then on is
// written as before.
func (w *Writer) Discard() map[string]uint64 { return w.windows.discard() }

// Dropped returns how many events of the last flushes are not in the file, by kind,
// after a call said [ErrFull]. What is flushed from then on is written as before.
func (w *Writer) Dropped() map[string]uint64 {
	return w.windows.layout.byName(w.windows.sink.forgetDropped())
}

// Close writes what is pending and the end of the file. It does not close
// what it writes to.
func (w *Writer) Close() error { return w.windows.close() }
