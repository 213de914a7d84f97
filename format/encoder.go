// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"
)

// encoder makes the messages of record batches. The Arrow library's own
// compresses every column, one that is null in every row too; most columns of
// a batch are.
type encoder struct {
	layout *layout
	zstd   *zstd.Encoder
	flat   *flatbuffers.Builder
	head   []byte
	body   []byte
	spans  []span
	zeros  map[int][]byte // compressed zeros, by length
}

const (
	metadataV5 = 4
	alignment  = 8
)

func newEncoder(l *layout) (*encoder, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	return &encoder{layout: l, zstd: z, flat: flatbuffers.NewBuilder(4096), zeros: map[int][]byte{}}, err
}

// encode makes a message: its head and its body, valid until the next one.
func (e *encoder) encode(b *buffers) (head, body []byte) {
	e.body, e.spans = e.body[:0], e.spans[:0]
	clear(e.zeros) // lengths change from batch to batch
	for c := range b.columns {
		col := &b.columns[c]
		e.add(col.valid, col.none)
		if e.layout.columns[c].isText() {
			e.add(col.ends, col.none)
		}
		e.add(col.data, col.none)
	}
	return e.metadata(b), e.body
}

// add compresses a buffer: its length, then the frame; or -1 and the buffer
// when that is not longer.
func (e *encoder) add(buf []byte, zero bool) {
	at := len(e.body)
	same, done := e.zeros[len(buf)]
	switch {
	case len(buf) == 0:
	case zero && done:
		e.body = append(e.body, same...)
	default:
		e.body = binary.LittleEndian.AppendUint64(e.body, uint64(len(buf)))
		e.body = e.zstd.EncodeAll(buf, e.body)
		if len(e.body)-at-8 >= len(buf) {
			e.body = binary.LittleEndian.AppendUint64(e.body[:at], ^uint64(0))
			e.body = append(e.body, buf...)
		}
		if zero {
			e.zeros[len(buf)] = append([]byte(nil), e.body[at:]...)
		}
	}
	e.spans = append(e.spans, span{int64(at), int64(len(e.body) - at)})
	e.body = pad(e.body)
}

func pad(b []byte) []byte {
	for len(b)%alignment != 0 {
		b = append(b, 0)
	}
	return b
}

// metadata is the message without its body: Message and RecordBatch of Arrow's
// Message.fbs.
func (e *encoder) metadata(b *buffers) []byte {
	f := e.flat
	f.Reset()
	f.StartVector(spanSize, len(e.spans), alignment)
	for i := len(e.spans) - 1; i >= 0; i-- {
		e.pair(e.spans[i].offset, e.spans[i].length)
	}
	spans := f.EndVector(len(e.spans))
	f.StartVector(nodeSize, len(b.columns), alignment)
	for i := len(b.columns) - 1; i >= 0; i-- {
		e.pair(int64(b.rows), int64(b.columns[i].nulls))
	}
	nodes := f.EndVector(len(b.columns))
	f.StartObject(2)
	f.PrependInt8Slot(compressionCodec, codecZstd, 0)
	compression := f.EndObject()
	f.StartObject(5)
	f.PrependInt64Slot(batchLength, int64(b.rows), 0)
	f.PrependUOffsetTSlot(batchNodes, nodes, 0)
	f.PrependUOffsetTSlot(batchBuffers, spans, 0)
	f.PrependUOffsetTSlot(batchCompression, compression, 0)
	batch := f.EndObject()
	f.StartObject(5)
	f.PrependInt64Slot(messageBody, int64(len(e.body)), 0)
	f.PrependUOffsetTSlot(messageHeader, batch, 0)
	f.PrependInt16Slot(messageVersion, metadataV5, 0)
	f.PrependByteSlot(messageHeaderType, headerBatch, 0)
	f.Finish(f.EndObject())
	flat := f.FinishedBytes()
	n := (len(flat) + alignment - 1) / alignment * alignment
	e.head = binary.LittleEndian.AppendUint32(e.head[:0], continuation)
	e.head = binary.LittleEndian.AppendUint32(e.head, uint32(n))
	e.head = pad(append(e.head, flat...))
	return e.head
}

// pair adds a struct of two numbers.
func (e *encoder) pair(first, second int64) {
	e.flat.Prep(alignment, 16)
	e.flat.PrependInt64(second)
	e.flat.PrependInt64(first)
}
