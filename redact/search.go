// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// search finds any of many texts in bytes. It looks at four bytes now and then,
// so often that of each text the first bytes cannot be passed over. A filter tells
// whether any text has these among its first bytes; most often none has. If one
// has, a table has the lengths of the texts that begin with what is there. The
// time does not depend on how many there are. It is not changed by use.
type search struct {
	gram    int // first bytes that count: no text is shorter
	stride  int
	shift   uint
	filter  []bool
	lengths map[uint64][]int // by first bytes, ascending
	texts   map[string]bool  // true: only where no address goes on
	part    bool             // the bytes are a part of more: what is at their edges may go on
}

const (
	leastText = 4 // bytes of what is searched in texts
	leastRaw  = 8 // in the bytes of a file and of its numbers
	block     = 4
)

// newSearch takes texts of at least gram bytes, which is leastText or leastRaw.
func newSearch(gram int, texts map[string]bool) *search {
	s := &search{gram: gram, stride: gram - block + 1, lengths: map[uint64][]int{}, texts: texts}
	log := min(max(bits.Len(uint(16*s.stride*len(texts))), 12), 24)
	s.shift, s.filter = uint(32-log), make([]bool, 1<<log)
	for text := range texts {
		for at := range s.stride {
			s.filter[s.hash([]byte(text[at:at+block]))] = true
		}
		first := s.first([]byte(text))
		if known := s.lengths[first]; !slices.Contains(known, len(text)) {
			s.lengths[first] = append(known, len(text))
		}
	}
	for _, known := range s.lengths {
		slices.Sort(known)
	}
	return s
}

func (s *search) first(b []byte) uint64 {
	if s.gram == leastText {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func (s *search) hash(b []byte) uint32 { return binary.LittleEndian.Uint32(b) * 0x9e3779b1 >> s.shift }

// each visits what is found, until found says false.
func (s *search) each(in []byte, found func(text string) bool) {
	if len(s.texts) == 0 {
		return
	}
	filter, shift, stride := s.filter, s.shift, s.stride
	for at := 0; at+block <= len(in); at += stride {
		if !filter[binary.LittleEndian.Uint32(in[at:])*0x9e3779b1>>shift] {
			continue
		}
		for from := max(0, at-stride+1); from <= at && from+s.gram <= len(in); from++ {
			if !s.here(in, from, found) {
				return
			}
		}
	}
}

// here visits what is found at one place.
func (s *search) here(in []byte, at int, found func(text string) bool) bool {
	for _, n := range s.lengths[s.first(in[at:])] {
		if at+n > len(in) {
			break
		}
		apart, ok := s.texts[string(in[at:at+n])]
		if ok && (!apart || s.apart(in, at, n)) && !found(string(in[at:at+n])) {
			return false
		}
	}
	return true
}

// any is one of the texts that are found.
func (s *search) any(in []byte) (text string, ok bool) {
	s.each(in, func(found string) bool { text, ok = found, true; return false })
	return text, ok
}

// apart tells whether what is at a place is no part of a longer address.
func (s *search) apart(in []byte, at, n int) bool {
	if s.part && (at == 0 || at+n == len(in)) {
		return false
	}
	return (at == 0 || !ofAddress(in[at-1])) && (at+n == len(in) || !ofAddress(in[at+n]))
}

func ofAddress(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || c == '.' || c == ':'
}
