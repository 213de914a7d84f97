// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// captures are all that are kept.
func captures(t testing.TB) (all []string) {
	t.Helper()
	for _, pattern := range []string{"../testdata/*/trace.arrow", "../testdata/versions/1.[01]/trace.arrow"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) < 2 {
			t.Fatalf("%d captures in %s, %v", len(some), pattern, err)
		}
		all = append(all, some...)
	}
	return all
}

func rowsOf(t testing.TB, c *format.Capture) (rows int64) {
	t.Helper()
	usage, err := c.Usage()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range usage {
		rows += u.Rows
	}
	return rows
}

// A row of a capture that is made up. Its time is after the recording began.
type row struct {
	kind string
	time int64
	row  map[string]any
}

var begun = time.Date(2026, 11, 21, 23, 59, 59, 999_999_000, time.UTC)

const boot = int64(100e9)

// write makes a capture of rows.
func write(t testing.TB, meta format.Metadata, rows ...row) (path string) {
	t.Helper()
	kinds, byName := capturetest.Kinds(t)
	meta.CPUs, meta.Start, meta.BootOffset, meta.Sources = 2, begun, begun.UnixNano()-boot, bpf.Sources()
	var b bytes.Buffer
	w, err := format.NewWriter(&b, &meta, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		all := maps.Clone(r.row)
		all["time"] = boot + r.time
		raw, err := byName[r.kind].Encode(all)
		if err == nil {
			err = w.Add(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "trace.arrow")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// parquetOf is the events of a capture as a file of Parquet.
func parquetOf(t testing.TB, c *format.Capture) *file.Reader {
	t.Helper()
	var b bytes.Buffer
	if _, err := writeEvents(t.Context(), &b, c, "the-id", rowsOf(t, c), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	return read(t, b.Bytes())
}

func read(t testing.TB, data []byte) *file.Reader {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// columnOf is the values of a column of a file, nil for null: text as string,
// numbers sign-extended.
func columnOf(t testing.TB, r *file.Reader, name string) (all []any) {
	t.Helper()
	at := r.MetaData().Schema.ColumnIndexByName(name)
	if at < 0 {
		t.Fatalf("no column %s", name)
	}
	for g := range r.NumRowGroups() {
		chunk, err := r.RowGroup(g).Column(at)
		if err != nil {
			t.Fatal(err)
		}
		rows := r.MetaData().RowGroup(g).NumRows()
		levels := make([]int16, rows)
		var got []any
		switch c := chunk.(type) {
		case *file.Int32ColumnChunkReader:
			got = chunkValues(t, c.ReadBatch, levels, func(x int32) any { return int64(x) })
		case *file.Int64ColumnChunkReader:
			got = chunkValues(t, c.ReadBatch, levels, func(x int64) any { return x })
		case *file.ByteArrayColumnChunkReader:
			got = chunkValues(t, c.ReadBatch, levels, func(x parquet.ByteArray) any { return string(x) })
		}
		nullable := chunk.Descriptor().MaxDefinitionLevel() > 0
		for _, level := range levels {
			if nullable && level == 0 {
				all = append(all, nil)
				continue
			}
			all, got = append(all, got[0]), got[1:]
		}
	}
	return all
}

// chunkValues reads the values of all rows of a chunk.
func chunkValues[T any](t testing.TB, read func(int64, []T, []int16, []int16) (int64, int, error), levels []int16, convert func(T) any) (all []any) {
	t.Helper()
	buffer := make([]T, len(levels))
	for done := int64(0); done < int64(len(levels)); {
		n, values, err := read(int64(len(levels))-done, buffer, levels[done:], nil)
		if err != nil && err != io.EOF || n == 0 {
			t.Fatalf("%d rows of %d, %v", done, len(levels), err)
		}
		for _, x := range buffer[:values] {
			all = append(all, convert(x))
		}
		done += n
	}
	return all
}
