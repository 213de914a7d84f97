// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// parts are the captures that one recording becomes: numbered files that follow
// each other (--rotate), or the newest window of it, written when asked
// (--last). Both cut the recording into segments. A segment begins with an
// inventory - who lives, what was used so far, open connections - so that it
// needs none of those before it.
type parts struct {
	last   time.Duration // window that is kept in memory; 0: files follow each other
	most   int64         // bytes of a file, or kept
	keep   int           // numbered files that stay; 0: all
	path   string
	force  bool
	number int
	files  []string // numbered, oldest first
	begun  []part   // segments kept in memory, oldest first

	cut   uint64        // boot time at which the next segment begins; 0: no cut under way
	cutBy uint64        // boot time at which its inventory was done
	took  time.Duration // that the longest cut took

	wanted  string // why the window is to be written soon; empty: it is not
	writeAt uint64 // boot time after which it is
	upTo    uint64 // boot time of the sums that it ends with; 0: not read yet
	quiet   uint64 // boot time up to which triggers are not heeded
	writing chan dumped
}

// part is a segment: analyses count from boot time from on; 0: from the start
// of the recording.
type part struct{ from uint64 }

// dumped is how writing the window went.
type dumped struct {
	file File
	err  error
}

const (
	segmentsInWindow = 8
	leastSegment     = time.Second
	// aftermath is how much of what follows a trigger is in the file, at most.
	aftermath = time.Second
	keptBytes = 64 << 20
	// A segment ends early when it has its share of the memory. What a file has
	// besides the window takes windowBytes.
	segmentShare = 4
	windowBytes  = 64 << 10
)

func newParts(o Options) *parts {
	if o.Last == 0 && !o.Rotate {
		return nil
	}
	p := &parts{last: o.Last, most: o.MaxSize, keep: o.Keep, path: o.Output, force: o.Force}
	if o.Last > 0 {
		p.begun = []part{{}}
		if p.most == 0 {
			p.most = keptBytes
		}
	}
	return p
}

// inMemory tells whether there is no file until it is asked for.
func (p *parts) inMemory() bool { return p != nil && p.last > 0 }

// next names the next numbered file: trace.arrow becomes trace.1.arrow.
func (p *parts) next() string {
	p.number++
	ext := filepath.Ext(p.path)
	return strings.TrimSuffix(p.path, ext) + "." + strconv.Itoa(p.number) + ext
}

// open makes the next numbered file. One of that name that is not ours is
// passed over: what was recorded is worth more than the number.
func (p *parts) open() (*output, error) {
	for {
		o, err := createOutput(p.next(), p.force)
		if err == nil || !errors.As(err, new(existsError)) {
			return o, err
		}
	}
}

// made notes a numbered file, and removes the oldest beyond those that stay.
func (p *parts) made(path string) error {
	p.files = append(p.files, path)
	stay := p.keep
	if !p.inMemory() {
		stay-- // there is the one being written
	}
	if p.keep == 0 || len(p.files) <= stay {
		return nil
	}
	oldest := p.files[0]
	p.files = p.files[1:]
	if err := os.Remove(oldest); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the oldest file: %w", err)
	}
	return nil
}

// segment is how long a segment of the window is.
func (p *parts) segment() time.Duration { return max(p.last/segmentsInWindow, leastSegment) }

// partly advances cuts and dumps. It is called after each drain; until is the
// boot time up to which everything has arrived. It returns how far rows may be
// flushed: not past a cut under way.
func (s *session) partly(until uint64) (uint64, error) {
	p := s.parts
	if p == nil {
		return until, nil
	}
	if p.cut == 0 {
		due, err := s.segmentIsDue()
		if err == nil && due {
			err = s.beginCut()
		}
		if err != nil {
			return until, err
		}
	}
	if p.cut != 0 {
		if until < p.cutBy {
			return min(until, p.cut-1), nil
		}
		if err := s.finishCut(); err != nil {
			return until, err
		}
	}
	return until, s.heedWishes(until)
}

