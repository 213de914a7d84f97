// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// batchRows is the most rows a record batch has.
const batchRows = 64 << 10

// WriterOptions says how to write.
type WriterOptions struct {
	// Stream writes the Arrow stream format, which needs no seeking, instead
	// of the file format. It has no footer: readers cannot skip.
	Stream bool
}

// Stats counts what a writer did.
type Stats struct {
	Rows      map[string]uint64 // written, by kind
	Total     uint64            // rows taken, written or pending
	Bytes     int64             // written to the file
	Reordered uint64            // rows that came too late and carry the time of the last flush
}

// Writer writes a capture. Rows may be added in any order; they are held until
// a flush says that nothing older will come. Not for concurrent use.
type Writer struct {
	out     countingWriter
	arrow   arrowWriter
	layout  *layout
	schema  *arrow.Schema
	builder *builder
	groups  []group // the shared one, then one for each hot kind
	groupOf []int   // by index of the kind
	flushed uint64  // boot time: everything up to it is written
	stats   Stats
}

type arrowWriter interface {
	Write(arrow.Record) error
	Close() error
}

// countingWriter passes on Seek, which the file format asks for its position.
type countingWriter struct {
	io.Writer
	n int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n += int64(n)
	return n, err
}

// Seek only tells the position: nothing is ever written twice.
func (w *countingWriter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("a capture is written front to back")
	}
	return w.n, nil
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
	fw := &Writer{out: countingWriter{Writer: w}, layout: l, schema: schema, stats: Stats{Rows: map[string]uint64{}}}
	fw.builder = newBuilder(l, schema, meta.BootOffset)
	fw.makeGroups()
	options := []ipc.Option{ipc.WithSchema(schema), ipc.WithZstd()}
	if o.Stream {
		fw.arrow = ipc.NewWriter(&fw.out, options...)
	} else if fw.arrow, err = ipc.NewFileWriter(&fw.out, options...); err != nil {
		return nil, err
	}
	// A batch without rows brings the schema out at once: from here on the
	// file can be opened, whatever happens to its writer.
	return fw, fw.write(nil)
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

// Add takes one raw record, laid out as its kind says. It copies it.
func (w *Writer) Add(record []byte) error {
	if len(record) < rawHeader {
		return fmt.Errorf("record of %d bytes has no header", len(record))
	}
	id := binary.LittleEndian.Uint16(record[rawKindAt:])
	k, ok := w.layout.byID[id]
	if !ok {
		return fmt.Errorf("record of kind %d, which the capture does not have", id)
	}
	if size := w.layout.kinds[k].Size; len(record) < size {
		return fmt.Errorf("record of %d bytes, a %s has %d", len(record), w.layout.kinds[k].Name, size)
	} else {
		record = record[:size]
	}
	late := w.groups[w.groupOf[k]].add(record, k, w.flushed)
	if late {
		w.stats.Reordered++
	}
	w.stats.Total++
	return nil
}

// The raw header: where its time and kind are.
const (
	rawTimeAt = 0
	rawKindAt = 16
	rawHeader = 24
)

// Pending is the number of rows taken and not written.
func (w *Writer) Pending() (n int) {
	for i := range w.groups {
		n += len(w.groups[i].rows)
	}
	return n
}

// Stats returns a copy of the counts so far.
func (w *Writer) Stats() Stats {
	s := w.stats
	s.Rows = maps.Clone(s.Rows)
	s.Bytes = w.out.n
	return s
}

// Flush writes every row up to a boot time, in windows: the batches of a
// window follow each other, one for each group with rows, and the next window
// begins where the last one ended. Rows that come later with an older time get
// that time, and are counted.
func (w *Writer) Flush(until uint64) error {
	for i := range w.groups {
		w.groups[i].sort()
	}
	for {
		edge, more := until, false
		for i := range w.groups {
			if e, full := w.groups[i].edge(until); full && e < edge {
				edge, more = e, true
			}
		}
		if err := w.window(edge); err != nil {
			return err
		}
		if !more {
			break
		}
	}
	w.flushed = max(w.flushed, until)
	return nil
}

func (w *Writer) window(until uint64) error {
	for i := range w.groups {
		g := &w.groups[i]
		for rows := g.take(until); len(rows) > 0; {
			n := min(len(rows), batchRows)
			if err := w.write(rows[:n]); err != nil {
				return err
			}
			rows = rows[n:]
		}
		g.forget()
	}
	return nil
}

func (w *Writer) write(rows []row) error {
	rec := w.builder.build(rows)
	defer rec.Release()
	if err := w.arrow.Write(rec); err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	for i := range rows {
		w.stats.Rows[w.layout.kinds[rows[i].kind].Name]++
	}
	return nil
}

// Close writes what is pending and the end of the file. It does not close
// what it writes to.
func (w *Writer) Close() error {
	if err := w.Flush(math.MaxUint64); err != nil {
		return err
	}
	if err := w.arrow.Close(); err != nil {
		return fmt.Errorf("write footer: %w", err)
	}
	return nil
}
