// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// source is the record batches of a file, front to back. A footer is not
// needed, so one that was never written or is damaged costs nothing.
type source struct {
	capture *Capture
	reader  *ipc.Reader
	next    int64 // the message after the batch last read
}

var magic = []byte("ARROW1")

// fileHead is the magic and its padding in front of the first message.
const fileHead = 8

// source opens the batches for one pass.
func (c *Capture) source() (src *source, err error) {
	defer recovered(&err)
	from, err := c.firstMessage()
	if err != nil {
		return nil, err
	}
	m, err := c.nextMessage(from)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("cut short before its first rows")
	}
	if err != nil || m.kind != messageSchema {
		return nil, &CorruptError{Path: c.path, Offset: from, Err: errors.Join(err, errors.New("no Arrow schema"))}
	}
	if err := checkSchema(m.header); err != nil {
		return nil, &CorruptError{Path: c.path, Offset: from, Err: err}
	}
	src = &source{capture: c, next: m.end}
	src.reader, err = ipc.NewReader(io.NewSectionReader(c.file, from, c.size-from))
	return src, err
}

// firstMessage is where the messages begin: behind the magic of the file
// format, at once in the stream format.
func (c *Capture) firstMessage() (int64, error) {
	head := make([]byte, fileHead)
	if err := c.readAt(head, 0); err != nil {
		return 0, fmt.Errorf("%w, it has only %d bytes", ErrNotCapture, c.size)
	}
	switch {
	case bytes.HasPrefix(head, magic):
		return fileHead, nil
	case binary.LittleEndian.Uint32(head) == continuation:
		return 0, nil
	}
	return 0, fmt.Errorf("%w, it is no Arrow file", ErrNotCapture)
}

// footer is where the footer of the file format begins, which is where the
// messages end. Of a file that does not end like a finished one it is -1.
func (c *Capture) footer() int64 {
	tail := make([]byte, 4+len(magic))
	end := c.size - int64(len(tail))
	if end < fileHead || c.readAt(tail, end) != nil || !bytes.Equal(tail[4:], magic) {
		return -1
	}
	return max(end-int64(binary.LittleEndian.Uint32(tail)), -1)
}

func (s *source) schema() *arrow.Schema { return s.reader.Schema() }

// read returns the next batch, valid until the next call. io.EOF comes after
// the last, io.ErrUnexpectedEOF when the file ends within one, and a
// *CorruptError for what is no sane batch.
func (s *source) read() (rec arrow.Record, err error) {
	at := s.next
	defer func() {
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			err = &CorruptError{Path: s.capture.path, Offset: at, Err: err}
		}
	}()
	defer recovered(&err)
	if err := s.approve(); err != nil {
		return nil, err
	}
	return s.reader.Read()
}

// approve checks the next record batch and the dictionaries in front of it.
func (s *source) approve() error {
	for {
		if s.next == s.capture.end {
			return io.EOF
		}
		m, err := s.capture.nextMessage(s.next)
		if errors.Is(err, errNoMessage) && s.capture.cut != nil {
			return io.ErrUnexpectedEOF // the beginning of a footer
		}
		if err != nil {
			return err
		}
		if m.last {
			return io.EOF
		}
		if err := s.capture.check(m); err != nil {
			return err
		}
		s.next = m.end
		if m.kind == messageRecordBatch {
			return nil
		}
	}
}

func (s *source) close() { s.reader.Release() }

// recovered turns a panic of the Arrow library, which trusts its input, into
// *err.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged: %v", p)
	}
}
