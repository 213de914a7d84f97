// SPDX-License-Identifier: Apache-2.0

package format

import (
	"io"
	"slices"
)

// segment is a run of batches that are kept in memory as they are in a file.
type segment struct {
	messages []keptMessage
	bytes    int64
}

type keptMessage struct {
	head, body []byte
	rows       []int // by index of the kind
}

// Kept is a part of a recording in memory. It does not change: any goroutine
// may write it.
type Kept struct {
	layout   *layout
	segments []segment
	stream   bool
}

// Mark begins a segment: batches are kept in memory from here on, also when
// there is a file. What is to be in it must be flushed after Mark.
func (w *Writer) Mark() {
	s := w.windows.sink
	s.settle()
	s.segments = append(s.segments, segment{})
	s.newest.Store(0)
}

// Kept returns the segments that are kept.
func (w *Writer) Kept() *Kept {
	s := w.windows.sink
	s.settle()
	return &Kept{w.windows.layout, slices.Clone(s.segments), s.stream}
}

// DropOldest forgets the oldest segment, DropNewest the one begun last.
func (w *Writer) DropOldest() { w.drop(0) }

// DropNewest forgets the segment begun last; the one before goes on.
func (w *Writer) DropNewest() { w.drop(len(w.windows.sink.segments) - 1) }

func (w *Writer) drop(i int) {
	s := w.windows.sink
	s.settle()
	if s.file == nil {
		s.at.Add(-s.segments[i].bytes)
	}
	s.segments = slices.Delete(slices.Clone(s.segments), i, i+1)
	if n := len(s.segments); n > 0 {
		s.newest.Store(s.segments[n-1].bytes)
	}
}

// Next ends the file and goes on in another, which begins with the segments
// that are kept; then they are forgotten. Rows that are pending go to the new
// one.
func (w *Writer) Next(out io.Writer, meta *Metadata) error {
	s := w.windows.sink
	k := w.Kept()
	s.finish()
	s.segments = nil
	if err := s.failed(); err != nil {
		return err
	}
	pairs, err := encodeMetadata(meta, w.windows.layout.kinds)
	if err != nil {
		return err
	}
	if err := s.open(out, pairs); err != nil {
		return err
	}
	s.mutex.Lock()
	s.count.file = k.counts()
	s.mutex.Unlock()
	err = k.write(s.file, s.encoder, meta, pairs)
	s.note(nil)
	return err
}

// WriteTo writes the segments as a capture, and returns its size in bytes and
// its rows by kind.
func (k *Kept) WriteTo(out io.Writer, meta *Metadata) (bytes int64, rows map[string]uint64, err error) {
	e, err := newEncoder(k.layout)
	if err != nil {
		return 0, nil, err
	}
	pairs, err := encodeMetadata(meta, k.layout.kinds)
	if err != nil {
		return 0, nil, err
	}
	f := &container{out: out, stream: k.stream}
	if err := f.begin(e, pairs); err != nil {
		return f.at, nil, err
	}
	if err := k.write(f, e, meta, pairs); err != nil {
		return f.at, nil, err
	}
	err = f.end(e)
	return f.at, k.layout.byName(k.counts()), err
}

// write writes the metadata's row and the segments.
func (k *Kept) write(f *container, e *encoder, meta *Metadata, pairs []note) error {
	text, err := metadataText(k.layout, pairs)
	if err != nil {
		return err
	}
	row := newBuffers(k.layout)
	row.metadataRow(k.layout, meta.Start.UnixNano(), text)
	if err := f.batch(e.encode(row)); err != nil {
		return err
	}
	for i := range k.segments {
		for _, m := range k.segments[i].messages {
			if err := f.batch(m.head, m.body); err != nil {
				return err
			}
		}
	}
	return nil
}

// counts are the rows by index of the kind.
func (k *Kept) counts() []uint64 {
	counts := make([]uint64, len(k.layout.names))
	for i := range k.segments {
		for _, m := range k.segments[i].messages {
			for kind, n := range m.rows {
				counts[kind] += uint64(n)
			}
		}
	}
	return counts
}

// open begins a file.
func (s *sink) open(out io.Writer, metadata []note) error {
	s.file = &container{out: out, stream: s.stream}
	err := s.file.begin(s.encoder, metadata)
	s.note(err)
	return err
}

// keep adds a batch to the newest segment, if there is one.
func (s *sink) keep(head, body []byte, rows []int) {
	if len(s.segments) == 0 {
		return
	}
	g := &s.segments[len(s.segments)-1]
	g.messages = append(g.messages, keptMessage{slices.Clone(head), slices.Clone(body), slices.Clone(rows)})
	g.bytes += int64(len(head) + len(body))
	s.newest.Store(g.bytes)
}
