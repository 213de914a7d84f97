// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// encodeTexts makes the dictionaries of columns of names that another program
// wrote as plain text: their texts in the order in which they first come.
func (c *Capture) encodeTexts() error {
	for i := range c.schema.wires {
		w := &c.schema.wires[i]
		if !w.encoded || w.codes != nil {
			continue
		}
		w.dictionary = -1 - int64(len(c.words)) // the file has none of that number
		c.words[w.dictionary] = nil
		w.codes = map[string]uint32{}
		if err := c.gatherTexts(i); err != nil {
			return err
		}
		c.columns[i].Values = c.words[w.dictionary]
	}
	return nil
}

// gatherTexts numbers the texts of a column. A batch that cannot be read has
// none: whoever reads it next says why.
func (c *Capture) gatherTexts(i int) error {
	w := &c.schema.wires[i]
	plain := *w
	plain.encoded = false
	l := c.loader(0)
	var v vector
	for _, at := range c.batches {
		m, err := l.open(at, headerBatch, false)
		if err != nil {
			continue
		}
		b, err := parseBatch(m.flat, m.header, c.schema)
		if err != nil {
			continue
		}
		l.codec, l.budget = b.codec, c.mostMemory()
		if v.load(l, &b, &plain, nil) != nil {
			continue
		}
		if err := c.number(w, &v, b.rows); err != nil {
			return &ColumnError{c.columns[i].Name, err.Error()}
		}
	}
	return nil
}

// number gives the texts of a batch that are new the next numbers.
func (c *Capture) number(w *wire, v *vector, rows int) error {
	for row := range rows {
		if v.null(row) {
			continue
		}
		if _, ok := w.codes[string(v.bytes(row))]; ok {
			continue
		}
		if len(w.codes) == mostWords {
			return fmt.Errorf("has more than %d different texts, it is one of few names", mostWords)
		}
		text := v.text(row)
		w.codes[text] = uint32(len(w.codes))
		c.words[w.dictionary] = append(c.words[w.dictionary], text)
	}
	return nil
}

var errTexts = errors.New("a text that was not there when the file was opened")

// encode makes indices of texts, of a column that is to have them.
func (v *vector) encode(w *wire, words []string, rows int) error {
	if !w.encoded {
		return nil
	}
	out := resize(v.memory.wide, 4*rows)
	v.memory.wide = out
	for i := range rows {
		code := uint32(0)
		if !v.null(i) {
			var ok bool
			if code, ok = w.codes[string(v.bytes(i))]; !ok {
				return errTexts
			}
		}
		binary.LittleEndian.PutUint32(out[4*i:], code)
	}
	v.form, v.width, v.signed, v.data, v.words = formWords, 4, false, out, words
	return nil
}
