// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/zstd"
)

// Files that were made to hurt: each is refused, with what is wrong and where,
// in little memory. Their checksums are right.
func TestHostileFiles(t *testing.T) {
	data := small(t)
	all := messages(t, data)
	batch := all[len(all)-1]
	plain := plainCopy(t)
	word := func(b []byte, old, new uint64) { replace(t, b[batch.at:batch.body], old, new) }
	tests := map[string]struct {
		file []byte
		says string
	}{
		"a batch of 2^40 rows":           {patched(data, func(b []byte) { word(b, 4, 1<<40) }), "a batch of 1099511627776 rows"},
		"a batch of 2^24 rows":           {patched(data, func(b []byte) { word(b, 4, 1<<24) }), "what it says of its rows"},
		"a body of 2^60 bytes":           {patched(data, func(b []byte) { word(b, uint64(batch.end-batch.body), 1<<60) }), "damaged at byte"},
		"buffers behind the body":        {patched(data, func(b []byte) { word(b, 24, 1<<40) }), "damaged at byte"},
		"buffers of negative length":     {patched(data, func(b []byte) { word(b, 24, 1<<63) }), "damaged at byte"},
		"a buffer claiming 2^62":         {patched(data, func(b []byte) { replace(t, b[batch.body:batch.end], 32, 1<<62) }), "claims to inflate"},
		"a frame that inflates to 1 GiB": {frame(t, data, batch), "zstd"},
		"metadata of 4 GiB":              {patched(data, func(b []byte) { binary.LittleEndian.PutUint32(b[batch.at+4:], 1<<32-1) }), ""},
		"an offset to itself":            {patched(data, func(b []byte) { binary.LittleEndian.PutUint32(b[batch.at+8:], 0) }), "damaged at byte"},
		"an offset out of the message":   {patched(data, func(b []byte) { binary.LittleEndian.PutUint32(b[batch.at+8:], 1<<31) }), "damaged at byte"},
		"text that is not UTF-8":         {bytes.ReplaceAll(plain, []byte("10.0.0.7"), []byte("10.0\xff0.7")), "not valid UTF-8"},
		"a name that is not there":       {word1(t, plain), "of a dictionary of"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := save(t, tt.file)
			err := error(nil)
			if n := allocated(func() { err = readEverything(path) }); n > 64<<20 {
				t.Errorf("%d MB allocated", n>>20)
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it says %v, want %s", err, tt.says)
			}
		})
	}
}

// patched changes a copy of a file and gives it the right checksums.
func patched(data []byte, change func([]byte)) []byte {
	b := bytes.Clone(data)
	change(b)
	sealAll(b)
	return b
}

// allocated counts the bytes that a function takes, those it gives back too.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// frame puts a zstd frame of very many zeros into the place of a column.
func frame(t *testing.T, data []byte, batch block) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	bomb := e.EncodeAll(make([]byte, 1<<30), nil)
	b := bytes.Clone(data[:batch.at])
	head := bytes.Clone(data[batch.at:batch.body])
	body := binary.LittleEndian.AppendUint64(nil, 4) // the bytes that the column of kinds should have
	body = pad(append(body, bomb...))
	// Every buffer is the bomb, and the body as long.
	spans := open(t, save(t, data))
	m, err := spans.in.message(batch.at, nil)
	if err != nil {
		t.Fatal(err)
	}
	at, n := m.flat.vector(m.header, batchBuffers, spanSize)
	for i := range n {
		binary.LittleEndian.PutUint64(head[messagePrefix+at+i*spanSize:], 0)
		binary.LittleEndian.PutUint64(head[messagePrefix+at+i*spanSize+8:], uint64(len(body)))
	}
	replace(t, head, uint64(batch.end-batch.body), uint64(len(body)))
	b = append(append(append(b, head...), body...), streamEnd...)
	sealAll(b)
	return b
}

// plainCopy is a capture that another program wrote, uncompressed.
func plainCopy(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(rewrite(t, capture(t, WriterOptions{}, fillAll(t)), arrow.BinaryTypes.String, false))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// word1 gives rows kinds that the dictionary does not have.
func word1(t *testing.T, plain []byte) []byte {
	t.Helper()
	c := open(t, save(t, plain))
	b := c.batches[len(c.batches)-1]
	m, err := c.in.message(b.at, nil)
	if err != nil {
		t.Fatal(err)
	}
	rb, err := parseBatch(m.flat, m.header, c.schema)
	if err != nil {
		t.Fatal(err)
	}
	s := rb.span(&c.schema.wires[c.kind], 1)
	bad := bytes.Clone(plain)
	bad[b.body+s.offset] = 99
	return bad
}

// Two columns in one place are read as what is there; they take no more memory.
func TestOverlappingBuffers(t *testing.T) {
	plain := plainCopy(t)
	c := open(t, save(t, plain))
	b := c.batches[len(c.batches)-1]
	m, err := c.in.message(b.at, nil)
	if err != nil {
		t.Fatal(err)
	}
	at, n := m.flat.vector(m.header, batchBuffers, spanSize)
	bad := bytes.Clone(plain)
	for i := range n {
		binary.LittleEndian.PutUint64(bad[b.at+messagePrefix+int64(at+i*spanSize):], 0)
	}
	if n := allocated(func() { err = readEverything(save(t, bad)) }); n > 64<<20 {
		t.Errorf("%d MB allocated", n>>20)
	}
	t.Log(err)
}

// replace sets every aligned 64-bit number that is old to new.
func replace(t testing.TB, b []byte, old, new uint64) {
	t.Helper()
	n := 0
	for i := 0; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:]) == old {
			binary.LittleEndian.PutUint64(b[i:], new)
			n++
		}
	}
	if n == 0 {
		t.Fatalf("no %d to replace", old)
	}
}

