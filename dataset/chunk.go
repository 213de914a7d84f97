// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// A chunk is a column of a row group. Rows without a value are only counted until
// one with a value comes: many of them become a page of their own, which is some
// bytes long, and their levels are not gone through one by one.
type chunk struct {
	table  *table
	column int
	meta   *metadata.ColumnChunkMetaDataBuilder
	pager  file.PageWriter
	writer pageWriter // nil: no value came
	packed bool       // the writer keeps its pages until it has its dictionary
	codes  codes      // of its dictionary of numbers
	nulls  int        // rows that are not written yet: none of them has a value
	words  words      // of text, which is written at the end
	paged  int        // rows of the page that a packed writer is at
	extent extent
}

// pageWriter is a column writer of the library.
type pageWriter interface {
	file.ColumnChunkWriter
	FlushCurrentPage() error
	FlushBufferedDataPages() error
}

// longNulls is how many rows without a value become a page of their own.
const longNulls = piece

func (c *chunk) begin(t *table, column int, meta *metadata.ColumnChunkMetaDataBuilder) {
	w, n := c.words, c.codes
	w.reset()
	n.reset()
	*c = chunk{table: t, column: column, meta: meta, words: w, codes: n, extent: extent{signed: t.columns[column].signed()}}
}

// bytes is about how much memory it takes.
func (c *chunk) bytes() int64 {
	n := c.words.bytes()
	if c.writer != nil {
		n += c.writer.TotalCompressedBytes()
	}
	return n
}

// none appends rows without a value.
func (c *chunk) none(rows int) {
	if c.table.columns[c.column].isText() {
		c.words.none(rows)
		return
	}
	c.nulls += rows
	c.extent.nulls += rows
}

// numbers appends rows. Of those whose level is 1 the values follow each other.
func (c *chunk) numbers(values []uint64, levels []int16, s *scratch) error {
	if err := c.open(c.table.packs && c.table.columns[c.column].packed()); err != nil {
		return err
	}
	if err := c.catchUp(s); err != nil {
		return err
	}
	c.extent.add(values, len(levels))
	if err := c.write(values, levels, s); err != nil {
		return err
	}
	return c.turn(len(levels))
}

// packedRows is how many rows a page of a packed writer has: it holds four bytes
// for each until the page is made.
const packedRows = 1 << 16

// turn ends the page of a packed writer after some more rows, when it has enough.
func (c *chunk) turn(rows int) error {
	if c.paged += rows; !c.packed || c.paged < packedRows {
		return nil
	}
	return c.endPage()
}

// endPage compresses the rows that are no page yet.
func (c *chunk) endPage() error {
	switch {
	case !c.packed:
		return c.writer.FlushBufferedDataPages()
	case c.paged == 0: // an empty page would be one, too
		return nil
	}
	c.paged = 0
	return c.writer.FlushCurrentPage()
}

func (c *chunk) write(values []uint64, levels []int16, s *scratch) (err error) {
	switch w := c.writer.(type) {
	case *file.Int32ColumnChunkWriter:
		if c.packed && len(values) == len(levels) && c.codes.find(values, s.narrow[:]) {
			return writeCodes(w, s.narrow[:len(values)], levels, 0)
		}
		if c.packed {
			c.codes.learn(values)
		}
		for i, x := range values {
			s.narrow[i] = int32(x)
		}
		_, err = w.WriteBatch(s.narrow[:len(values)], levels, nil)
	case *file.Int64ColumnChunkWriter:
		for i, x := range values {
			s.wide[i] = int64(x)
		}
		_, err = w.WriteBatch(s.wide[:len(values)], levels, nil)
	case *file.ByteArrayColumnChunkWriter: // of rows without a value; words write the others
		_, err = w.WriteBatch(nil, levels, nil)
	default:
		err = fmt.Errorf("numbers for a column of %T", w)
	}
	return err
}

// catchUp writes the rows without a value that are only counted.
func (c *chunk) catchUp(s *scratch) error {
	if c.nulls >= longNulls && !c.packed {
		if err := c.writer.FlushBufferedDataPages(); err != nil {
			return err
		}
		return c.nullPage()
	}
	for ; c.nulls > 0; c.nulls -= min(c.nulls, piece) {
		if err := c.write(nil, noLevels[:min(c.nulls, piece)], s); err != nil {
			return err
		}
	}
	return nil
}

// nullPage writes them as a page: one run of levels.
func (c *chunk) nullPage() error {
	run := append(binary.AppendUvarint(nil, uint64(c.nulls)<<1), 0) // so often the level 0
	levels := append(binary.LittleEndian.AppendUint32(nil, uint32(len(run))), run...)
	data := memory.NewBufferBytes(c.table.zstd.EncodeAll(levels, nil))
	plain, rle := parquet.Encodings.Plain, parquet.Encodings.RLE
	page := file.NewDataPageV1(data, int32(c.nulls), plain, rle, rle, int32(len(levels)))
	defer page.Release()
	c.nulls = 0
	_, err := c.pager.WriteDataPage(page)
	return err
}

// open makes the writer.
func (c *chunk) open(packed bool) (err error) {
	if c.writer != nil {
		return nil
	}
	if err := c.openPager(true); err != nil {
		return err
	}
	col, props := &c.table.columns[c.column], c.table.props
	p, encoding := pages{c.pager, c.table.zstd}, col.encoding()
	if col.varies() {
		p.zstd = c.table.fast
	}
	if packed {
		encoding = props.DictionaryIndexEncoding()
	}
	switch c.meta.Descr().PhysicalType() {
	case parquet.Types.Int32:
		c.writer = file.NewInt32ColumnChunkWriter(c.meta, p, packed, encoding, props)
	case parquet.Types.Int64:
		c.writer = file.NewInt64ColumnChunkWriter(c.meta, p, packed, encoding, props)
	default:
		c.writer = file.NewByteArrayColumnChunkWriter(c.meta, p, packed, encoding, props)
	}
	c.packed = packed
	return nil
}

func (c *chunk) openPager(buffered bool) (err error) {
	c.pager, err = c.table.pager(c.column, c.meta, compress.Codecs.Zstd, buffered)
	return err
}

// finish hands what is left to the writer, and has it compressed: chunks finish
// several at a time, and close one after the other.
func (c *chunk) finish(s *scratch) (err error) {
	switch {
	case c.words.some():
		err = c.words.write(c, s)
	case c.writer != nil && (c.nulls < longNulls || c.packed):
		err = c.catchUp(s)
	}
	if err != nil || c.writer == nil {
		return err
	}
	return c.endPage()
}

// close writes the chunk to the file.
func (c *chunk) close() error {
	if c.words.some() {
		c.meta.SetStats(c.words.statistics())
	} else {
		c.extent.nulls += c.words.lead
		c.nulls += c.words.lead
		c.meta.SetStats(c.extent.statistics(c.meta.Descr().PhysicalType()))
	}
	if c.writer == nil {
		if err := c.openPager(false); err != nil {
			return err
		}
		if err := c.nullPage(); err != nil {
			return err
		}
		return c.pager.Close(false, false)
	}
	if c.nulls > 0 {
		if err := c.catchUp(nil); err != nil {
			return err
		}
	}
	return c.writer.Close()
}
