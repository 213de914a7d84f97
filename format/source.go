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

// source is the record batches of a file, one after the other. It is the one
// place that knows whether the file has a footer.
type source struct {
	file   *ipc.FileReader // nil: read from the front
	stream *ipc.Reader
	next   int
}

var magic = []byte("ARROW1")

// fileHead is the magic and its padding in front of the first message.
const fileHead = 8

// source opens the batches for one pass. A panic of the Arrow library, which
// trusts its input, is an error like any other.
func (c *Capture) source() (src *source, err error) {
	defer recovered(&err)
	r := c.reader()
	head := make([]byte, fileHead)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w, it has only %d bytes", ErrNotCapture, c.size)
	}
	isFile := bytes.HasPrefix(head, magic)
	if isFile && c.hasFooter() {
		fr, err := ipc.NewFileReader(c.reader())
		if err == nil {
			return &source{file: fr}, nil
		}
	}
	if !isFile && binary.LittleEndian.Uint32(head) != ^uint32(0) {
		return nil, fmt.Errorf("%w, it is no Arrow file", ErrNotCapture)
	}
	from := int64(0)
	if isFile {
		from = fileHead
	}
	if err := c.checkFirstMessage(from); err != nil {
		return nil, err
	}
	sr, err := ipc.NewReader(io.NewSectionReader(c.file, from, c.size-from))
	if err != nil {
		return nil, fmt.Errorf("cut short or damaged before its first rows: %w", err)
	}
	return &source{stream: sr}, nil
}

// hasFooter checks the end of the file before the Arrow library trusts it.
func (c *Capture) hasFooter() bool {
	tail := make([]byte, 4+len(magic))
	if c.size < int64(fileHead+len(tail)) {
		return false
	}
	if _, err := c.file.ReadAt(tail, c.size-int64(len(tail))); err != nil {
		return false
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	return bytes.Equal(tail[4:], magic) && n > 0 && n < c.size-int64(fileHead+len(tail))
}

// checkFirstMessage makes sure that the schema message is in the file.
func (c *Capture) checkFirstMessage(from int64) error {
	prefix := make([]byte, 8)
	if _, err := c.file.ReadAt(prefix, from); err != nil {
		return errors.New("cut short before its first rows")
	}
	if n := int64(binary.LittleEndian.Uint32(prefix[4:])); n > c.size-from-8 {
		return errors.New("cut short before its first rows")
	}
	return nil
}

func (s *source) schema() *arrow.Schema {
	if s.file != nil {
		return s.file.Schema()
	}
	return s.stream.Schema()
}

// complete tells whether the file has its footer.
func (s *source) complete() bool { return s.file != nil }

// read returns the next batch, io.EOF after the last. It is valid until the
// next call.
func (s *source) read() (rec arrow.Record, err error) {
	defer recovered(&err)
	if s.file == nil {
		return s.stream.Read()
	}
	if s.next >= s.file.NumRecords() {
		return nil, io.EOF
	}
	s.next++
	return s.file.Record(s.next - 1)
}

func (s *source) close() {
	if s.file != nil {
		_ = s.file.Close() // it only drops its buffers
		return
	}
	s.stream.Release()
}

// recovered turns a panic into *err.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged: %v", p)
	}
}
