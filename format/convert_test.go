// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

// recast makes another program's copy of a capture, with other columns. Without
// metadata the copy has that of the first row only.
func recast(t testing.TB, path string, metadata bool, column func(f arrow.Field, a arrow.Array) arrow.Array) string {
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
	var out seekBuffer
	var w *ipc.FileWriter
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		fields, columns := r.Schema().Fields(), make([]arrow.Array, rec.NumCols())
		for j, a := range rec.Columns() {
			if columns[j] = column(fields[j], a); columns[j] == nil {
				columns[j] = a
			}
			fields[j].Type, fields[j].Nullable = columns[j].DataType(), true
		}
		var md *arrow.Metadata
		if metadata {
			m := r.Schema().Metadata()
			md = &m
		}
		schema := arrow.NewSchema(fields, md)
		if w == nil {
			if w, err = ipc.NewFileWriter(&out, ipc.WithSchema(schema)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(array.NewRecord(schema, columns, rec.NumRows())); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return save(t, out.Bytes())
}

// integer is a row's value in a column of integers.
func integer(a arrow.Array, i int) int64 {
	switch a := a.(type) {
	case *array.Uint8:
		return int64(a.Value(i))
	case *array.Uint16:
		return int64(a.Value(i))
	case *array.Uint32:
		return int64(a.Value(i))
	case *array.Uint64:
		return int64(a.Value(i))
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	}
	panic(a.DataType().String())
}

// integers is a change of all columns of integers: put appends a value.
func integers[B array.Builder](make func() B, put func(b B, x int64)) func(arrow.Field, arrow.Array) arrow.Array {
	return func(_ arrow.Field, a arrow.Array) arrow.Array {
		if !isInteger(a.DataType()) {
			return nil
		}
		b := make()
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				put(b, integer(a, i))
			}
		}
		return b.NewArray()
	}
}

func isInteger(t arrow.DataType) bool { return arrow.IsInteger(t.ID()) }

// texts is a change of all columns of text and of names to plain text.
func texts(f func() array.Builder) func(arrow.Field, arrow.Array) arrow.Array {
	return func(_ arrow.Field, a arrow.Array) arrow.Array {
		switch a.(type) {
		case *array.String, *array.Dictionary:
		default:
			return nil
		}
		b := f()
		for i := range a.Len() {
			if text := oracleValue(a, i); a.IsNull(i) {
				b.AppendNull()
			} else if err := b.AppendValueFromString(text); err != nil {
				panic(err)
			}
		}
		return b.NewArray()
	}
}

func float64s() *array.Float64Builder { return array.NewFloat64Builder(memory.DefaultAllocator) }

// instants is a change of all columns of instants to another unit or time zone.
func instants(unit arrow.TimeUnit, zone string, per int64) func(arrow.Field, arrow.Array) arrow.Array {
	return func(_ arrow.Field, a arrow.Array) arrow.Array {
		from, ok := a.(*array.Timestamp)
		if !ok {
			return nil
		}
		b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: unit, TimeZone: zone})
		for i := range from.Len() {
			if from.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(from.Value(i) / arrow.Timestamp(per))
			}
		}
		return b.NewArray()
	}
}

// only is a change of one column.
func only(name string, change func(arrow.Field, arrow.Array) arrow.Array) func(arrow.Field, arrow.Array) arrow.Array {
	return func(f arrow.Field, a arrow.Array) arrow.Array {
		if f.Name != name {
			return nil
		}
		return change(f, a)
	}
}

// except is a change of all columns but one.
func except(name string, change func(arrow.Field, arrow.Array) arrow.Array) func(arrow.Field, arrow.Array) arrow.Array {
	return func(f arrow.Field, a arrow.Array) arrow.Array {
		if f.Name == name {
			return nil
		}
		return change(f, a)
	}
}

