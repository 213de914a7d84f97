// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
	"regexp"
)

// digitsOfSeal are where a message has the digits of its checksum.
var digitsOfSeal = regexp.MustCompile("\x08\x00\x00\x00([0-9a-f]{8})\x00")

// seal gives the flatbuffer of a message the checksum that it should have.
func seal(flat []byte) {
	if !bytes.Contains(flat, []byte(keyChecksum)) {
		return
	}
	at := digitsOfSeal.FindSubmatchIndex(flat)
	if at == nil {
		return
	}
	digits := flat[at[2]:at[3]]
	copy(digits, checksumDigits)
	copy(digits, fmt.Sprintf("%08x", crc32.Checksum(flat, castagnoli)))
}

type extent struct{ from, to int }

// headsOf are the flatbuffers of the messages in a file or a stream, found by
// the mark in front of each.
func headsOf(data []byte) iter.Seq[extent] {
	return func(yield func(extent) bool) {
		for at := 0; at+messagePrefix <= len(data); at += alignment {
			if binary.LittleEndian.Uint32(data[at:]) != continuation {
				continue
			}
			n := int(binary.LittleEndian.Uint32(data[at+4:]))
			from := at + messagePrefix
			if n == 0 || n > len(data)-from {
				continue
			}
			if !yield(extent{from, from + n}) {
				return
			}
		}
	}
}

// sealAll seals every message, and the footer.
func sealAll(data []byte) {
	for at := range headsOf(data) {
		seal(data[at.from:at.to])
	}
	if end := len(data) - fileTail; end > 0 && bytes.HasSuffix(data, []byte(magic)) {
		if n := int(binary.LittleEndian.Uint32(data[end:])); n <= end {
			seal(data[end-n : end])
		}
	}
}