// Columns of other types than a capture's, and none at all.
func TestWrongColumns(t *testing.T) {
	word := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	pairs := arrow.NewMetadata([]string{keyPrefix + "format"}, []string{Version})
	for name, fields := range map[string][]arrow.Field{
		"no column":       nil,
		"time is text":    {{Name: ColumnTime, Type: arrow.BinaryTypes.String}, {Name: ColumnKind, Type: word}},
		"kind is a float": {{Name: ColumnTime, Type: timestampType}, {Name: ColumnKind, Type: arrow.PrimitiveTypes.Float64}},
		"no kind":         {{Name: ColumnTime, Type: timestampType}},
	} {
		t.Run(name, func(t *testing.T) {
			var out seekBuffer
			w, err := ipc.NewFileWriter(&out, ipc.WithSchema(arrow.NewSchema(fields, &pairs)))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(save(t, out.Bytes())); !errors.Is(err, ErrNotCapture) && !errors.As(err, new(*ColumnError)) {
				t.Errorf("Open = %v, want ErrNotCapture or a ColumnError", err)
			}
		})
	}
}

// A capture without rows, and one without the metadata's row either.
func TestNoRows(t *testing.T) {
	path := capture(t, WriterOptions{}, func(*Writer) error { return nil })
	if rows := dump(t, open(t, path), Scan{}); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
	c := open(t, path)
	var out seekBuffer
	schema := arrow.NewSchema([]arrow.Field{{Name: ColumnTime, Type: timestampType}, {Name: ColumnKind, Type: enumType}}, ptr(arrow.MetadataFrom(c.schema.metadata)))
	w, err := ipc.NewFileWriter(&out, ipc.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if rows := dump(t, open(t, save(t, out.Bytes())), Scan{}); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
	empty := array.NewRecord(schema, []arrow.Array{
		array.MakeArrayOfNull(memory.DefaultAllocator, timestampType, 0),
		array.NewDictionaryArray(enumType, array.MakeArrayOfNull(memory.DefaultAllocator, arrow.PrimitiveTypes.Int8, 0), array.MakeArrayOfNull(memory.DefaultAllocator, arrow.BinaryTypes.String, 0)),
	}, 0)
	out = seekBuffer{}
	if w, err = ipc.NewFileWriter(&out, ipc.WithSchema(schema)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(empty), w.Close()); err != nil {
		t.Fatal(err)
	}
	if rows := dump(t, open(t, save(t, out.Bytes())), Scan{}); len(rows) != 0 {
		t.Errorf("%d rows in a batch of none", len(rows))
	}
}

func ptr[T any](v T) *T { return &v }

// A capture may have very many batches.
func TestManyBatches(t *testing.T) {
	const n = 100_000
	path := capture(t, WriterOptions{}, func(w *Writer) error {
		raw := record(t, 0, map[string]any{})
		for i := range n {
			binary.LittleEndian.PutUint64(raw[rawTimeAt:], uint64(i))
			if err := errors.Join(w.Add(raw), w.Flush(uint64(i))); err != nil {
				return err
			}
		}
		return nil
	})
	runtime.GC() // what writing took
	var before, m runtime.MemStats
	runtime.ReadMemStats(&before)
	c := open(t, path)
	if len(c.batches) != n+1 {
		t.Fatalf("%d batches", len(c.batches))
	}
	rows := 0
	for b, err := range c.Batches(Scan{Columns: []Col{}}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += b.Len()
	}
	if rows != n {
		t.Errorf("%d rows", rows)
	}
	if runtime.ReadMemStats(&m); m.Sys > before.Sys+128<<20 {
		t.Errorf("%d MB more than before", (m.Sys-before.Sys)>>20)
	}
	t.Logf("%d MB file, %d MB in use, %d MB taken and given back", c.Size()>>20, m.HeapInuse>>20, (m.TotalAlloc-before.TotalAlloc)>>20)
}
