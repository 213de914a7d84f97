// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// sink compresses and writes batches, when asked to on a goroutine of its own.
// At most aheadBatches wait for that: memory is bounded however slow the disk.
type sink struct {
	background bool
	arrow      arrowWriter
	out        *output
	queue      chan batchToWrite
	free       chan *buffers
	err        atomic.Pointer[error] // the first failure: nothing is written after it
	once       sync.Once
	done       chan struct{}
}

const aheadBatches = 3

type batchToWrite struct {
	record  arrow.Record
	buffers *buffers
}

type arrowWriter interface {
	Write(arrow.Record) error
	Close() error
}

func newSink(w io.Writer, schema *arrow.Schema, l *layout, o WriterOptions) (*sink, error) {
	s := &sink{background: o.Background, out: &output{w: bufio.NewWriterSize(w, 1<<18)}, done: make(chan struct{}),
		queue: make(chan batchToWrite, aheadBatches), free: make(chan *buffers, aheadBatches)}
	options := []ipc.Option{ipc.WithSchema(schema), ipc.WithZstd()}
	if o.Stream {
		s.arrow = ipc.NewWriter(s.out, options...)
	} else {
		fw, err := ipc.NewFileWriter(s.out, options...)
		if err != nil {
			return nil, err
		}
		s.arrow = fw
	}
	for range aheadBatches {
		s.free <- newBuffers(l)
	}
	if s.background {
		go s.run()
	} else {
		close(s.done)
	}
	return s, nil
}

func (s *sink) run() {
	defer close(s.done)
	for b := range s.queue {
		s.put(b)
	}
}

// put writes a batch as a whole: a reader opens what is there.
func (s *sink) put(b batchToWrite) {
	if s.err.Load() == nil {
		s.fail(s.arrow.Write(b.record))
	}
	if s.err.Load() == nil {
		s.fail(s.out.w.Flush())
	}
	b.record.Release()
	s.free <- b.buffers
}

func (s *sink) fail(err error) {
	if err != nil {
		err = fmt.Errorf("write batch: %w", err)
		s.err.CompareAndSwap(nil, &err)
	}
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

// write takes a batch. Its failure comes from the next call of failed.
func (s *sink) write(r arrow.Record, b *buffers) {
	if s.background {
		s.queue <- batchToWrite{r, b}
	} else {
		s.put(batchToWrite{r, b})
	}
}

// close waits for what is queued and writes the end of the file.
func (s *sink) close() error {
	s.once.Do(func() {
		close(s.queue)
		<-s.done
		if s.err.Load() == nil {
			s.fail(s.arrow.Close())
			s.fail(s.out.w.Flush())
		}
	})
	return s.failed()
}

func (s *sink) position() int64 { return s.out.n.Load() }

// output counts what is written and passes it on in large pieces.
type output struct {
	w *bufio.Writer
	n atomic.Int64
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.n.Add(int64(n))
	return n, err
}

// Seek only tells the position, which the file format asks for: nothing is
// ever written twice.
func (o *output) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("a capture is written front to back")
	}
	return o.n.Load(), nil
}
