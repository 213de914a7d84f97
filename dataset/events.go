// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// Row groups end with the batch that gives them so many rows or bytes: a reader
// takes them one by one, and the writer holds one.
const (
	groupRows  = 1 << 19
	groupBytes = 48 << 20
)

// events writes the rows of one capture to Parquet.
type events struct {
	capture *format.Capture
	names   *names
	table   *table
	lanes   []lane
	rows    int64
}

// writeEvents writes all rows of a capture but that of its metadata, in their
// order, and returns how many there are, which is about total. told hears of those
// that are written.
func writeEvents(ctx context.Context, w io.Writer, c *format.Capture, id string, total int64, told func(rows int64)) (rows int64, err error) {
	columns, err := EventColumns()
	if err != nil {
		return 0, err
	}
	if err := checkColumns(c, columns); err != nil {
		return 0, err
	}
	n, err := newNames(c)
	if err != nil {
		return 0, err
	}
	defer n.stop()
	e := &events{capture: c, names: n}
	for _, col := range columns {
		e.lanes = append(e.lanes, e.lane(col, id))
	}
	if e.table, err = newTable(w, columns, total); err != nil {
		return 0, err
	}
	if err := e.all(ctx, told); err != nil {
		return 0, err
	}
	return e.rows, e.table.close()
}

// checkColumns refuses a capture whose columns are not what their names say.
func checkColumns(c *format.Capture, known []Column) error {
	for _, k := range known {
		at := c.Col(k.Name)
		if at == format.NoCol {
			continue
		}
		if has := plain(c.Columns()[at].Type); has != k.Type || slices.ContainsFunc(added, func(a Column) bool { return a.Name == k.Name }) {
			return fmt.Errorf("column %s is not of the type that it has in captures", k.Name)
		}
	}
	return nil
}

// plain is the type of a column whose texts are just texts.
func plain(t format.Type) format.Type {
	if t == format.Address || t == format.Enum {
		return format.String
	}
	return t
}

// Unknown are the columns of a capture that have no place in the table events: a
// later version of ebrec knows them.
func Unknown(c *format.Capture) (names []string, err error) {
	known, err := EventColumns()
	if err != nil {
		return nil, err
	}
	for _, col := range c.Columns() {
		if col.Name != format.ColumnMetadata && !slices.ContainsFunc(known, func(k Column) bool { return k.Name == col.Name }) {
			names = append(names, col.Name)
		}
	}
	return names, nil
}

// lane is the way of a column.
func (e *events) lane(col Column, id string) lane {
	c := e.capture
	l := lane{Column: col, from: c.Col(col.Name)}
	l.enum = l.from != format.NoCol && c.Columns()[l.from].Type == format.Enum
	switch col.Name {
	case columnCapture:
		l.fixed = id
	case columnComm:
		l.names = newNaming(c, e.names, 0, format.ColumnTID, func(f fill) bool { return f.comm })
		l.names.own = l.from
	case prevComm:
		l.names = newNaming(c, e.names, 1, format.ColumnTID, func(f fill) bool { return f.sides })
	case nextComm:
		l.names = newNaming(c, e.names, 2, "next_tid", func(f fill) bool { return f.sides })
	case wokenComm:
		l.names = newNaming(c, e.names, 3, "woken_tid", func(f fill) bool { return f.woken })
	}
	return l
}

// all writes the batches in the order of the file.
func (e *events) all(ctx context.Context, told func(rows int64)) error {
	for b, err := range e.capture.Batches(format.Scan{}) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = e.add(b)
		}
		if err != nil {
			return err
		}
		e.rows += int64(b.Len())
		told(int64(b.Len()))
	}
	return nil
}

// add writes a batch, several columns at a time.
func (e *events) add(b *format.Batch) error {
	if err := e.names.advance(b.Time(b.Len()-1), b.Next()); err != nil {
		return err
	}
	if err := e.table.begin(); err != nil {
		return err
	}
	err := e.table.each(func(i int, s *scratch) error { return e.lanes[i].write(&e.table.chunks[i], b, s) })
	if err != nil {
		return err
	}
	if e.table.rows += b.Len(); e.table.rows >= groupRows || e.table.bytes() >= groupBytes {
		return e.table.flush()
	}
	return nil
}
