// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

// oracle reads a file with the Arrow library: each row as texts by column.
func oracle(t testing.TB, path string) (rows [][]string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		for row := range int(rec.NumRows()) {
			var line []string
			for _, col := range rec.Columns() {
				line = append(line, oracleValue(col, row))
			}
			rows = append(rows, line)
		}
	}
	return rows
}

func oracleValue(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	switch a := a.(type) {
	case *array.Timestamp:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Dictionary:
		return oracleValue(a.Dictionary(), a.GetValueIndex(i))
	}
	return a.ValueStr(i)
}

// ours reads a file with this package: each row as texts by column.
func ours(t testing.TB, path string) (rows [][]string) {
	t.Helper()
	c := open(t, path)
	var all []string // the metadata's row, too
	for _, k := range c.Kinds() {
		all = append(all, k.Name)
	}
	for b, err := range c.Batches(Scan{Kinds: all}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			var line []string
			for j := range c.Columns() {
				line = append(line, b.show(c, Col(j), i))
			}
			rows = append(rows, line)
		}
		for j := range c.Columns() {
			for _, from := range []int{0, b.Len() / 3} {
				some := make([]uint64, b.Len()-from)
				b.Uints(Col(j), from, some)
				for i, v := range some {
					if want := b.Uint(Col(j), from+i); v != want {
						t.Fatalf("Uints says %d of row %d of %s, Uint says %d", v, from+i, c.Columns()[j].Name, want)
					}
				}
			}
		}
	}
	return rows
}

func (b *Batch) show(c *Capture, col Col, i int) string {
	if b.Null(col, i) {
		return "null"
	}
	switch c.Columns()[col].Type {
	case String, Enum:
		return b.Str(col, i)
	case Int32, Int64, Timestamp:
		return fmt.Sprint(b.Int(col, i))
	}
	return fmt.Sprint(b.Uint(col, i))
}

// What this package reads is what the Arrow library reads, in captures of its
// own and in those recorded with earlier versions.
func TestReadsLikeArrow(t *testing.T) {
	paths := []string{fiveWindows(t), capture(t, WriterOptions{}, fillAll(t)), capture(t, WriterOptions{Background: true}, manyRows)}
	recorded, err := filepath.Glob("../testdata/*/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, recorded...) {
		want, got := oracle(t, path), ours(t, path)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-Arrow +ours):\n%s", path, diff)
		}
	}
}

// manyRows adds enough of each kind for batches of their own.
func manyRows(w *Writer) error {
	kinds := testKinds()
	for i := range 3 * fewRows {
		for k := range kinds[:2] {
			raw := bytes.Repeat([]byte{byte(i), byte(i >> 3), byte(i >> 7)}, 40)[:kinds[k].Size]
			kinds[k].Field(ColumnTime).PutUint(raw, uint64(i^3))
			kinds[k].Field(ColumnKind).PutUint(raw, uint64(kinds[k].ID))
			if err := w.Add(raw); err != nil {
				return err
			}
		}
	}
	return nil
}

type arrowWriter interface {
	Write(arrow.Record) error
	Close() error
}

