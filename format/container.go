// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// container is one file or stream being written: the schema, messages, and an
// end that lists them.
type container struct {
	out    io.Writer
	stream bool
	at     int64 // bytes written
	index  index
	schema []byte // flatbuffer of the schema's message
	table  int    // where the schema's table is in it
}

// begin writes the schema and the dictionaries: from here on the file can be
// opened, whatever happens to its writer.
func (f *container) begin(e *encoder, metadata []note) error {
	if !f.stream {
		if err := f.write(append([]byte(magic), 0, 0)); err != nil {
			return err
		}
	}
	head, err := f.schemaMessage(e, e.layout.schema(metadata))
	if err != nil {
		return fmt.Errorf("encode schema: %w", err)
	}
	if err := f.write(head); err != nil {
		return err
	}
	id := int64(0)
	for c := range e.layout.columns {
		if e.layout.columns[c].Type != Enum {
			continue
		}
		head, body := e.dictionary(id, e.layout.columns[c].Values)
		f.index.dictionaries = append(f.index.dictionaries, f.next(head, body))
		if err := errors.Join(f.write(head), f.write(body)); err != nil {
			return err
		}
		id++ // as the Arrow library numbers them in the schema
	}
	return nil
}

// schemaMessage has the Arrow library encode the schema, and seals it.
func (f *container) schemaMessage(e *encoder, schema *arrow.Schema) ([]byte, error) {
	var b bytes.Buffer
	if err := ipc.NewWriter(&b, ipc.WithSchema(schema)).Close(); err != nil {
		return nil, err
	}
	m, err := input{bytes.NewReader(b.Bytes()), int64(b.Len())}.message(0, nil)
	if err != nil {
		return nil, err
	}
	f.schema, f.table = m.flat.buf, m.header
	return e.message(headerSchema, e.embed(f.schema, f.table), 0), nil
}

// next is where a message will be that is written now.
func (f *container) next(head, body []byte) block {
	return block{f.at, f.at + int64(len(head)), f.at + int64(len(head)+len(body))}
}

// room tells whether there is room for so many bytes and the end of the file.
func (f *container) room(bytes int) bool {
	r, ok := f.out.(Roomer)
	return !ok || r.Room(bytes+blockSize) == nil
}

// batch writes the message of a record batch.
func (f *container) batch(head, body []byte) error {
	f.index.batches = append(f.index.batches, f.next(head, body))
	if err := f.write(head); err != nil {
		return err
	}
	return f.write(body)
}

// endBytes is what end will write, at most.
func (f *container) endBytes() int64 {
	if f.stream {
		return int64(len(streamEnd))
	}
	return int64(len(f.schema) + blockSize*(len(f.index.dictionaries)+len(f.index.batches)) + endSlack)
}

// endSlack is more than what the end has besides the schema and the lists.
const endSlack = 512

// end writes what makes the file complete.
func (f *container) end(e *encoder) error {
	end := slices.Clone(streamEnd)
	if !f.stream {
		end = append(end, e.footer(&f.index, f.schema, f.table)...)
	}
	return f.write(end)
}

func (f *container) write(p []byte) error {
	n, err := f.out.Write(p)
	f.at += int64(n)
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}
