// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// words are the texts of a column of a row group: each different one once, and
// its number for each row. The library looks each value of each row up as an
// interface, which takes ten times as long.
type words struct {
	lead   int       // rows in front, none of which has a text
	codes  [][]int32 // of the rows behind those, in pieces; -1 for null
	rows   int       // of codes
	nulls  int       // of codes
	byText map[string]int32
	all    []string
	size   int64 // of all
	free   [][]int32
}

func (w *words) reset() {
	clear(w.byText)
	*w = words{free: append(w.free, w.codes...), codes: w.codes[:0], all: w.all[:0], byText: w.byText}
}

// some tells whether any row has a text.
func (w *words) some() bool { return len(w.all) > 0 }

// entryBytes is about what an entry of the table of texts takes.
const entryBytes = 64

func (w *words) bytes() int64 { return w.size + int64(len(w.all))*entryBytes + 4*int64(w.rows) }

// none appends rows without a text.
func (w *words) none(rows int) {
	if len(w.all) == 0 {
		w.lead += rows
		return
	}
	w.nulls += rows
	w.repeat(-1, rows)
}

// repeat appends rows with the same text.
func (w *words) repeat(code int32, rows int) {
	for rows > 0 {
		if w.rows%piece == 0 {
			w.grow()
		}
		last := &w.codes[len(w.codes)-1]
		n := min(rows, piece-len(*last))
		for range n {
			*last = append(*last, code)
		}
		w.rows += n
		rows -= n
	}
}

// add appends a row with a text of that number.
func (w *words) add(code int32) {
	last := len(w.codes) - 1
	if w.rows%piece == 0 {
		w.grow()
		last++
	}
	w.codes[last] = append(w.codes[last], code)
	w.rows++
}

func (w *words) grow() {
	if n := len(w.free); n > 0 {
		w.codes, w.free = append(w.codes, w.free[n-1][:0]), w.free[:n-1]
		return
	}
	w.codes = append(w.codes, make([]int32, 0, piece))
}

// code is the number of a text.
func (w *words) code(text string) int32 {
	code, ok := w.byText[text]
	if !ok {
		code = int32(len(w.all))
		if w.byText == nil {
			w.byText = map[string]int32{}
		}
		w.byText[text] = code
		w.all = append(w.all, text)
		w.size += int64(len(text))
	}
	return code
}

// codeOf is code of a text that is not kept.
func (w *words) codeOf(text []byte) int32 {
	if code, ok := w.byText[string(text)]; ok {
		return code
	}
	return w.code(string(text))
}

// mostStatistic is the longest text that is written as the least or the greatest.
const mostStatistic = 256

// statistics are the least and the greatest of the texts.
func (w *words) statistics() metadata.EncodedStatistics {
	least, greatest := w.all[0], w.all[0]
	for _, text := range w.all {
		least, greatest = min(least, text), max(greatest, text)
	}
	s := metadata.EncodedStatistics{HasNullCount: true, NullCount: int64(w.lead + w.nulls)}
	s.SetMin([]byte(least)).SetMax([]byte(greatest)).ApplyStatSizeLimits(mostStatistic)
	return s
}

// write hands the texts to the writer of a chunk: by way of a dictionary, unless
// few rows have one.
func (w *words) write(c *chunk, s *scratch) error {
	const few = 16 // one row of so many
	packed := c.table.packs && (w.rows-w.nulls)*few > w.lead+w.rows
	if err := c.open(packed); err != nil {
		return err
	}
	to := c.writer.(*file.ByteArrayColumnChunkWriter)
	if packed {
		if err := w.writeDictionary(to); err != nil {
			return err
		}
	}
	c.nulls = w.lead
	for _, codes := range w.codes {
		if err := w.writePiece(c, to, codes, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *words) writeDictionary(to *file.ByteArrayColumnChunkWriter) error {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(w.all, nil)
	dictionary := b.NewStringArray()
	defer dictionary.Release()
	encoder, ok := to.CurrentEncoder().(interface{ PutDictionary(arrow.Array) error })
	if !ok {
		return fmt.Errorf("no dictionary for text in %T", to.CurrentEncoder())
	}
	return encoder.PutDictionary(dictionary)
}

func (w *words) writePiece(c *chunk, to *file.ByteArrayColumnChunkWriter, codes []int32, s *scratch) error {
	n := 0
	for i, code := range codes {
		s.levels[i] = 0
		if code >= 0 {
			s.levels[i] = 1
			n++
		}
	}
	if n == 0 {
		c.nulls += len(codes)
		return nil
	}
	if err := c.catchUp(s); err != nil {
		return err
	}
	if c.packed {
		if err := writeCodes(to, codes, s.levels[:len(codes)], len(codes)-n); err != nil {
			return err
		}
		return c.turn(len(codes))
	}
	texts := make([]parquet.ByteArray, 0, n)
	for _, code := range codes {
		if code >= 0 {
			texts = append(texts, parquet.ByteArray(w.all[code]))
		}
	}
	_, err := to.WriteBatch(texts, s.levels[:len(codes)], nil)
	return err
}

// coder is a writer with a dictionary.
type coder interface {
	WriteDictIndices(codes arrow.Array, levels, repeats []int16) error
}

// writeCodes appends rows by numbers of the dictionary; levels say which have a value.
func writeCodes(to coder, codes []int32, levels []int16, nulls int) error {
	var valid []byte
	if nulls > 0 {
		valid = make([]byte, bitutil.CeilByte(len(codes))/8)
		for i, level := range levels {
			valid[i/8] |= byte(level) << (i % 8)
		}
	}
	buffers := []*memory.Buffer{memory.NewBufferBytes(valid), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(codes))}
	data := array.NewData(arrow.PrimitiveTypes.Int32, len(codes), buffers, nil, nulls, 0)
	defer data.Release()
	rows := array.NewInt32Data(data)
	defer rows.Release()
	return to.WriteDictIndices(rows, levels, nil)
}
