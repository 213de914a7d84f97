// SPDX-License-Identifier: Apache-2.0

package format

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// sink compresses and writes batches, when asked to on a goroutine of its own.
// At most aheadBatches wait for that: memory is bounded however slow the disk.
type sink struct {
	background bool
	stream     bool
	file       *container   // nil: there are only the segments
	at         atomic.Int64 // bytes written to the file, or kept without one
	end        atomic.Int64 // bytes that the end of the file takes
	newest     atomic.Int64 // bytes of the newest segment
	segments   []segment
	encoder    *encoder
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
	file    []uint64 // of those, and of what was kept before, in the file at hand
	dropped []uint64 // events for which there was no room
}

// A Roomer is asked before each batch whether there is room for it and for the
// end of the file. If not, the batch is dropped and the Writer says ErrFull. What
// a capture is written to may be one.
type Roomer interface{ Room(bytes int) error }

const aheadBatches = 3

// newSink begins a file on out, or, without one, only the first segment.
func newSink(out io.Writer, l *layout, metadata []note, o WriterOptions) (*sink, error) {
	e, err := newEncoder(l)
	if err != nil {
		return nil, err
	}
	n := len(l.kinds)
	s := &sink{count: sinkCounts{make([]uint64, n), make([]uint64, n), make([]uint64, n)}, background: o.Background, stream: o.Stream, encoder: e, done: make(chan struct{}),
		queue: make(chan *buffers, aheadBatches), free: make(chan *buffers, aheadBatches)}
	for range aheadBatches {
		s.free <- newBuffers(l)
	}
	if out == nil {
		s.segments = []segment{{}}
	} else if err := s.open(out, metadata); err != nil {
		return nil, err
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

// put writes a batch, or drops it.
func (s *sink) put(b *buffers) {
	if s.err.Load() == nil {
		s.encode(b, false)
	}
	s.free <- b
}

// encode writes a batch. One for which there is no room is dropped, unless it is to
// be whole: then it is given back.
func (s *sink) encode(b *buffers, whole bool) (taken bool) {
	head, body := s.encoder.encode(b)
	if s.file != nil && !s.full.Load() && !s.file.room(len(head)+len(body)) {
		if whole {
			return false
		}
		s.full.Store(true)
	}
	s.keep(head, body, b.brief.rows) // for the next file, also when this one is full
	if s.full.Load() {
		s.add(b.events, func(c *sinkCounts) []uint64 { return c.dropped })
		return true
	}
	if s.file == nil {
		s.at.Add(int64(len(head) + len(body)))
	} else if !s.note(s.file.batch(head, body)) {
		return true
	}
	s.add(b.brief.rows, func(c *sinkCounts) []uint64 { return c.rows })
	s.add(b.brief.rows, func(c *sinkCounts) []uint64 { return c.file })
	return true
}

// note keeps the first failure of writing, and how far it came.
func (s *sink) note(err error) bool {
	s.at.Store(s.file.at)
	s.end.Store(s.file.endBytes())
	if err != nil {
		s.err.CompareAndSwap(nil, &err)
	}
	return err == nil
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

// forgetDropped gives the counts of dropped events once, by index of the kind.
func (s *sink) forgetDropped() []uint64 {
	s.settle()
	return s.counts(func(c *sinkCounts) []uint64 {
		dropped := c.dropped
		c.dropped = make([]uint64, len(dropped))
		return dropped
	})
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

// takeWhole takes a batch unless the file has no room for it, which is only known
// of one that is not written in the background.
func (s *sink) takeWhole(b *buffers) (taken bool) {
	if s.background || s.err.Load() != nil {
		s.take(b)
		return true
	}
	taken = s.encode(b, true)
	s.free <- b
	return taken
}

// close waits for what is queued and writes the end of the file.
func (s *sink) close() error {
	s.once.Do(func() {
		close(s.queue)
		<-s.done
		s.finish()
	})
	return s.failed()
}

// finish writes the end of the file, if there is one.
func (s *sink) finish() {
	if s.file != nil && s.err.Load() == nil {
		s.note(s.file.end(s.encoder))
	}
}

func (s *sink) position() int64 { return s.at.Load() }
