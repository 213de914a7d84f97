// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// index is where a file's dictionaries and record batches are.
type index struct {
	dictionaries, batches []block
	stop                  int64 // where the messages end
	whole                 bool  // they end as they should
}

// streamEnd is the mark behind the last message.
var streamEnd = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// walk reads messages from a place up to the first that is not whole and sane,
// or the mark at the end of a stream. When the file goes on behind one that is
// damaged, that is an error, or passed over and noted in damage if that is not
// nil; when it does not, the file was cut there.
func (in input) walk(at int64, sealed bool, damage *[]Damage) (x index, err error) {
	scratch := make([]byte, 0, 4096)
	for {
		m, err := in.message(at, scratch)
		if err == nil && m.header != 0 && sealed && !m.sealed {
			err = errUnsealed
		}
		x.stop = at
		if err != nil {
			next, ok := in.passOver(at, sealed, err, damage)
			if !ok {
				return x, nil
			}
			if next == 0 {
				return x, err
			}
			at = next
			continue
		}
		if m.header == 0 {
			x.whole = true
			return x, nil
		}
		x.add(&m)
		scratch, at = m.flat.buf, m.end
	}
}

// passOver looks for where to go on behind a message that cannot be read. ok is
// false when the file was cut there, next is 0 when it was not but nothing can
// be passed over.
func (in input) passOver(at int64, sealed bool, reason error, damage *[]Damage) (next int64, ok bool) {
	if !sealed || !in.goesOn(at+alignment) {
		return 0, false
	}
	m, found := in.find(at + alignment)
	if damage == nil || !found {
		return 0, damage == nil
	}
	*damage = append(*damage, Damage{at, m.at - at, reason.Error()})
	return m.at, true
}

func (x *index) add(m *message) {
	switch m.kind {
	case headerDictionary:
		x.dictionaries = append(x.dictionaries, m.block)
	case headerBatch:
		x.batches = append(x.batches, m.block)
	}
}

var errUnsealed = errors.New("it has no checksum")

// goesOn tells whether the file goes on behind a place: it ends as a whole
// file does, or a message with a checksum follows. It looks for that through
// some megabytes: more than one batch.
func (in input) goesOn(at int64) bool {
	if end, err := in.ending(at); err == nil && end {
		return true
	}
	_, found := in.find(at)
	return found
}

// ending tells whether the end of a file, behind a place, is that of a file or
// stream that was completed.
func (in input) ending(at int64) (bool, error) {
	tail := make([]byte, len(streamEnd))
	if err := in.read(tail, max(at, in.size-int64(len(tail)))); err != nil {
		return false, err
	}
	return bytes.Equal(tail, streamEnd) || bytes.HasSuffix(tail, []byte(magic)), nil
}

const (
	searchBytes = 64 << 20
	searchTries = 1000
)

// find looks for the next sealed message from a place on.
func (in input) find(at int64) (m message, found bool) {
	mark := binary.LittleEndian.AppendUint32(nil, continuation)
	chunk := make([]byte, 1<<20)
	tries := 0
	for end := min(in.size, at+searchBytes); at < end-messagePrefix; {
		n := min(int64(len(chunk)), end-at)
		if in.read(chunk[:n], at) != nil {
			return m, false
		}
		for i := int64(0); i+messagePrefix <= n; i += alignment {
			if !bytes.Equal(chunk[i:i+4], mark) {
				continue
			}
			if tries++; tries > searchTries {
				return m, false
			}
			if m, err := in.message(at+i, nil); err == nil && m.sealed {
				return m, true
			}
		}
		at += max(alignment, n/alignment*alignment)
	}
	return m, false
}

// footer reads the list of messages at the end of a file whose first message
// ends at first; -1 when that is not known.
func (in input) footer(first int64, sealed bool) (x index, err error) {
	f, at, err := in.footerTable(first)
	if err != nil {
		return x, err
	}
	root := f.root()
	if _, ok := f.seal(root, footerCustom); sealed && !ok {
		return x, errUnsealed
	}
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
