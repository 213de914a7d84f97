// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ebrec/ebrec/format"
)

// A file has at most the size that was asked for. The recording, or the file of
// several, ends when the file would soon have it: that is an estimate, because
// rows are compressed later and more come meanwhile. The bound holds by
// [output.Room]: a batch that does not leave room for the end is not written, and
// its events are counted as lost.

// What rows may take, bytes, until there are enough in the file to know better;
// what the readings at the end take, compressed; what batches take besides rows.
const (
	rowBytes     = 24
	readingBytes = 48
	fewRows      = 10_000
	lastBatches  = 24 << 10
	fewReadings  = 256 // of CPUs, of clocks, losses
)

// bounded tells whether the file at hand has a largest size.
func (s *session) bounded() bool { return s.out != nil && s.options.MaxSize > 0 && !s.parts.inMemory() }

// flush writes the rows up to a boot time, those that leave room for the end.
func (s *session) flush(until uint64) error {
	if s.bounded() {
		s.out.most, s.out.keep = s.options.MaxSize, s.endBytes()
	}
	since := s.flushed
	s.flushed = max(s.flushed, until)
	err := s.writer.Flush(until)
	if !errors.Is(err, format.ErrFull) || !s.bounded() || !s.out.over {
		return err
	}
	s.out.over = false
	s.full = s.parts == nil // a further file goes on
	lost := s.writer.Dropped()
	return errors.Join(s.drain.told.dropped(s.writer, until), s.gaveUp(lost, since, until))
}

// gaveUp counts events as lost that had come and are in no file.
func (s *session) gaveUp(lost map[string]uint64, since, at uint64) error {
	for _, n := range lost {
		s.drain.events -= n
	}
	return s.losses.gaveUp(s.writer, s.drain.kinds, lost, since, at)
}

// endBytes is what the end of the file takes: the last readings, the summary and
// the list of batches. A file that is followed by another also has what that
// begins with.
func (s *session) endBytes() int64 {
	readings := int64(max(len(s.sums.written), s.listed) + s.conns + len(s.cost.before) + fewReadings)
	if s.parts != nil {
		readings += int64(s.listed)
	}
	return s.writer.Stats().End + readings*readingBytes + lastBatches
}

// fits wants the file to have room for more than its beginning and its end.
func (s *session) fits() error {
	if !s.bounded() {
		return nil
	}
	least := s.fixedBytes() + int64(s.listed)*readingBytes
	if least += least / 4; least <= s.options.MaxSize {
		return nil
	}
	return hinted{
		fmt.Errorf("a capture of %s: what it begins and ends with takes more here, %d threads and connections", humanize.IBytes(uint64(s.options.MaxSize)), s.listed),
		"allow " + humanize.IBytes(uint64(2*least)) + " or more with --max-size",
	}
}

// reached tells whether the file would have a size if it ended now: with the rows
// that wait, those that come until it has ended, and the end. How large rows are
// that wait is only guessed, so they are written before that counts, and before
// they could take half of the room that is left.
func (s *session) reached(most int64) (bool, error) {
	if room := most - s.fixedBytes(); 2*s.waitingBytes() < room && s.waitingBytes()+s.comingBytes(hurried) < room {
		return s.full, nil
	}
	if err := s.flush(s.drain.complete - uint64(settle)); err != nil {
		return false, err
	}
	return s.full || s.bytesWithin(hurried) >= most, nil
}

// bytesWithin is what the file would have if it ended after the next poll, which
// waits for so long.
func (s *session) bytesWithin(wait time.Duration) int64 {
	return s.fixedBytes() + s.waitingBytes() + s.comingBytes(wait)
}

// fixedBytes is what the file has and what its end takes, without rows of events.
func (s *session) fixedBytes() int64 { return s.writer.Stats().Bytes + lastBatches + s.endBytes() }

func (s *session) waitingBytes() int64 { return int64(s.writer.Pending()) * s.perRow() }

// comingBytes is what comes until the file has ended, if the next poll waits for so
// long. Those who fill it soon may keep the recorder from its CPU, too.
func (s *session) comingBytes(wait time.Duration) int64 {
	still := wait + ending
	if s.parts != nil {
		still += max(cutting, s.parts.took)
	}
	return int64(2*max(s.perSecond, s.rate)*still.Seconds()) * s.perRow()
}

// perRow is what a row takes, at most, as far as those in the file tell.
func (s *session) perRow() int64 {
	st := s.writer.Stats()
	if n := int64(total(st.File)); n >= fewRows {
		return min(rowBytes, 1+3*st.Bytes/(2*n))
	}
	return rowBytes
}

func total(rows map[string]uint64) (n uint64) {
	for _, k := range rows {
		n += k
	}
	return n
}
