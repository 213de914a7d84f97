// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
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
	once       sync.Once
	done       chan struct{}
}

const aheadBatches = 3

func newSink(w io.Writer, schema *arrow.Schema, l *layout, o WriterOptions) (*sink, error) {
	e, err := newEncoder(l)
	if err != nil {
		return nil, err
	}
	s := &sink{background: o.Background, stream: o.Stream, out: w, encoder: e, done: make(chan struct{}),
		queue: make(chan *buffers, aheadBatches), free: make(chan *buffers, aheadBatches)}
	for range aheadBatches {
		s.free <- newBuffers(l)
	}
	if err := s.begin(schema, l); err != nil {
		return nil, err
	}
	if s.background {
		go s.run()
	} else {
		close(s.done)
	}
	return s, nil
}

// begin writes the schema, the dictionaries and a batch without rows, as the
// Arrow library makes them: from here on the file can be opened, whatever
// happens to its writer.
func (s *sink) begin(schema *arrow.Schema, l *layout) error {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(schema))
	if err := w.Write(noRows(schema, l)); err != nil {
		return fmt.Errorf("encode schema: %w", err)
	}
	head := []byte{}
	if !s.stream {
		head = append(append(head, magic...), 0, 0)
	}
	all := append(head, b.Bytes()...)
	in := input{bytes.NewReader(all), int64(len(all))}
	m, err := in.message(int64(len(head)), nil)
	if err != nil {
		return fmt.Errorf("encode schema: %w", err)
	}
	s.schema, s.table = m.flat.buf, m.header
	s.index = in.walk(m.end)
	return s.write(all)
}

// noRows is a batch without rows and with every dictionary.
func noRows(schema *arrow.Schema, l *layout) arrow.Record {
	columns := make([]arrow.Array, len(l.columns))
	for c := range columns {
		typ := schema.Field(c).Type
		if l.columns[c].Type != Enum {
			columns[c] = array.MakeArrayOfNull(memory.DefaultAllocator, typ, 0)
			continue
		}
		indices := array.MakeArrayOfNull(memory.DefaultAllocator, typ.(*arrow.DictionaryType).IndexType, 0)
		columns[c] = array.NewDictionaryArray(typ, indices, dictionary(l.columns[c].Values))
	}
	return array.NewRecord(schema, columns, 0)
}

func (s *sink) run() {
	defer close(s.done)
	for b := range s.queue {
		s.put(b)
	}
}

// put writes a batch.
func (s *sink) put(b *buffers) {
	if s.err.Load() == nil {
		head, body := s.encoder.encode(b)
		at := s.at.Load()
		x := block{at, at + int64(len(head)), at + int64(len(head)+len(body))}
		if s.index.batches = append(s.index.batches, x); s.write(head) == nil {
			_ = s.write(body) // it is noted
		}
	}
	s.free <- b
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
	return nil
}

// buffers waits for memory that no batch uses.
func (s *sink) buffers() (*buffers, error) {
	b := <-s.free
	if err := s.failed(); err != nil {
		s.free <- b
		return nil, err
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
		end := []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}
		if !s.stream {
			end = append(end, encodeFooter(&s.index, s.schema, s.table)...)
		}
		_ = s.write(end) // it is noted
	})
	return s.failed()
}

func (s *sink) position() int64 { return s.at.Load() }
