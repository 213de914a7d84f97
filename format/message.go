// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
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
	header int // table in flat; 0: the mark at the end of a stream
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

// index is where a file's dictionaries and record batches are.
type index struct {
	dictionaries, batches []block
	stop                  int64 // where the messages end
	whole                 bool  // they end as they should
}

// walk reads messages from a place up to the first that is not whole and sane,
// or the mark at the end of a stream.
func (in input) walk(at int64) (x index) {
	scratch := make([]byte, 0, 4096)
	for {
		m, err := in.message(at, scratch)
		x.stop = at
		if err != nil {
			return x
		}
		if m.header == 0 {
			x.whole = true
			return x
		}
		switch m.kind {
		case headerDictionary:
			x.dictionaries = append(x.dictionaries, m.block)
		case headerBatch:
			x.batches = append(x.batches, m.block)
		}
		scratch, at = m.flat.buf, m.end
	}
}

// footer reads the list of messages at the end of a file whose first message
// ends at first; -1 when that is not known.
func (in input) footer(first int64) (x index, err error) {
	f, at, err := in.footerTable(first)
	if err != nil {
		return x, err
	}
	root := f.root()
	x.dictionaries = in.blocks(f, root, footerDictionaries)
	x.batches = in.blocks(f, root, footerBatches)
	x.stop, x.whole = at, true
	if f.err != nil {
		return x, f.err
	}
	return x, x.check(first)
}

// footerTable reads the flatbuffer at the end of a file and tells where it is.
func (in input) footerTable(first int64) (f *flat, at int64, err error) {
	tail := make([]byte, fileTail)
	end := in.size - int64(fileTail)
	if err := in.read(tail, end); err != nil {
		return nil, 0, err
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if !bytes.Equal(tail[4:], []byte(magic)) || n > end-max(first, fileHead) {
		return nil, 0, errors.New("no footer")
	}
	buf := make([]byte, n)
	return newFlat(buf), end - n, in.read(buf, end-n)
}

func (in input) blocks(f *flat, root, slot int) []block {
	at, n := f.vector(root, slot, blockSize)
	all := make([]block, n)
	for i := range all {
		b := f.buf[at+i*blockSize:]
		from := int64(binary.LittleEndian.Uint64(b))
		meta := int64(int32(binary.LittleEndian.Uint32(b[8:])))
		body := int64(binary.LittleEndian.Uint64(b[16:]))
		if from < 0 || meta < messagePrefix || body < 0 || from > in.size-meta || body > in.size-meta-from {
			f.fail(errors.New("footer lists a batch outside of the file"))
			return nil
		}
		all[i] = block{at: from, body: from + meta, end: from + meta + body}
	}
	return all
}

// check makes sure that the listed messages fill the file from first to the
// footer: one that is missing, listed twice or in another order would change
// what the file says.
func (x *index) check(first int64) error {
	at, d, b := first, x.dictionaries, x.batches
	if first < 0 {
		at = x.start()
	}
	for len(d)+len(b) > 0 {
		from := &b
		if len(b) == 0 || len(d) > 0 && d[0].at < b[0].at {
			from = &d
		}
		if gap := (*from)[0].at - at; gap < 0 || gap > maxGap {
			return errors.New("footer does not list every batch once, in order")
		}
		at = (*from)[0].end
		*from = (*from)[1:]
	}
	if gap := x.stop - at; gap < 0 || gap > maxGap {
		return errors.New("footer does not list the last batch")
	}
	return nil
}

// start is where the first message of the index is.
func (x *index) start() int64 {
	at := x.stop
	for _, blocks := range [][]block{x.dictionaries, x.batches} {
		if len(blocks) > 0 {
			at = min(at, blocks[0].at)
		}
	}
	return at
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
