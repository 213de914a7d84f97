// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Rewriting says what a copy of a capture says otherwise.
type Rewriting struct {
	// Meta is the metadata of the copy. It has the format version of the capture.
	Meta *Metadata
	// Kinds are all kinds of the capture in their order. Their columns may have
	// other documentation, units and values, and be a String that were an Enum.
	Kinds []Kind
	// Text is what takes the place of a text in a column of strings. It is called
	// by one goroutine at a time, and must not keep the text.
	Text func(c Col, text []byte) string
}

// Rewrite writes a capture with other texts. Its rows and numbers are those of
// the capture; what ebrec does not know of the schema, such as metadata of other
// programs, is left out. Buffers of numbers are copied as they are, without a
// look at them: a damaged one is in the copy, too. It returns the rows by kind.
func (c *Capture) Rewrite(w io.Writer, r Rewriting) (rows map[string]uint64, err error) {
	kinds := slices.DeleteFunc(slices.Clone(r.Kinds), func(k Kind) bool { return k.Name == metadataName })
	l, err := newLayout(kinds)
	if err != nil {
		return nil, err
	}
	pairs, err := encodeMetadata(r.Meta, l.kinds)
	if err != nil {
		return nil, err
	}
	pairs[0].value = c.meta.Format
	if !c.alike(l) {
		return c.rewriteRows(w, r, l, pairs)
	}
	t := &rewriter{capture: c, Rewriting: r, layout: l, loader: c.loader(0), out: newBuffers(l), rows: make([]uint64, len(l.kinds))}
	if t.encoder, err = newEncoder(l); err != nil {
		return nil, err
	}
	for i := range l.columns {
		t.from = append(t.from, c.Col(l.columns[i].Name))
	}
	if t.metadata, err = metadataText(l, pairs); err != nil {
		return nil, err
	}
	return t.write(w, pairs)
}

// rewriteRows copies row by row, in the order of ebrec: the capture of another
// program may have any.
func (c *Capture) rewriteRows(w io.Writer, r Rewriting, l *layout, pairs []note) (map[string]uint64, error) {
	k := newCopier(c, l)
	k.source.retext = r.Text
	if err := k.windows.beginAs(w, r.Meta, pairs, WriterOptions{Background: true}); err != nil {
		return nil, err
	}
	if err := k.copyAll(c); err != nil {
		return nil, err
	}
	return k.Rows(), nil
}

// alike tells whether the numbers of a capture can be copied to a layout as they
// are: ebrec wrote them, and wherever that would mean something else there.
func (c *Capture) alike(l *layout) bool {
	if !c.sealed || !slices.Equal(c.names, l.names) {
		return false
	}
	for i := range l.columns {
		col := &l.columns[i]
		at := c.Col(col.Name)
		if at == NoCol || col.isText() {
			continue
		}
		w := &c.schema.wires[at]
		if w.typ != col.Type || w.width != col.width() || (w.form == formWords) != (col.Type == Enum) || w.form == formWords && !w.signed {
			return false
		}
	}
	return true
}

// rewriter writes the batches of a capture again, one by one.
type rewriter struct {
	Rewriting
	capture  *Capture
	layout   *layout
	from     []Col // of the capture, by column of the layout
	metadata []byte
	loader   *loader
	encoder  *encoder
	out      *buffers
	vector   vector
	zeros    zeros
	rows     []uint64
}

func (t *rewriter) write(w io.Writer, pairs []note) (map[string]uint64, error) {
	f := &container{out: w}
	if err := f.begin(t.encoder, pairs); err != nil {
		return nil, err
	}
	for _, at := range t.capture.batches {
		head, body, err := t.batch(at)
		if err != nil {
			return nil, fmt.Errorf("read capture %w", t.capture.corrupt(at, err))
		}
		if err := f.batch(head, body); err != nil {
			return nil, err
		}
	}
	return t.layout.byName(t.rows), f.end(t.encoder)
}