// wholeSeconds is a capture whose instants are whole seconds.
func wholeSeconds(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	meta := testMeta()
	meta.Start = meta.Start.Truncate(1e9)
	meta.BootOffset = meta.BootOffset / 1e9 * 1e9
	w, err := NewWriter(&out, meta, testKinds(), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := w.Add(record(t, 1, map[string]any{"time": i * 1e9, "comm": "a"})); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return save(t, out.Bytes())
}

// What another program gave other types is read as it was, and copied with the
// types that it had.
func TestReadsOtherTypes(t *testing.T) {
	sched, tcp, seconds := "../testdata/sched/trace.arrow", "../testdata/tcp/trace.arrow", wholeSeconds(t)
	ours3 := capture(t, WriterOptions{}, fillAll(t))
	large := func() array.Builder { return array.NewBuilder(memory.DefaultAllocator, arrow.BinaryTypes.LargeString) }
	plain := func() array.Builder { return array.NewBuilder(memory.DefaultAllocator, arrow.BinaryTypes.String) }
	view := func() array.Builder { return array.NewBuilder(memory.DefaultAllocator, arrow.BinaryTypes.StringView) }
	floats := integers(float64s, func(b *array.Float64Builder, x int64) { b.Append(float64(x)) })
	nan := func(f arrow.Field, a arrow.Array) arrow.Array {
		if !isInteger(a.DataType()) {
			return nil
		}
		b := float64s()
		for i := range a.Len() {
			if a.IsNull(i) {
				b.Append(math.NaN())
			} else {
				b.Append(float64(integer(a, i)))
			}
		}
		return b.NewArray()
	}
	for name, c := range map[string]struct {
		path   string
		change func(arrow.Field, arrow.Array) arrow.Array
	}{
		"float64":          {sched, except("wall_offset_ns", floats)},
		"float64 of ours":  {ours3, except("bytes", floats)},
		"float64 with NaN": {tcp, except("wall_offset_ns", nan)},
		"float32":          {sched, only("cpu", integers(func() *array.Float32Builder { return array.NewFloat32Builder(memory.DefaultAllocator) }, func(b *array.Float32Builder, x int64) { b.Append(float32(x)) }))},
		"int64":            {tcp, integers(func() *array.Int64Builder { return array.NewInt64Builder(memory.DefaultAllocator) }, func(b *array.Int64Builder, x int64) { b.Append(x) })},
		"int8":             {sched, only("cpu", integers(func() *array.Int8Builder { return array.NewInt8Builder(memory.DefaultAllocator) }, func(b *array.Int8Builder, x int64) { b.Append(int8(x)) }))},
		"bool":             {sched, only("preempted", integers(func() *array.BooleanBuilder { return array.NewBooleanBuilder(memory.DefaultAllocator) }, func(b *array.BooleanBuilder, x int64) { b.Append(x != 0) }))},
		"text":             {sched, texts(plain)},
		"large text":       {tcp, texts(large)},
		"views":            {sched, texts(view)},
		"text of ours":     {ours3, texts(plain)},
		"no zone":          {sched, instants(arrow.Nanosecond, "", 1)},
		"microseconds":     {seconds, instants(arrow.Microsecond, "UTC", 1e3)},
		"seconds":          {seconds, instants(arrow.Second, "UTC", 1e9)},
		"no value": {sched, only("suspended_ns", func(_ arrow.Field, a arrow.Array) arrow.Array {
			if a.NullN() != a.Len() {
				panic("the fixture has values")
			}
			return array.NewNull(a.Len())
		})},
	} {
		for _, metadata := range []bool{true, false} {
			again := recast(t, c.path, metadata, c.change)
			if diff := cmp.Diff(ours(t, c.path), ours(t, again)); diff != "" {
				t.Errorf("%s (-capture +copy):\n%s", name, diff)
			}
			var out bytes.Buffer
			from := open(t, again)
			if _, err := CopyAll(&out, from, from.Meta(), WriterOptions{}); err != nil {
				t.Fatal(err)
			}
			want, got := open(t, c.path).Columns(), open(t, save(t, out.Bytes())).Columns()
			if diff := cmp.Diff(typesOf(want), typesOf(got)); diff != "" {
				t.Errorf("%s: types (-capture +copy):\n%s", name, diff)
			}
		}
	}
}

func typesOf(columns []Column) map[string]string {
	types := map[string]string{}
	for _, c := range columns {
		types[c.Name] = c.Type.String()
	}
	return types
}

// What cannot be read exactly is refused with the name of the column, by whoever
// reads it, and is no damage to be passed over.
func TestRefusesOtherTypes(t *testing.T) {
	sched := "../testdata/sched/trace.arrow"
	plus := func(by float64) func(arrow.Field, arrow.Array) arrow.Array {
		return integers(float64s, func(b *array.Float64Builder, x int64) { b.Append(float64(x) + by) })
	}
	number := integers(func() *array.StringBuilder { return array.NewStringBuilder(memory.DefaultAllocator) }, func(b *array.StringBuilder, x int64) { b.Append("1") })
	for name, c := range map[string]struct {
		column string
		change func(arrow.Field, arrow.Array) arrow.Array
	}{
		"rounded":      {"wall_offset_ns", plus(0)},
		"a fraction":   {"tid", plus(0.5)},
		"too large":    {"pid", plus(1 << 32)},
		"negative":     {"cpu", plus(-1000)},
		"text":         {"cpu", number},
		"microseconds": {"time", instants(arrow.Microsecond, "UTC", 1e3)},
		"an instant":   {"start", instants(arrow.Millisecond, "UTC", 1e6)},
	} {
		again := recast(t, sched, true, only(c.column, c.change))
		var bad *ColumnError
		if err := readAll(again); !errors.As(err, &bad) || bad.Column != c.column || errors.As(err, new(*CorruptError)) {
			t.Errorf("%s: %v, want an error of column %s", name, err, c.column)
		}
		if _, _, err := Salvage(again); !errors.As(err, &bad) {
			t.Errorf("%s: salvaged: %v", name, err)
		}
	}
}

// A column of another program's own may be of any type.
func TestColumnsOfOthers(t *testing.T) {
	path := "../testdata/sched/trace.arrow"
	for _, typ := range []arrow.DataType{arrow.PrimitiveTypes.Float64, arrow.ListOf(arrow.PrimitiveTypes.Int8),
		arrow.StructOf(arrow.Field{Name: "a", Type: arrow.BinaryTypes.StringView}, arrow.Field{Name: "b", Type: arrow.ListOf(arrow.BinaryTypes.String)}),
		arrow.FixedWidthTypes.Timestamp_s, arrow.FixedWidthTypes.Duration_ns, arrow.FixedWidthTypes.Float16, arrow.Null} {
		again := withColumn(t, path, arrow.Field{Name: "mine", Type: typ, Nullable: true})
		if diff := cmp.Diff(ours(t, path), ours(t, again)); diff != "" {
			t.Errorf("%s (-capture +copy):\n%s", typ, diff)
		}
	}
}

// withColumn makes a copy of a capture with one more column, the first.
func withColumn(t *testing.T, path string, field arrow.Field) string {
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
	md := r.Schema().Metadata()
	schema := arrow.NewSchema(append([]arrow.Field{field}, r.Schema().Fields()...), &md)
	var out seekBuffer
	w, err := ipc.NewFileWriter(&out, ipc.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		b := array.NewBuilder(memory.DefaultAllocator, field.Type)
		for row := range rec.NumRows() {
			if f, ok := b.(*array.Float64Builder); ok {
				f.Append(float64(row) + 0.5)
			} else {
				b.AppendNull()
			}
		}
		columns := append([]arrow.Array{b.NewArray()}, rec.Columns()...)
		if err := w.Write(array.NewRecord(schema, columns, rec.NumRows())); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return save(t, out.Bytes())
}

// The types of the columns of earlier versions are those of the captures that are
// kept of them.
func TestTypesOfBefore(t *testing.T) {
	types := typesOfBefore()
	for _, path := range []string{"../testdata/versions/1.0/trace.arrow", "../testdata/versions/1.1/trace.arrow", "../testdata/versions/1.2/trace.arrow", "../testdata/tcploss/trace.arrow", "../testdata/mixed/trace.arrow"} {
		c := open(t, path)
		if !c.Sealed() {
			t.Errorf("%s was rewritten", path)
		}
		if c.Meta().Format == Version { // made since: its metadata says the types
			continue
		}
		for _, col := range c.Columns() {
			if types[col.Name] != col.Type {
				t.Errorf("%s: column %s is a %s, it says %s", path, col.Name, col.Type, types[col.Name])
			}
		}
	}
}