func (s *session) segmentIsDue() (bool, error) {
	p := s.parts
	if p.inMemory() {
		from := p.begun[len(p.begun)-1].from
		newest := s.writer.Stats().Newest + int64(s.writer.Pending())*rowBytes
		return bpf.Now() > max(from, s.opens)+uint64(p.segment()) || newest > p.most/segmentShare, nil
	}
	return s.reached(p.most)
}

// beginCut writes the inventory that the next segment begins with.
func (s *session) beginCut() error {
	p := s.parts
	p.cut = bpf.Now()
	s.sums.forget()
	if err := errors.Join(s.addSums(p.cut), s.inventory(bpf.ReasonPresent)); err != nil {
		return err
	}
	p.cutBy = bpf.Now()
	return nil
}

// finishCut ends a segment and begins the next, once all rows up to the cut are
// there. What happened while the inventory was made is in both.
func (s *session) finishCut() error {
	p := s.parts
	cut, by := p.cut, p.cutBy
	p.cut, p.cutBy = 0, 0
	if err := s.flush(cut - 1); err != nil {
		return err
	}
	s.writer.Mark()
	if err := s.flush(by); err != nil {
		return err
	}
	s.lastFlush = time.Now()
	p.took = max(p.took, time.Duration(bpf.Now()-cut))
	if p.inMemory() {
		p.begun = append(p.begun, part{from: by})
		s.forgetOld()
		return nil
	}
	return s.nextFile(by)
}

// forgetOld drops the segments that the window does not need or has no room
// for. The newest two stay: one may have only just begun.
func (s *session) forgetOld() {
	p := s.parts
	for len(p.begun) > 2 && (s.lastOf(1)+uint64(p.last) <= bpf.Now() || s.writer.Stats().Bytes+p.most/segmentShare+windowBytes > p.most) {
		s.forgetOldest()
	}
}

// fit drops what a file of the window has no room for: rows may have come faster than
// segments could end. The newest segment stays.
func (s *session) fit() {
	p := s.parts
	for len(p.begun) > 1 && s.writer.Stats().Bytes+windowBytes > p.most {
		s.forgetOldest()
	}
}

// forgetOldest drops the oldest segment.
func (s *session) forgetOldest() {
	s.writer.DropOldest()
	s.parts.begun = s.parts.begun[1:]
}

// lastOf is when segment i begins, in boot time.
func (s *session) lastOf(i int) uint64 { return max(s.parts.begun[i].from, s.opens) }

// ended adds the summary in a segment of its own, so that it can be dropped.
func (s *session) ended(at uint64) error {
	s.writer.Mark()
	if s.out != nil {
		s.out.ending = true
	}
	return errors.Join(s.addEnd(at), s.flush(at))
}

// nextFile ends a file and begins the next.
func (s *session) nextFile(at uint64) error {
	p := s.parts
	if err := s.ended(at); err != nil {
		return err
	}
	s.writer.DropNewest()
	next, err := p.open()
	if err != nil {
		return err
	}
	meta := *s.meta
	meta.Window.From = int64(at) + meta.BootOffset
	old, rows := s.out, s.writer.Stats().File
	s.out = next
	if err := errors.Join(s.writer.Next(next, &meta), next.begun()); err != nil {
		return err
	}
	s.wroteFull("it is full", old, rows)
	return errors.Join(old.finish(), p.made(old.path))
}

// wroteFull tells of a complete file that follows others, or is to be followed.
func (s *session) wroteFull(why string, o *output, rows map[string]uint64) {
	s.wrote(File{Path: o.path, Bytes: o.written, Rows: rows, Why: why})
}

// written is what the files of several have together: what two of them have counts
// in both.
func (s *session) written() (rows map[string]uint64, bytes int64) {
	rows = map[string]uint64{}
	for _, f := range s.files {
		if f.Err != nil {
			continue
		}
		bytes += f.Bytes
		for kind, n := range f.Rows {
			rows[kind] += n
		}
	}
	return rows, bytes
}

