// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The Arrow library trusts the lengths that it reads. So every message is
// walked first, here, and only whole and sane ones are given to it. Of Arrow's
// encapsulated message format and its flatbuffers (Message.fbs) only what
// bounds memory is read.
const (
	continuation    = ^uint32(0)
	messagePrefix   = 8       // continuation, length of the metadata
	maxMetadata     = 4 << 20 // bytes of one message's flatbuffer
	maxBatchRows    = 1 << 24
	maxBatchText    = 1 << 28 // bytes of one column's text in a batch
	maxBytesPerText = 1024    // a path of 255 bytes, each as \xNN, and some
)

// Kinds of messages (union MessageHeader).
const (
	messageSchema      = 1
	messageDictionary  = 2
	messageRecordBatch = 3
)

// message is one message of a file.
type message struct {
	at     int64 // in the file
	end    int64 // after its body
	kind   byte
	last   bool // the mark at the end of a stream: no message
	header table
	body   int64 // where its body begins in the file
}

// nextMessage reads the message at a place. io.ErrUnexpectedEOF means that the
// file ends within it.
func (c *Capture) nextMessage(at int64) (m message, err error) {
	var prefix [messagePrefix]byte
	if err := c.readAt(prefix[:], at); err != nil {
		return m, err
	}
	n := int64(binary.LittleEndian.Uint32(prefix[4:]))
	switch {
	case binary.LittleEndian.Uint32(prefix[:]) != continuation:
		return m, errNoMessage
	case n == 0:
		return message{at: at, end: at + messagePrefix, last: true}, nil
	case n > maxMetadata:
		return m, fmt.Errorf("message with %d bytes of metadata", n)
	}
	meta := make([]byte, min(n, max(0, c.size-at)))
	if err := c.readAt(meta[:], at+messagePrefix); err != nil || int64(len(meta)) < n {
		return m, io.ErrUnexpectedEOF
	}
	m = message{at: at, body: at + messagePrefix + n}
	return m, m.parse(meta, c.size)
}

func (c *Capture) readAt(p []byte, at int64) error {
	_, err := c.file.ReadAt(p, at)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (m *message) parse(meta []byte, size int64) error {
	root, err := rootTable(meta)
	if err != nil {
		return err
	}
	kind, err1 := root.scalar(1, 1)
	length, err2 := root.scalar(3, 8)
	header, ok, err3 := root.table(2)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if !ok || int64(length) < 0 {
		return errors.New("message without a header or of negative length")
	}
	if int64(length) > size-m.body {
		return io.ErrUnexpectedEOF
	}
	m.kind, m.header, m.end = byte(kind), header, m.body+int64(length)
	return nil
}

// checkSchema bounds what reading a schema can cost: the lengths of its lists.
func checkSchema(schema table) error {
	at, n, err1 := schema.vector(1, 4)
	_, _, err2 := schema.vector(2, 4)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for i := range n {
		field, err := schema.follow(at + 4*i)
		if err != nil {
			return err
		}
		_, children, err1 := field.vector(5, 4)
		_, _, err2 := field.vector(6, 4)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if children > 0 {
			return errors.New("a column within a column")
		}
	}
	return nil
}

// check bounds what reading the message can cost.
func (c *Capture) check(m message) error {
	batch := m.header
	if m.kind == messageDictionary {
		inner, ok, err := batch.table(1)
		if err != nil || !ok {
			return errors.Join(err, errors.New("dictionary without values"))
		}
		batch = inner
	} else if m.kind != messageRecordBatch {
		return nil
	}
	rows, err := batch.scalar(0, 8)
	if err != nil {
		return err
	}
	if rows > maxBatchRows {
		return fmt.Errorf("batch of %d rows, at most %d are read", rows, maxBatchRows)
	}
	_, compressed, err := batch.table(3)
	if err != nil {
		return err
	}
	if _, _, err := batch.vector(1, 16); err != nil {
		return err
	}
	at, n, err := batch.vector(2, 16)
	if err != nil {
		return err
	}
	for i := range n {
		b := batch.data[at+16*i:]
		if err := c.checkBuffer(m, binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), rows, compressed); err != nil {
			return fmt.Errorf("buffer %d: %w", i, err)
		}
	}
	return nil
}

func (c *Capture) checkBuffer(m message, offset, length, rows uint64, compressed bool) error {
	body := uint64(m.end - m.body)
	if offset > body || length > body-offset {
		return errors.New("it lies outside of its message")
	}
	if !compressed || length == 0 {
		return nil
	}
	if length < 8 {
		return errors.New("it is compressed and has no length")
	}
	var prefix [8]byte
	if err := c.readAt(prefix[:], m.body+int64(offset)); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint64(prefix[:]))
	if limit := int64(min(rows*maxBytesPerText+maxBytesPerText, maxBatchText)); n < -1 || n > limit {
		return fmt.Errorf("it claims to inflate to %d bytes, %d rows have at most %d", n, rows, limit)
	}
	return nil
}

// table is a flatbuffers table whose every access is checked.
type table struct {
	data []byte
	at   int
}

var errNoMessage = errors.New("no message begins here")

var errFlatbuffer = errors.New("metadata points outside of itself")

func rootTable(data []byte) (table, error) { return table{data: data}.follow(0) }

func (t table) follow(at int) (table, error) {
	if at < 0 || at+4 > len(t.data) {
		return t, errFlatbuffer
	}
	to := at + int(binary.LittleEndian.Uint32(t.data[at:]))
	if to < 0 || to+4 > len(t.data) {
		return t, errFlatbuffer
	}
	return table{t.data, to}, nil
}

// slot is where field number i of the table is, 0 when it is not set.
func (t table) slot(i, size int) (int, error) {
	vt := t.at - int(int32(binary.LittleEndian.Uint32(t.data[t.at:])))
	if vt < 0 || vt+4 > len(t.data) {
		return 0, errFlatbuffer
	}
	entry := vt + 4 + 2*i
	if 4+2*i+2 > int(binary.LittleEndian.Uint16(t.data[vt:])) {
		return 0, nil
	}
	if entry+2 > len(t.data) {
		return 0, errFlatbuffer
	}
	offset := int(binary.LittleEndian.Uint16(t.data[entry:]))
	if offset == 0 {
		return 0, nil
	}
	if t.at+offset+size > len(t.data) {
		return 0, errFlatbuffer
	}
	return t.at + offset, nil
}

// scalar is a field of 1 or 8 bytes, 0 when it is not set.
func (t table) scalar(i, size int) (uint64, error) {
	at, err := t.slot(i, size)
	if err != nil || at == 0 {
		return 0, err
	}
	if size == 1 {
		return uint64(t.data[at]), nil
	}
	return binary.LittleEndian.Uint64(t.data[at:]), nil
}

func (t table) table(i int) (inner table, ok bool, err error) {
	at, err := t.slot(i, 4)
	if err != nil || at == 0 {
		return t, false, err
	}
	inner, err = t.follow(at)
	return inner, err == nil, err
}

// vector is where a vector's elements begin and how many there are.
func (t table) vector(i, size int) (at, n int, err error) {
	slot, err := t.slot(i, 4)
	if err != nil || slot == 0 {
		return 0, 0, err
	}
	v, err := t.follow(slot)
	if err != nil {
		return 0, 0, err
	}
	n = int(binary.LittleEndian.Uint32(v.data[v.at:]))
	if n > (len(v.data)-v.at-4)/size {
		return 0, 0, errFlatbuffer
	}
	return v.at + 4, n, nil
}