// batch makes the message of a batch, valid until the next one.
func (t *rewriter) batch(at block) (head, body []byte, err error) {
	m, err := t.loader.open(at, headerBatch, true)
	if err != nil {
		return nil, nil, err
	}
	b, err := parseBatch(m.flat, m.header, t.capture.schema)
	if err != nil {
		return nil, nil, err
	}
	says, err := parseBrief(m.notes, t.capture.names, b.rows)
	if err != nil {
		return nil, nil, err
	}
	t.loader.codec, t.loader.budget = b.codec, t.capture.mostMemory()
	t.encoder.begin(b.rows)
	for i := range t.layout.columns {
		if err := t.column(&b, i); err != nil {
			return nil, nil, fmt.Errorf("column %s: %w", t.layout.columns[i].Name, err)
		}
	}
	for kind, n := range says.rows {
		t.rows[kind] += uint64(n)
	}
	header := t.encoder.batch(b.rows, t.out.columns)
	return t.encoder.message(headerBatch, header, len(t.encoder.body), says.notes(t.layout.names)...), t.encoder.body, nil
}

// column puts a column where the encoder collects the body. One without a value
// is written anew, so that nothing stays of what its buffers hold.
func (t *rewriter) column(b *recordBatch, i int) error {
	col, out, from := &t.layout.columns[i], &t.out.columns[i], t.from[i]
	rows, nulls := int64(b.rows), int64(b.rows)
	if from != NoCol {
		rows, nulls = b.node(t.capture.schema.wires[from].node)
	}
	switch {
	case rows != int64(b.rows) || nulls < 0 || nulls > rows:
		return fmt.Errorf("%d rows and %d nulls in a batch of %d", rows, nulls, b.rows)
	case nulls == rows:
		t.zeros.fill(out, col, b.rows)
	case col.isText():
		if err := t.text(b, from, out); err != nil {
			return err
		}
	default:
		out.nulls = int(nulls)
		return t.copy(b, &t.capture.schema.wires[from], nulls > 0)
	}
	t.encoder.column(out, col.isText())
	return nil
}

func (t *rewriter) text(b *recordBatch, from Col, out *columnBuffers) error {
	w := &t.capture.schema.wires[from]
	if err := t.vector.load(t.loader, b, w, t.capture.words[w.dictionary]); err != nil {
		return err
	}
	m := &out.memory
	m.valid = resize(m.valid, (b.rows+7)/8)
	clear(m.valid)
	*out = columnBuffers{memory: *m, valid: m.valid}
	itself := t.capture.columns[from].Name == ColumnMetadata
	out.texts(b.rows, func(to []byte, i int) ([]byte, bool) {
		switch {
		case t.vector.null(i):
			return to, false
		case itself:
			return append(to, t.metadata...), true
		}
		return append(to, t.Text(from, t.vector.bytes(i))...), true
	})
	if len(out.data) > math.MaxInt32 {
		return fmt.Errorf("texts of %d bytes in a batch", len(out.data))
	}
	if out.nulls == 0 {
		out.valid = nil
	}
	return nil
}

var errUnusual = errors.New("its buffers are not compressed as ebrec does it")

// copy copies a column's bitmap, if it has one, and its numbers.
func (t *rewriter) copy(b *recordBatch, w *wire, valid bool) error {
	e, size := t.encoder, t.loader.msg.end-t.loader.msg.body
	for part := range 2 {
		s, at := b.span(w, part), len(e.body)
		switch {
		case part == 0 && !valid:
			s.length = 0
		case b.codec != codecZstd:
			return errUnusual
		case s.offset < 0 || s.length < 0 || s.offset > size || s.length > size-s.offset:
			return errors.New("a buffer lies outside of its message")
		}
		if t.loader.budget -= s.length; t.loader.budget < 0 {
			return errBudget
		}
		e.body = slices.Grow(e.body, int(s.length))[:at+int(s.length)]
		if err := t.loader.in.read(e.body[at:], t.loader.msg.body+s.offset); err != nil {
			return err
		}
		if s.length > 0 && (s.length < 8 || e.body[at+7]&0x80 != 0) { // a negative length: not compressed
			return errUnusual
		}
		e.spans = append(e.spans, span{int64(at), s.length})
		e.body = pad(e.body)
	}
	return nil
}
