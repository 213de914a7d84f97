// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"

	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/klauspost/compress/zstd"
)

// pages writes pages that one compressor compressed. The library would make one
// for each page, which takes longer than to compress it.
type pages struct {
	file.PageWriter
	zstd *zstd.Encoder
}

// Compress compresses a page into the room of a buffer.
func (p pages) Compress(room *bytes.Buffer, page []byte) []byte {
	room.Grow(len(page) + len(page)>>8 + 64)
	return p.zstd.EncodeAll(page, room.AvailableBuffer())
}
