// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Arrow's encapsulated messages: four bytes 0xff, the metadata's length, the
// metadata (a flatbuffer, Message.fbs), the body. Numbers are field slots and
// union members of Arrow's .fbs files.
const (
	messagePrefix = 8
	continuation  = ^uint32(0)
	magic         = "ARROW1"
	fileHead      = 8 // the magic and its padding in front of the first message
	fileTail      = 4 + len(magic)
	blockSize     = 24      // struct Block in the footer
	maxMetadata   = 1 << 20 // bytes of one message's flatbuffer
	maxGap        = 64      // bytes between messages: padding and the mark at the end

	messageVersion, messageHeaderType, messageHeader, messageBody = 0, 1, 2, 3
	headerSchema, headerDictionary, headerBatch                   = 1, 2, 3
	footerSchemaSlot, footerDictionaries, footerBatches           = 1, 2, 3
	oldestVersion                                                 = 3 // MetadataVersion V4
)

var errShort = fmt.Errorf("it ends beyond the end of the file: %w", io.ErrUnexpectedEOF)

// block is where a message is in the file.
type block struct {
	at, body, end int64
}

// message is the metadata of a message.
type message struct {
	block
	flat   *flat
	kind   byte
	header int               // table in flat; 0: the mark at the end of a stream
	notes  map[string]string // its custom metadata
	sealed bool              // it has a checksum, which is right
}

// input is the file, of a length that does not change.
type input struct {
	io.ReaderAt
	size int64
}

// read fills p from a place in the file.
func (in input) read(p []byte, at int64) error {
	if at < 0 || at > in.size-int64(len(p)) {
		return errShort
	}
	_, err := in.ReadAt(p, at)
	if err == io.EOF {
		return errShort
	}
	return err
}

// message reads the message at a place, its metadata into scratch when that
// has the room.
func (in input) message(at int64, scratch []byte) (m message, err error) {
	var prefix [messagePrefix]byte
	if err := in.read(prefix[:], at); err != nil {
		return m, err
	}
	if binary.LittleEndian.Uint32(prefix[:]) != continuation {
		return m, errors.New("no message begins here")
	}
	n := int64(binary.LittleEndian.Uint32(prefix[4:]))
	m.at, m.body = at, at+messagePrefix+n
	switch {
	case n == 0:
		m.end = m.body
		return m, nil
	case m.body > in.size:
		return m, errShort
	case n > maxMetadata:
		return m, fmt.Errorf("message with %d bytes of metadata", n)
	}
	scratch = resize(scratch, int(n))
	if err := in.read(scratch, at+messagePrefix); err != nil {
		return m, err
	}
	m.flat = newFlat(scratch)
	return m, m.parse(in.size)
}

func (m *message) parse(size int64) error {
	f, root := m.flat, m.flat.root()
	version := f.int16(root, messageVersion)
	m.kind = f.byte(root, messageHeaderType)
	m.header = f.table(root, messageHeader)
	length := f.int64(root, messageBody)
	m.notes, m.sealed = f.seal(root, messageCustom)
	switch {
	case f.err != nil:
		return f.err
	case m.header == 0:
		return errors.New("message without a header")
	case version < oldestVersion:
		return errors.New("message of an Arrow version before 0.8")
	case length < 0:
		return errors.New("message of negative length")
	case length > size-m.body:
		return errShort
	}
	m.end = m.body + length
	return nil
}

// resize returns n bytes, those of b when it has the room.
func resize(b []byte, n int) []byte {
	if cap(b) >= n {
		return b[:n]
	}
	if cap(b) == 0 {
		return make([]byte, n)
	}
	return make([]byte, n, n+n/4) // it will be used again for about as much
}
