// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/ebrec/ebrec/format"
)

const parquetMagic = "PAR1"

// sink counts, and remembers the first error: the Parquet library drops some.
type sink struct {
	w   *bufio.Writer
	at  int64
	err error
}

func (s *sink) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(b)
	s.at += int64(n)
	s.err = err
	return n, err
}

// Tell is how much was written.
func (s *sink) Tell() int64 { return s.at }

// A table is a Parquet file in the making. It is put together of the library's
// parts, not by its file writer: most columns of a row group have no value, and
// to write those level by level takes longer than all others.
type table struct {
	sink    sink
	props   *parquet.WriterProperties
	meta    *metadata.FileMetaDataBuilder
	zstd    *zstd.Encoder
	fast    *zstd.Encoder // for columns in which little repeats
	columns []Column
	packs   bool // values may have a dictionary
	scratch []*scratch

	groups int
	group  *metadata.RowGroupMetaDataBuilder
	chunks []chunk
	rows   int // of the row group
}

// A page is compressed by itself, and is as long as a megabyte, so that zstd sees
// far.
const pageBytes = 1 << 20

// A file of fewer rows has no dictionaries: for each page of one the library sets
// a compressor up, which is most of the time that a small file takes.
const dictionaryRows = 1 << 14

// workers is how many columns are written at a time: each takes some megabytes.
func workers() int { return min(4, runtime.GOMAXPROCS(0)) }

// newTable begins a file that is to have about so many rows.
func newTable(w io.Writer, columns []Column, rows int64) (*table, error) {
	root, err := root(columns)
	if err != nil {
		return nil, err
	}
	options := []parquet.WriterProperty{
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("ebrec"), parquet.WithDataPageSize(pageBytes), parquet.WithBatchSize(1 << 12),
		parquet.WithDictionaryDefault(false), parquet.WithStats(false), parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithEncodingFor(format.ColumnTime, parquet.Encodings.DeltaBinaryPacked),
	}
	t := &table{sink: sink{w: bufio.NewWriterSize(w, 1<<18)}, props: parquet.NewWriterProperties(options...), columns: columns, packs: rows >= dictionaryRows}
	for range workers() {
		t.scratch = append(t.scratch, new(scratch))
	}
	t.meta = metadata.NewFileMetadataBuilder(schema.NewSchema(root), t.props, nil)
	if t.zstd, err = encoder(zstd.SpeedDefault); err != nil {
		return nil, err
	}
	if t.fast, err = encoder(zstd.SpeedFastest); err != nil {
		return nil, err
	}
	_, err = t.sink.Write([]byte(parquetMagic))
	return t, err
}

// encoder compresses pages.
func encoder(level zstd.EncoderLevel) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithWindowSize(pageBytes), zstd.WithEncoderConcurrency(workers()))
}

// begin opens a row group, unless one is open.
func (t *table) begin() (err error) {
	defer recovered(&err)
	if t.group != nil {
		return nil
	}
	t.group, t.rows = t.meta.AppendRowGroup(), 0
	if t.chunks == nil {
		t.chunks = make([]chunk, len(t.columns))
	}
	for i := range t.chunks {
		t.chunks[i].begin(t, i, t.group.NextColumnChunk())
	}
	return nil
}

// number is that of the row group, from 1 on.
func (t *table) number() int32 { return int32(t.groups) + 1 }

// bytes is about how much memory the row group takes.
func (t *table) bytes() (n int64) {
	for i := range t.chunks {
		n += t.chunks[i].bytes()
	}
	return n
}

// each does something with every column, several at a time.
func (t *table) each(do func(column int, s *scratch) error) error {
	var next atomic.Int64
	var work errgroup.Group
	for _, s := range t.scratch {
		work.Go(func() (err error) {
			defer recovered(&err)
			for i := int(next.Add(1)) - 1; i < len(t.chunks) && err == nil; i = int(next.Add(1)) - 1 {
				if err = do(i, s); err != nil {
					err = fmt.Errorf("column %s: %w", t.columns[i].Name, err)
				}
			}
			return err
		})
	}
	return work.Wait()
}

// flush writes the row group that is open.
func (t *table) flush() (err error) {
	defer recovered(&err)
	if t.group == nil {
		return nil
	}
	err = t.each(func(i int, s *scratch) error { return t.chunks[i].finish(s) })
	if err != nil {
		return err
	}
	from := t.sink.at
	for i := range t.chunks {
		if err := t.chunks[i].close(); err != nil {
			return fmt.Errorf("column %s: %w", t.columns[i].Name, err)
		}
	}
	t.group.SetNumRows(t.rows)
	err = t.group.Finish(t.sink.at-from, int16(t.groups))
	t.groups++
	t.group = nil
	return errors.Join(err, t.sink.err)
}

// close writes what is open and the footer.
func (t *table) close() (err error) {
	defer recovered(&err)
	if err := t.flush(); err != nil {
		return err
	}
	footer, err := t.meta.Finish()
	if err != nil {
		return err
	}
	n, err := footer.WriteTo(&t.sink, nil)
	if err != nil {
		return err
	}
	_, err = t.sink.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(n)), parquetMagic...))
	return errors.Join(err, t.sink.w.Flush())
}

// pager makes what writes the pages of a column.
func (t *table) pager(column int, meta *metadata.ColumnChunkMetaDataBuilder, codec compress.Compression, buffered bool) (file.PageWriter, error) {
	return file.NewPageWriter(&t.sink, codec, t.props.CompressionLevel(), meta, int16(t.groups), int16(column), memory.DefaultAllocator, buffered, nil, nil)
}

// recovered makes an error of what the library panics with.
func recovered(err *error) {
	switch r := recover().(type) {
	case nil:
	case error:
		*err = errors.Join(*err, r)
	default:
		*err = errors.Join(*err, fmt.Errorf("%v", r))
	}
}
