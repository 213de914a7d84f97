// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/klauspost/compress/zstd"
)

// Col is the handle of a column in one capture.
type Col int

// NoCol is the handle of a column that a capture does not have: its values are
// null.
const NoCol Col = -1

// Capture is an open capture. Its methods may be called by several goroutines;
// each iteration over its batches is on its own.
type Capture struct {
	path    string
	file    *os.File
	in      input
	zstd    *zstd.Decoder
	schema  *fileSchema
	meta    *Metadata
	kinds   []Kind
	columns []Column
	byName  map[string]Col
	words   map[int64][]string // the dictionaries
	sealed  bool               // ebrec wrote it: each message has a checksum and a brief
	batches []block
	briefs  []brief // of a file that is not sealed
	time    Col
	kind    Col
	damage  *[]Damage // nil: damage is an error; else it is noted and passed over
	names   []string  // the kind column's dictionary
	series  []*Kind   // by index in it; nil for one that the capture does not list: its rows are skipped
	cut     error
}

// Open opens a capture. A file that was cut short opens as far as it goes; see
// [Capture.Cut].
func Open(path string) (*Capture, error) { return openFile(path, nil) }

func openFile(path string, damage *[]Damage) (*Capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	c := &Capture{path: path, file: f, damage: damage}
	if err := c.open(); err != nil {
		_ = c.Close() // what the caller needs to know is why it did not open
		if corrupt := (*CorruptError)(nil); errors.As(err, &corrupt) {
			return nil, fmt.Errorf("open capture %w", err)
		}
		return nil, fmt.Errorf("open capture %s: %w", path, err)
	}
	return c, nil
}

func (c *Capture) open() error {
	st, err := c.file.Stat()
	if err != nil {
		return err
	}
	switch {
	case st.IsDir():
		return fmt.Errorf("%w, it is a directory", ErrNotCapture)
	case !st.Mode().IsRegular():
		return fmt.Errorf("%w, it is not a regular file", ErrNotCapture)
	case st.Size() == 0:
		return fmt.Errorf("%w, the file is empty", ErrNotCapture)
	}
	c.in = input{c.file, st.Size()}
	if c.zstd, err = newZstd(runtime.GOMAXPROCS(0)); err != nil {
		return err
	}
	from, err := c.firstMessage()
	if err != nil {
		return err
	}
	end, err := c.readSchema(from)
	if err != nil {
		return err
	}
	x, err := c.readIndex(from, end)
	if err != nil {
		return err
	}
	if err := c.readDictionaries(x.dictionaries); err != nil {
		return err
	}
	c.batches = x.batches
	if err := c.encodeTexts(); err != nil {
		return err
	}
	c.names = c.words[c.schema.wires[c.kind].dictionary]
	if err := c.readMetadata(); err != nil {
		return err
	}
	switch {
	case !x.whole:
		c.findEnd(x.stop)
	case c.meta.Repair != nil && c.meta.Repair.Cut:
		c.cut = &CutError{Path: c.path, Offset: c.in.size, End: c.meta.Repair.End}
	}
	if !c.sealed {
		return c.survey()
	}
	return nil
}

// firstMessage is where the messages begin: behind the magic of the file
// format, at once in the stream format.
func (c *Capture) firstMessage() (int64, error) {
	head := make([]byte, fileHead)
	if err := c.in.read(head, 0); err != nil {
		return 0, fmt.Errorf("%w, it has only %d bytes", ErrNotCapture, c.in.size)
	}
	switch {
	case string(head[:len(magic)]) == magic:
		return fileHead, nil
	case binary.LittleEndian.Uint32(head) == continuation:
		return 0, nil
	}
	return 0, fmt.Errorf("%w, it is no Arrow file", ErrNotCapture)
}

// readSchema reads the first message and returns where it ends. Programs that
// read the schema in a file's footer may have none in front (polars): then that
// is read, and the end is -1.
func (c *Capture) readSchema(at int64) (end int64, err error) {
	m, err := c.in.message(at, nil)
	if err == nil && (m.header == 0 || m.kind != headerSchema) {
		err = errors.New("the first message is no schema")
	}
	if err != nil && at == fileHead {
		if f, _, footerErr := c.in.footerTable(fileHead); footerErr == nil {
			m = message{block: block{end: -1}, flat: f, header: f.table(f.root(), footerSchemaSlot)}
			_, m.sealed = f.seal(f.root(), footerCustom)
			err = f.err
		}
	}
	if errors.Is(err, errShort) {
		return 0, errors.New("cut short before its first rows")
	}
	if err == nil {
		c.schema, err = parseSchema(m.flat, m.header)
	}
	if errors.Is(err, ErrNotCapture) {
		return 0, err
	}
	if err != nil {
		return 0, c.corrupt(block{at: at}, err)
	}
	if c.sealed = m.sealed; c.sealed { // what ebrec does not write is of a later version
		c.schema.leaveOut(func(string) bool { return true })
	} else {
		c.schema.declare(typesOfBefore())
	}
	return m.end, c.useColumns()
}

