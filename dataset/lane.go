// SPDX-License-Identifier: Apache-2.0

package dataset

import "github.com/ebrec/ebrec/format"

// piece is how many rows of a column are written at a time.
const piece = 1 << 13

// scratch is the memory of whoever writes a piece of a column.
type scratch struct {
	numbers [piece]uint64
	narrow  [piece]int32
	wide    [piece]int64
	levels  [piece]int16
}

// Levels of rows all of which have, or lack, a value.
var allLevels, noLevels = ones(), [piece]int16{}

func ones() (levels [piece]int16) {
	for i := range levels {
		levels[i] = 1
	}
	return levels
}

// A lane is the way of one column from batches of a capture to Parquet.
type lane struct {
	Column
	from  format.Col // NoCol: the capture has none
	names *naming    // of text that a row does not say itself; nil: there is none
	fixed string     // text of all rows; empty: there is none
	enum  bool
}

// write appends the rows of a batch to a column of a row group.
func (l *lane) write(c *chunk, b *format.Batch, s *scratch) error {
	switch n := b.Len(); {
	case l.fixed != "":
		c.words.repeat(c.words.code(l.fixed), n)
	case l.Name == format.ColumnKind && b.Alone() != nil:
		c.words.repeat(c.words.code(b.Alone().Name), n)
	case l.names != nil:
		l.names.write(c, b)
	case b.Count(l.from) == 0:
		c.none(n)
	case l.enum:
		l.enums(c, b)
	case l.isText():
		l.texts(c, b)
	case b.Count(l.from) == n:
		return l.numbers(c, b, s)
	default:
		return l.someNumbers(c, b, s)
	}
	return nil
}

// numbers are of rows all of which have one.
func (l *lane) numbers(c *chunk, b *format.Batch, s *scratch) error {
	for from := 0; from < b.Len(); from += piece {
		n := min(piece, b.Len()-from)
		b.Uints(l.from, from, s.numbers[:n])
		if err := c.numbers(s.numbers[:n], allLevels[:n], s); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) someNumbers(c *chunk, b *format.Batch, s *scratch) error {
	for from := 0; from < b.Len(); from += piece {
		to, n := min(from+piece, b.Len()), 0
		for i := from; i < to; i++ {
			s.levels[i-from] = 0
			if !b.Null(l.from, i) {
				s.numbers[n], s.levels[i-from] = b.Uint(l.from, i), 1
				n++
			}
		}
		if err := c.numbers(s.numbers[:n], s.levels[:to-from], s); err != nil {
			return err
		}
	}
	return nil
}

// enums are texts that come again and again.
func (l *lane) enums(c *chunk, b *format.Batch) {
	w, last, code := &c.words, "", int32(-1)
	for i := range b.Len() {
		if b.Null(l.from, i) {
			w.none(1)
			continue
		}
		if s := b.Str(l.from, i); code < 0 || s != last {
			last, code = s, w.code(s)
		}
		w.add(code)
	}
}

func (l *lane) texts(c *chunk, b *format.Batch) {
	w, next := &c.words, 0
	for i, text := range b.Texts(l.from) {
		w.none(i - next)
		w.add(w.codeOf(text))
		next = i + 1
	}
	w.none(b.Len() - next)
}