// bytes is what was written so far, or is kept in memory to be written.
func (s *session) bytes() int64 {
	n := s.writer.Stats().Bytes
	if s.parts != nil && !s.parts.inMemory() {
		_, before := s.written()
		n += before
	}
	return n
}

// wish asks for the window to be written: soon, and with what follows for a
// while.
func (s *session) wish(why string, after time.Duration) {
	p := s.parts
	if !p.inMemory() || p.wanted != "" {
		return
	}
	p.wanted, p.writeAt = why, bpf.Now()+uint64(after)
}

// triggered is told by the drain of a condition that holds.
func (s *session) triggered(t *Trigger, at uint64) {
	if p := s.parts; at > p.quiet {
		s.wish("trigger "+t.Text, min(aftermath, p.last/4))
	}
}

// heedWishes writes the window when it is asked for, at most one at a time.
func (s *session) heedWishes(until uint64) error {
	p := s.parts
	select {
	case <-s.options.Dump:
		s.wish("asked to", 0)
	default:
	}
	s.dumpDone(false)
	switch {
	case p.wanted == "" || p.writing != nil || bpf.Now() < p.writeAt:
		return nil
	case p.upTo == 0: // connections and sums as of now; what happened up to now is still to arrive
		open, err := s.programs.Open()
		err = errors.Join(err, s.drain.addAll(open, "tcp_socket"))
		p.upTo = bpf.Now()
		return errors.Join(err, s.account(time.Now()))
	case until < p.upTo:
		return nil
	}
	return s.dump(until)
}

// dump begins to write the window, which is complete up to a boot time.
func (s *session) dump(until uint64) error {
	p := s.parts
	why := p.wanted
	p.wanted, p.upTo, p.quiet = "", 0, until+uint64(p.last)
	if err := errors.Join(s.flush(until), s.ended(until)); err != nil {
		return err
	}
	s.lastFlush = time.Now()
	s.fit()
	kept := s.writer.Kept()
	s.writer.DropNewest()
	p.writing = make(chan dumped, 1)
	out, err := p.open()
	if err != nil {
		p.writing <- dumped{err: err}
		return nil
	}
	go func(meta format.Metadata) { p.writing <- dumpTo(out, kept, &meta, why) }(s.windowMeta())
	return nil
}

// windowMeta is the metadata of what is kept.
func (s *session) windowMeta() format.Metadata {
	meta := *s.meta
	if from := s.parts.begun[0].from; from != 0 {
		meta.Window.From = int64(from) + meta.BootOffset
	}
	return meta
}

func dumpTo(out *output, kept *format.Kept, meta *format.Metadata, why string) dumped {
	n, rows, err := kept.WriteTo(out, meta)
	if err == nil {
		err = out.begun()
	}
	return dumped{File{Path: out.path, Bytes: n, Rows: rows, Why: why}, errors.Join(err, out.finish())}
}

// dumpDone learns how the last dump went, and waits for it if it must. One
// that failed does not end the recording.
func (s *session) dumpDone(wait bool) {
	p := s.parts
	if p.writing == nil || !wait && len(p.writing) == 0 {
		return
	}
	d := <-p.writing
	p.writing = nil
	if d.err == nil {
		d.err = p.made(d.file.Path)
	}
	d.file.Err = d.err
	s.wrote(d.file)
}

// endWindow writes what is kept when the recording ends.
func (s *session) endWindow() error {
	s.dumpDone(true)
	out, err := createOutput(s.options.Output, s.options.Force)
	if err != nil {
		return err
	}
	s.fit()
	meta := s.windowMeta()
	d := dumpTo(out, s.writer.Kept(), &meta, "the recording ended")
	if d.err == nil {
		s.wrote(d.file)
	}
	return d.err
}

func (s *session) wrote(f File) {
	s.files = append(s.files, f)
	if s.options.Wrote != nil {
		s.options.Wrote(f)
	}
}