// useColumns makes the schema's columns those of the capture.
func (c *Capture) useColumns() error {
	c.columns = c.schema.columns
	c.byName = make(map[string]Col, len(c.columns))
	for i := len(c.columns) - 1; i >= 0; i-- { // of one name the first
		c.byName[c.columns[i].Name] = Col(i)
	}
	return c.findColumns()
}

// findColumns finds the two columns that every capture has.
func (c *Capture) findColumns() error {
	c.time, c.kind = c.Col(ColumnTime), c.Col(ColumnKind)
	for _, name := range []string{ColumnTime, ColumnKind} {
		why, refused := c.schema.refused[name]
		switch {
		case refused && (c.schema.metadata[keyPrefix+"format"] != "" || c.Col(ColumnMetadata) != NoCol):
			return &ColumnError{name, why}
		case refused:
			return fmt.Errorf("%w, its column %s %s", ErrNotCapture, name, why)
		case c.Col(name) == NoCol:
			return fmt.Errorf("%w, it has no column %s", ErrNotCapture, name)
		}
	}
	return nil
}

// readMetadata reads the schema's metadata, or that of the first row when a
// program lost it.
func (c *Capture) readMetadata() error {
	pairs := c.schema.metadata
	_, ok := pairs[keyPrefix+"format"]
	if !ok || !c.sealed { // which tells of the types, too
		row, err := c.metadataRow()
		if err != nil && !ok {
			return err
		}
		if !ok {
			pairs = row
		}
	}
	meta, entries, err := decodeMetadata(pairs)
	if err != nil {
		return err
	}
	c.meta = meta
	if !c.sealed {
		if err := c.converted(entries); err != nil {
			return err
		}
	}
	if err := c.readKinds(entries); err != nil {
		return err
	}
	c.series = nil
	for _, name := range c.names {
		c.series = append(c.series, c.Kind(name))
	}
	return nil
}

const maxKinds = 1024

func (c *Capture) readKinds(entries []kindEntry) error {
	if len(entries) > maxKinds {
		return fmt.Errorf("%d kinds, at most %d are read", len(entries), maxKinds)
	}
	for _, e := range entries {
		if len(e.Columns) > maxColumns {
			return fmt.Errorf("kind %s has %d columns, at most %d are read", e.Name, len(e.Columns), maxColumns)
		}
		k := Kind{ID: e.ID, Name: e.Name, Source: e.Source, Doc: e.Doc, Hot: e.Hot}
		for _, name := range e.Columns {
			if col := c.Col(name); col != NoCol {
				k.Fields = append(k.Fields, Field{Column: c.columns[col]})
			}
		}
		c.kinds = append(c.kinds, k)
	}
	return nil
}

// readIndex finds the batches: by the footer, or from the front when there is
// none that holds. Then the mark at the end of the batches says that none is
// missing.
func (c *Capture) readIndex(from, schemaEnd int64) (index, error) {
	var err error
	var x index
	if from == fileHead {
		if x, err = c.in.footer(schemaEnd, c.sealed); err == nil {
			return x, nil
		}
	}
	if schemaEnd < 0 {
		return x, c.corrupt(block{at: c.in.size}, err)
	}
	if x, err = c.in.walk(schemaEnd, c.sealed, c.damage); err != nil {
		return x, c.corrupt(block{at: x.stop}, err)
	}
	return x, nil
}

func (c *Capture) corrupt(b block, err error) error {
	return &CorruptError{Path: c.path, Offset: b.at, Err: err}
}

// Close closes the file. Batches of it must not be used afterwards.
func (c *Capture) Close() error {
	if c.zstd != nil {
		c.zstd.Close()
	}
	return c.file.Close()
}

// Path is the path that the capture was opened by.
func (c *Capture) Path() string { return c.path }

// Size is the file's size in bytes.
func (c *Capture) Size() int64 { return c.in.size }

// Meta is what the capture says of its making. It is shared: do not change it.
func (c *Capture) Meta() *Metadata { return c.meta }

// Kinds are the kinds of rows that the capture may have, without layout.
func (c *Capture) Kinds() []Kind { return c.kinds }

// Kind returns the kind of that name, nil when the capture has none.
func (c *Capture) Kind(name string) *Kind {
	for i := range c.kinds {
		if c.kinds[i].Name == name {
			return &c.kinds[i]
		}
	}
	return nil
}

// Columns are the columns in file order, those left out that ebrec cannot
// read. An Enum's values are those of its dictionary.
func (c *Capture) Columns() []Column { return c.columns }

// Col returns the handle of a column, NoCol when there is none.
func (c *Capture) Col(name string) Col {
	if at, ok := c.byName[name]; ok {
		return at
	}
	return NoCol
}

// Sealed tells whether ebrec wrote the file: its messages have checksums. A
// file that another program rewrote has none.
func (c *Capture) Sealed() bool { return c.sealed }

// Cut is nil for a complete capture, else a *CutError.
func (c *Capture) Cut() error { return c.cut }
