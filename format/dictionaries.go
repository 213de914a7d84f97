// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"slices"
)

// maxDictionaries bounds the bytes that a file's dictionaries take together.
const maxDictionaries = 32 << 20

// readDictionaries reads the dictionaries of the columns that have one. A file
// may be cut short among them.
func (c *Capture) readDictionaries(blocks []block) error {
	c.words = map[int64][]string{}
	l := c.loader(maxDictionaries)
	for _, b := range blocks {
		err := c.readDictionary(l, b)
		if errors.As(err, new(*ColumnError)) {
			return err
		}
		if err != nil {
			return c.corrupt(b, err)
		}
	}
	for i := range c.schema.wires {
		if w := &c.schema.wires[i]; w.form == formWords && c.columns[i].Type == Enum {
			c.columns[i].Values = c.words[w.dictionary]
		}
	}
	return nil
}

func (c *Capture) readDictionary(l *loader, b block) error {
	m, err := l.open(b, headerDictionary, c.sealed)
	if err != nil {
		return err
	}
	id := m.flat.int64(m.header, dictID)
	values := c.schema.values(id)
	if values == nil {
		return m.flat.err // of a column that is not read
	}
	grows := m.flat.byte(m.header, dictDelta) != 0
	if grows && c.sealed {
		return errors.New("a dictionary that grows")
	}
	batch, err := parseBatch(m.flat, m.flat.table(m.header, dictData), values)
	if err != nil {
		return err
	}
	l.codec = batch.codec
	var v vector
	if err := v.load(l, &batch, &values.wires[0], nil); err != nil {
		return err
	}
	if l.budget -= int64(batch.rows) * 16; l.budget < 0 { // string headers
		return errBudget
	}
	words := make([]string, batch.rows)
	for i := range words {
		if v.null(i) {
			return errors.New("a dictionary with a null")
		}
		words[i] = v.text(i)
	}
	old, known := c.words[id]
	switch {
	case grows: // what earlier batches mean stays
		words = append(slices.Clip(old), words...)
	case known && !slices.Equal(old, words) && !c.sealed:
		return &ColumnError{c.schema.columnOf(id), "has a dictionary that is replaced on the way, as the stream format allows"}
	case known && !slices.Equal(old, words):
		return errors.New("a dictionary that is replaced")
	}
	c.words[id] = words
	return nil
}

// columnOf names the first column that has a dictionary.
func (s *fileSchema) columnOf(id int64) string {
	i := slices.IndexFunc(s.wires, func(w wire) bool { return w.form == formWords && w.dictionary == id })
	return s.columns[i].Name
}

// values is the schema of a dictionary: one column of text. It is nil when no
// column has the dictionary.
func (s *fileSchema) values(id int64) *fileSchema {
	for i := range s.wires {
		if w := &s.wires[i]; w.form == formWords && w.dictionary == id {
			v := w.words
			return &fileSchema{wires: []wire{*v}, nodes: v.nodes, buffers: v.buffers, variadics: v.variadics}
		}
	}
	return nil
}
