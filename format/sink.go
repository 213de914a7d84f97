// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// sink compresses and writes batches, when asked to on a goroutine of its own.
// At most aheadBatches wait for that: memory is bounded however slow the disk.
type sink struct {
	background bool
	stream     bool
	out        io.Writer
	at         atomic.Int64 // bytes written
	encoder    *encoder
	index      index
	schema     []byte // flatbuffer of the schema's message
	table      int    // where the schema's table is in it
	queue      chan *buffers
	free       chan *buffers
	err        atomic.Pointer[error] // the first failure: nothing is written after it
	full       atomic.Bool           // batches are dropped
	mutex      sync.Mutex
	count      sinkCounts
	once       sync.Once
	done       chan struct{}
}

// sinkCounts are by index of the kind.
type sinkCounts struct {
	rows    []uint64 // written
	dropped []uint64 // events for which there was no room
}

// A Roomer is asked before each batch whether there is room for it and for the
// end of the file. If not, the batch is dropped and the Writer says ErrFull. What
// a capture is written to may be one.
type Roomer interface{ Room(bytes int) error }

const aheadBatches = 3

func newSink(w io.Writer, l *layout, metadata []note, o WriterOptions) (*sink, error) {
	e, err := newEncoder(l)
	if err != nil {
		return nil, err
	}
	n := len(l.kinds)
	s := &sink{count: sinkCounts{make([]uint64, n), make([]uint64, n)}, background: o.Background, stream: o.Stream, out: w, encoder: e, done: make(chan struct{}),
		queue: make(chan *buffers, aheadBatches), free: make(chan *buffers, aheadBatches)}
	for range aheadBatches {
		s.free <- newBuffers(l)
	}
	if err := s.begin(l.schema(metadata), l); err != nil {
		return nil, err
	}
	if s.background {
		go s.run()
	} else {
		close(s.done)
	}
	return s, nil
}

// begin writes the schema and the dictionaries: from here on the file can be
// opened, whatever happens to its writer.
func (s *sink) begin(schema *arrow.Schema, l *layout) error {
	if !s.stream {
		if err := s.write(append([]byte(magic), 0, 0)); err != nil {
			return err
		}
	}
	head, err := s.schemaMessage(schema)
	if err != nil {
		return fmt.Errorf("encode schema: %w", err)
	}
	if err := s.write(head); err != nil {
		return err
	}
	id := int64(0)
	for c := range l.columns {
		if l.columns[c].Type != Enum {
			continue
		}
		head, body := s.encoder.dictionary(id, l.columns[c].Values)
		s.index.dictionaries = append(s.index.dictionaries, s.next(head, body))
		if err := errors.Join(s.write(head), s.write(body)); err != nil {
			return err
		}
		id++ // as the Arrow library numbers them in the schema
	}
	return nil
}

// schemaMessage has the Arrow library encode the schema, and seals it.
func (s *sink) schemaMessage(schema *arrow.Schema) ([]byte, error) {
	var b bytes.Buffer
	if err := ipc.NewWriter(&b, ipc.WithSchema(schema)).Close(); err != nil {
		return nil, err
	}
	m, err := input{bytes.NewReader(b.Bytes()), int64(b.Len())}.message(0, nil)
	if err != nil {
		return nil, err
	}
	s.schema, s.table = m.flat.buf, m.header
	header := s.encoder.embed(s.schema, s.table)
	return s.encoder.message(headerSchema, header, 0), nil
}

// next is where a message will be that is written now.
func (s *sink) next(head, body []byte) block {
	at := s.at.Load()
	return block{at, at + int64(len(head)), at + int64(len(head)+len(body))}
}

func (s *sink) run() {
	defer close(s.done)
	for b := range s.queue {
		s.put(b)
	}
}

// put writes a batch, or drops it.
func (s *sink) put(b *buffers) {
	if s.err.Load() == nil {
		s.encode(b)
	}
	s.free <- b
}

func (s *sink) encode(b *buffers) {
	head, body := s.encoder.encode(b)
	if r, ok := s.out.(Roomer); ok && !s.full.Load() && r.Room(len(head)+len(body)) != nil {
		s.full.Store(true)
	}
	if s.full.Load() {
		s.add(b.events, func(c *sinkCounts) []uint64 { return c.dropped })
		return
	}
	s.index.batches = append(s.index.batches, s.next(head, body))
	if s.write(head) == nil && s.write(body) == nil { // else it is noted
		s.add(b.brief.rows, func(c *sinkCounts) []uint64 { return c.rows })
	}
}

// add adds to the counts that a function chooses.
func (s *sink) add(rows []int, to func(*sinkCounts) []uint64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for kind, n := range rows {
		to(&s.count)[kind] += uint64(n)
	}
}

// counts takes a copy of what a function chooses.
func (s *sink) counts(choose func(*sinkCounts) []uint64) []uint64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(choose(&s.count))
}

// settle waits until no batch is under way, and takes batches again.
func (s *sink) settle() {
	var all []*buffers
	for range aheadBatches {
		all = append(all, <-s.free)
	}
	for _, b := range all {
		s.free <- b
	}
	s.full.Store(false)
}

func (s *sink) write(p []byte) error {
	n, err := s.out.Write(p)
	s.at.Add(int64(n))
	if err != nil {
		err = fmt.Errorf("write capture: %w", err)
		s.err.CompareAndSwap(nil, &err)
	}
	return err
}

func (s *sink) failed() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	if s.full.Load() {
		return ErrFull
	}
	return nil
}

// buffers waits for memory that no batch uses.
func (s *sink) buffers() (*buffers, error) {
	b := <-s.free
	if err := s.err.Load(); err != nil {
		s.free <- b
		return nil, *err
	}
	return b, nil
}

// take takes a batch. Its failure comes from the next call of failed.
func (s *sink) take(b *buffers) {
	if s.background {
		s.queue <- b
	} else {
		s.put(b)
	}
}

// close waits for what is queued and writes the end of the file.
func (s *sink) close() error {
	s.once.Do(func() {
		close(s.queue)
		<-s.done
		if s.err.Load() != nil {
			return
		}
		end := slices.Clone(streamEnd)
		if !s.stream {
			end = append(end, s.encoder.footer(&s.index, s.schema, s.table)...)
		}
		_ = s.write(end) // it is noted
	})
	return s.failed()
}

func (s *sink) position() int64 { return s.at.Load() }
