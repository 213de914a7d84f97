// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Every message of a capture carries a checksum of its own metadata, and so
// does the footer, where Arrow leaves room for what its users have to say
// (custom_metadata): other readers pass it over. The bodies need none, they are
// zstd frames, which carry one each.
//
// The checksum is CRC-32C over the flatbuffer with the digits of the checksum
// itself as zeros.
const (
	keyChecksum    = keyPrefix + "crc32c"
	checksumDigits = "00000000"

	messageCustom, footerCustom = 4, 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// note is a pair of custom metadata.
type note struct{ key, value string }

// sealer builds flatbuffers that carry their checksum. What it returns is
// valid until it builds the next.
type sealer struct {
	flat   *flatbuffers.Builder
	digits flatbuffers.UOffsetT // of the checksum, from the end of the buffer
	head   []byte
}

// custom adds a vector of notes and room for the checksum.
func (s *sealer) custom(notes ...note) flatbuffers.UOffsetT {
	f := s.flat
	pairs := make([]flatbuffers.UOffsetT, 0, len(notes)+1)
	for _, n := range append(notes, note{keyChecksum, checksumDigits}) {
		key := f.CreateString(n.key)
		s.digits = f.CreateString(n.value)
		f.StartObject(2)
		f.PrependUOffsetTSlot(0, key, 0)
		f.PrependUOffsetTSlot(1, s.digits, 0)
		pairs = append(pairs, f.EndObject())
	}
	return f.CreateVectorOfTables(pairs)
}

// embed adds a finished flatbuffer as it is, and returns where one of its
// tables then is: all places in a flatbuffer are relative.
func (s *sealer) embed(buf []byte, table int) flatbuffers.UOffsetT {
	f := s.flat
	f.StartVector(1, len(buf), alignment)
	for i := len(buf) - 1; i >= 0; i-- {
		f.PlaceByte(buf[i])
	}
	at := f.Offset() - flatbuffers.UOffsetT(table)
	f.EndVector(len(buf))
	return at
}

// message ends a message and puts Arrow's frame in front of it.
func (s *sealer) message(kind byte, header flatbuffers.UOffsetT, body int, notes ...note) []byte {
	f := s.flat
	custom := s.custom(notes...)
	f.StartObject(5)
	f.PrependInt64Slot(messageBody, int64(body), 0)
	f.PrependUOffsetTSlot(messageHeader, header, 0)
	f.PrependUOffsetTSlot(messageCustom, custom, 0)
	f.PrependInt16Slot(messageVersion, metadataV5, 0)
	f.PrependByteSlot(messageHeaderType, kind, 0)
	s.head = append(s.head[:0], 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	s.finish(f.EndObject())
	binary.LittleEndian.PutUint32(s.head[4:], uint32(len(s.head)-messagePrefix))
	return s.head
}

// finish appends the flatbuffer, padded and with its checksum, to s.head.
func (s *sealer) finish(root flatbuffers.UOffsetT) {
	s.flat.Finish(root)
	flat := s.flat.FinishedBytes()
	digits := len(flat) - int(s.digits) + flatbuffers.SizeUOffsetT
	from := len(s.head)
	s.head = pad(append(s.head, flat...))
	sum := crc32.Checksum(s.head[from:], castagnoli)
	copy(s.head[from+digits:], fmt.Sprintf("%08x", sum))
	s.flat.Reset()
}

var errChecksum = errors.New("its checksum does not match")

// seal checks the checksum among a table's custom metadata, and returns the
// other pairs there. sealed is false when there is none: the file was not
// written by ebrec, or rewritten.
func (f *flat) seal(table, slot int) (notes map[string]string, sealed bool) {
	notes = map[string]string{}
	for _, kv := range f.tables(table, slot) {
		key := f.string(kv, 0)
		if key != keyChecksum {
			notes[key] = f.string(kv, 1)
			continue
		}
		at, n := f.vector(kv, 1, 1)
		if sealed = true; f.err == nil && !sums(f.buf, at, n) {
			f.fail(errChecksum)
		}
	}
	return notes, sealed
}

// sums tells whether the checksum that is written in a buffer is the buffer's.
func sums(buf []byte, at, n int) bool {
	want, err := strconv.ParseUint(string(buf[at:at+n]), 16, 32)
	if err != nil || n != len(checksumDigits) {
		return false
	}
	sum := crc32.Update(0, castagnoli, buf[:at])
	sum = crc32.Update(sum, castagnoli, []byte(checksumDigits))
	return crc32.Update(sum, castagnoli, buf[at+n:]) == uint32(want)
}