// rewrite makes another Arrow program's copy of a capture: the same rows under
// other options, and with large strings.
func rewrite(t testing.TB, path string, text arrow.DataType, stream bool, options ...ipc.Option) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	schema := otherTypes(r.Schema(), text)
	var out seekBuffer
	options = append(options, ipc.WithSchema(schema))
	var w arrowWriter = ipc.NewWriter(&out, options...)
	if !stream {
		if w, err = ipc.NewFileWriter(&out, options...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(otherRecord(schema, rec)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return save(t, out.Bytes())
}

// seekBuffer is a buffer that knows its position.
type seekBuffer struct{ bytes.Buffer }

func (o *seekBuffer) Seek(int64, int) (int64, error) { return int64(o.Len()), nil }

func otherTypes(s *arrow.Schema, text arrow.DataType) *arrow.Schema {
	fields := s.Fields()
	for i := range fields {
		switch t := fields[i].Type.(type) {
		case *arrow.StringType:
			fields[i].Type = text
		case *arrow.DictionaryType:
			fields[i].Type = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: t.ValueType}
		}
	}
	md := s.Metadata()
	return arrow.NewSchema(fields, &md)
}

func otherRecord(schema *arrow.Schema, rec arrow.Record) arrow.Record {
	columns := make([]arrow.Array, rec.NumCols())
	for i, a := range rec.Columns() {
		switch a := a.(type) {
		case *array.String:
			b := array.NewBuilder(memory.DefaultAllocator, schema.Field(i).Type)
			for j := range a.Len() {
				if a.IsNull(j) {
					b.AppendNull()
				} else if err := b.AppendValueFromString(a.Value(j)); err != nil {
					panic(err)
				}
			}
			columns[i] = b.NewArray()
		case *array.Dictionary:
			b := array.NewInt32Builder(memory.DefaultAllocator)
			for j := range a.Len() {
				if a.IsNull(j) {
					b.AppendNull()
				} else {
					b.Append(int32(a.GetValueIndex(j)))
				}
			}
			columns[i] = array.NewDictionaryArray(schema.Field(i).Type, b.NewArray(), a.Dictionary())
		default:
			columns[i] = a
		}
	}
	return array.NewRecord(schema, columns, rec.NumRows())
}

// A capture that another program wrote again is read as before.
func TestReadsRewritten(t *testing.T) {
	path := capture(t, WriterOptions{}, func(w *Writer) error {
		for i, comm := range []string{"sh", "fifteen letters", "\xff\xfe\xfd\xfc", "", "überlang€"} {
			if err := w.Add(record(t, 1, map[string]any{"time": i, "comm": comm})); err != nil {
				return err
			}
		}
		return fillAll(t)(w)
	})
	want := ours(t, path)
	codecs := map[string][]ipc.Option{"plain": nil, "lz4": {ipc.WithLZ4()}, "zstd": {ipc.WithZstd()}}
	for _, text := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView} {
		for codec, options := range codecs {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/stream=%v", text, codec, stream), func(t *testing.T) {
					again := rewrite(t, path, text, stream, options...)
					if diff := cmp.Diff(want, ours(t, again)); diff != "" {
						t.Errorf("rows (-want +got):\n%s", diff)
					}
					if cut := open(t, again).Cut(); cut != nil {
						t.Errorf("a complete file says %v", cut)
					}
				})
			}
		}
	}
}

// Two recordings that another program put into one file, such as of two boots,
// are refused.
func TestRefusesSeveral(t *testing.T) {
	for name, fill := range map[string]func(*Writer) error{
		"whole":     fillAll(t),
		"cut short": func(w *Writer) error { return w.Add(record(t, 1, map[string]any{"time": 1, "comm": "a"})) },
	} {
		path := capture(t, WriterOptions{}, fill)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := ipc.NewFileReader(f)
		if err != nil {
			t.Fatal(err)
		}
		for times, want := range []error{1: nil, 2: ErrSeveral} {
			var out seekBuffer
			w, err := ipc.NewFileWriter(&out, ipc.WithSchema(r.Schema()))
			if err != nil {
				t.Fatal(err)
			}
			for range times {
				for i := range r.NumRecords() {
					rec, err := r.Record(i)
					if err != nil {
						t.Fatal(err)
					}
					if err := w.Write(rec); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(save(t, out.Bytes())); times > 0 && !errors.Is(err, want) {
				t.Errorf("%s, %d times: %v, want %v", name, times, err, want)
			}
		}
	}
}

// A file of Arrow that is no capture says so.
func TestOtherArrow(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64)}}, nil)
	for _, fields := range [][]arrow.Field{{{Name: "x", Type: arrow.PrimitiveTypes.Float64}}, schema.Fields()} {
		var out seekBuffer
		w, err := ipc.NewFileWriter(&out, ipc.WithSchema(arrow.NewSchema(fields, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = Open(save(t, out.Bytes()))
		want := "not an ebrec capture"
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("Open = %v, want %s", err, want)
		}
	}
}
