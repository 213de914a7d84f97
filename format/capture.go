// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

// ErrNotCapture says that a file is something else than a capture.
var ErrNotCapture = errors.New("not an ebrec capture")

// CorruptError says where a capture is damaged.
type CorruptError struct {
	Path   string
	Offset int64 // byte in the file; of the batch, when the damage is inside one
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: damaged at byte %d: %v", e.Path, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// CutError says that a capture was not finished and where it ends. What it
// holds up to there is good.
type CutError struct {
	Path string
	End  time.Time // of the last whole batch; zero when there is none
}

func (e *CutError) Error() string {
	if e.End.IsZero() {
		return e.Path + ": cut short before its first rows"
	}
	return fmt.Sprintf("%s: recording ends at %s, cut short", e.Path, e.End.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// Col is the handle of a column in one capture.
type Col int

// NoCol is the handle of a column that a capture does not have: its values are
// null.
const NoCol Col = -1

// Capture is an open capture. Batches may be read by several goroutines, each
// with its own iteration.
type Capture struct {
	path    string
	file    *os.File
	size    int64
	end     int64 // where the footer begins, -1 without one
	meta    *Metadata
	kinds   []Kind
	columns []Column
	types   []arrow.DataType
	cut     error
}

// Open opens a capture. A file that was cut short opens as far as it goes; see
// [Capture.Cut].
func Open(path string) (*Capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	c := &Capture{path: path, file: f}
	if err := c.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open capture %s: %w", path, err), f.Close())
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
	c.size = st.Size()
	c.end = c.footer()
	src, err := c.source()
	if err != nil {
		return err
	}
	defer src.close()
	if err := c.readSchema(src.schema()); err != nil {
		return err
	}
	if c.end < 0 && !c.endMarked() {
		return c.findEnd()
	}
	return nil
}

func (c *Capture) readSchema(s *arrow.Schema) error {
	meta, entries, err := decodeMetadata(s.Metadata())
	if err != nil {
		return err
	}
	c.meta = meta
	for _, f := range s.Fields() {
		t, err := typeOf(f.Type)
		if err != nil {
			return fmt.Errorf("column %s: %w", f.Name, err)
		}
		unit, _ := f.Metadata.GetValue(fieldUnit)
		doc, _ := f.Metadata.GetValue(fieldDoc)
		c.columns = append(c.columns, Column{Name: f.Name, Type: t, Unit: unit, Doc: doc})
		c.types = append(c.types, f.Type)
	}
	for _, name := range []string{ColumnTime, ColumnKind} {
		if c.Col(name) == NoCol {
			return fmt.Errorf("%w, it has no column %s", ErrNotCapture, name)
		}
	}
	c.readKinds(entries)
	return nil
}

func (c *Capture) readKinds(entries []kindEntry) {
	for _, e := range entries {
		k := Kind{ID: e.ID, Name: e.Name, Source: e.Source, Doc: e.Doc, Hot: e.Hot}
		for _, name := range e.Columns {
			if col := c.Col(name); col != NoCol {
				k.Fields = append(k.Fields, Field{Column: c.columns[col]})
			}
		}
		c.kinds = append(c.kinds, k)
	}
}

// endMarked tells whether the batches end with a mark, as a finished stream's do.
func (c *Capture) endMarked() bool {
	at, err := c.firstMessage()
	for err == nil {
		var m message
		if m, err = c.nextMessage(at); m.last {
			return true
		}
		at = m.end
	}
	return false
}

// findEnd looks for the last row of a file that was cut short.
func (c *Capture) findEnd() error {
	cut := &CutError{Path: c.path}
	c.cut = cut // from here on the end of the file is no error
	var end int64
	for b, err := range c.Batches(Scan{}) {
		if err != nil {
			return err
		}
		for i := range b.Len() {
			end = max(end, b.Time(i))
		}
	}
	if end != 0 {
		cut.End = time.Unix(0, end).UTC()
	}
	return nil
}

// Close closes the file. Batches of it must not be used afterwards.
func (c *Capture) Close() error { return c.file.Close() }

// Path is the path that the capture was opened by.
func (c *Capture) Path() string { return c.path }

// Size is the file's size in bytes.
func (c *Capture) Size() int64 { return c.size }

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

// Columns are the columns in file order, without the values of enums.
func (c *Capture) Columns() []Column { return c.columns }

// Col returns the handle of a column, NoCol when there is none.
func (c *Capture) Col(name string) Col {
	for i := range c.columns {
		if c.columns[i].Name == name {
			return Col(i)
		}
	}
	return NoCol
}

// Cut is nil for a complete capture, else a *CutError.
func (c *Capture) Cut() error { return c.cut }
