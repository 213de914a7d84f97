// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Slots of RecordBatch, DictionaryBatch and BodyCompression in Message.fbs.
const (
	batchLength, batchNodes, batchBuffers, batchCompression, batchVariadics = 0, 1, 2, 3, 4
	dictID, dictData, dictDelta                                             = 0, 1, 2
	compressionCodec                                                        = 0

	nodeSize = 16 // struct FieldNode: length, null_count
	spanSize = 16 // struct Buffer: offset, length

	maxBatchRows = 1 << 24
)

// recordBatch is the metadata of a record batch or of a dictionary's values.
type recordBatch struct {
	rows      int
	codec     int
	nodes     []byte
	buffers   []byte
	variadics []byte
}

// parseBatch reads the metadata of a batch of columns that s describes.
func parseBatch(f *flat, table int, s *fileSchema) (b recordBatch, err error) {
	rows := f.int64(table, batchLength)
	b.nodes = f.structs(table, batchNodes, nodeSize)
	b.buffers = f.structs(table, batchBuffers, spanSize)
	b.variadics = f.structs(table, batchVariadics, 8)
	b.codec = codecNone
	if compression := f.table(table, batchCompression); compression != 0 {
		b.codec = int(f.byte(compression, compressionCodec))
	}
	buffers := int64(s.buffers)
	for i := range len(b.variadics) / 8 {
		n := int64(binary.LittleEndian.Uint64(b.variadics[8*i:]))
		if n < 0 || n > int64(len(b.buffers)) {
			return b, errors.New("a column of views with impossible buffers")
		}
		buffers += n
	}
	switch {
	case f.err != nil:
		return b, f.err
	case rows < 0 || rows > maxBatchRows:
		return b, fmt.Errorf("a batch of %d rows, at most %d are read", rows, maxBatchRows)
	case b.codec > codecZstd:
		return b, fmt.Errorf("unknown compression %d", b.codec)
	case len(b.nodes)/nodeSize != s.nodes || len(b.variadics)/8 != s.variadics || int64(len(b.buffers)/spanSize) != buffers:
		return b, errors.New("its columns differ from the schema's")
	}
	b.rows = int(rows)
	return b, nil
}

// node is a column's length and number of nulls.
func (b *recordBatch) node(i int) (rows, nulls int64) {
	n := b.nodes[i*nodeSize:]
	return int64(binary.LittleEndian.Uint64(n)), int64(binary.LittleEndian.Uint64(n[8:]))
}

// span is a column's buffer number i.
func (b *recordBatch) span(w *wire, i int) span {
	at := w.buffer + i
	for v := range w.variadic { // buffers of the columns of views before it
		at += b.variadic(v)
	}
	s := b.buffers[at*spanSize:]
	return span{int64(binary.LittleEndian.Uint64(s)), int64(binary.LittleEndian.Uint64(s[8:]))}
}

func (b *recordBatch) variadic(i int) int { return int(binary.LittleEndian.Uint64(b.variadics[8*i:])) }

// structs is the bytes of a vector of structs.
func (f *flat) structs(table, slot, size int) []byte {
	at, n := f.vector(table, slot, size)
	return f.buf[at : at+n*size]
}
