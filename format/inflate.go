// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codecs of Arrow's BodyCompression.
const (
	codecNone = -1
	codecLZ4  = 0
	codecZstd = 1
)

// errBudget says that a batch takes more memory than it may.
var errBudget = errors.New("it inflates to more than is read at once")

// loader reads the buffers of one message. It is used by one goroutine at a
// time; its buffers are reused.
type loader struct {
	in     input
	zstd   *zstd.Decoder // safe for concurrent use
	msg    block
	codec  int
	budget int64 // bytes that may still be decoded
	packed []byte
	meta   []byte
}

// newZstd makes a decoder that n goroutines can use. What it decodes into has
// the length that the batch implies, and it stops there.
func newZstd(n int) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(n), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(maxInflated), zstd.WithDecoderLowmem(true))
}

const (
	maxInflated = 1 << 30 // bytes of one buffer
	zstdSlack   = 64      // behind what is decoded: it copies faster when it may write there
)

// span is a buffer's place in the body of its message.
type span struct{ offset, length int64 }

// load decodes a buffer of at least least bytes; more than most is refused. It
// reuses dst's memory.
func (l *loader) load(dst []byte, s span, least, most int64) ([]byte, error) {
	raw, n, packed, err := l.fetch(s, least, most)
	if err != nil {
		return nil, err
	}
	return l.unpack(dst, raw, n, packed)
}

// fetch finds out how long a buffer is, and reads it when it is packed.
func (l *loader) fetch(s span, least, most int64) (raw span, n int64, packed bool, err error) {
	size := l.msg.end - l.msg.body
	if s.offset < 0 || s.length < 0 || s.offset > size || s.length > size-s.offset {
		return raw, 0, false, errors.New("a buffer lies outside of its message")
	}
	raw = span{l.msg.body + s.offset, s.length}
	n, packed, err = l.length(&raw)
	switch {
	case err != nil:
		return raw, 0, false, err
	case n < least || n > most:
		return raw, 0, false, fmt.Errorf("a buffer of %d bytes, it takes %d", n, least)
	}
	if l.budget -= n; l.budget < 0 {
		return raw, 0, false, errBudget
	}
	if packed {
		l.packed = resize(l.packed, int(raw.length))
		err = l.in.read(l.packed, raw.offset)
	}
	return raw, n, packed, err
}

// unpack gives what fetch found.
func (l *loader) unpack(dst []byte, raw span, n int64, packed bool) ([]byte, error) {
	if !packed {
		dst = resize(dst, int(n))
		return dst, l.in.read(dst, raw.offset)
	}
	return l.inflate(resize(dst, int(n)+zstdSlack)[:n])
}

// length is how long a buffer is when inflated, and whether it is packed; raw
// is moved behind the length in front of it.
func (l *loader) length(raw *span) (n int64, packed bool, err error) {
	if l.codec == codecNone || raw.length == 0 {
		return raw.length, false, nil
	}
	var prefix [8]byte
	if raw.length < int64(len(prefix)) {
		return 0, false, errors.New("a compressed buffer without its length")
	}
	if err := l.in.read(prefix[:], raw.offset); err != nil {
		return 0, false, err
	}
	raw.offset += int64(len(prefix))
	raw.length -= int64(len(prefix))
	n = int64(binary.LittleEndian.Uint64(prefix[:]))
	switch {
	case n == -1:
		return raw.length, false, nil
	case n < 0 || n > maxInflated:
		return 0, false, fmt.Errorf("a buffer that claims to inflate to %d bytes", n)
	}
	return n, true, nil
}

// inflate decodes l.packed into all of dst, which has zstdSlack behind it.
func (l *loader) inflate(dst []byte) ([]byte, error) {
	if l.codec == codecLZ4 {
		r := lz4.NewReader(bytes.NewReader(l.packed))
		if _, err := io.ReadFull(r, dst); err != nil {
			return nil, fmt.Errorf("lz4: %w", err)
		}
		if n, err := r.Read(make([]byte, 1)); n > 0 || err != io.EOF {
			return nil, fmt.Errorf("lz4: more than the %d bytes it claims: %v", len(dst), err)
		}
		return dst, nil
	}
	n := len(dst)
	out, err := l.zstd.DecodeAll(l.packed, dst[:0:n+zstdSlack])
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	if len(out) != n {
		return nil, fmt.Errorf("zstd: %d bytes, it claims %d", len(out), n)
	}
	return dst[:n], nil
}

// open reads the metadata of a message and gets ready to load its buffers.
func (l *loader) open(b block, kind byte, sealed bool) (message, error) {
	m, err := l.in.message(b.at, l.meta)
	switch {
	case err != nil:
		return m, err
	case m.header == 0 || m.kind != kind || m.block != b:
		return m, errors.New("not the message that the file's index says")
	case sealed && !m.sealed:
		return m, errUnsealed
	}
	l.meta, l.msg = m.flat.buf, b
	return m, nil
}
