// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// foreign rewrites a capture as another program may: names as dictionaries, a
// column and metadata of its own, without checksums.
func foreign(t *testing.T, path string) string {
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
	words := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	fields := r.Schema().Fields()
	for i := range fields {
		if fields[i].Name == "comm" {
			fields[i].Type = words
		}
	}
	fields = append(fields, arrow.Field{Name: "remark", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: arrow.NewMetadata([]string{"doc"}, []string{"what Mallory says"})})
	md := r.Schema().Metadata()
	keys, texts := append(md.Keys(), "pandas", "ebrec.owner"), append(md.Values(), `{"creator":"mallory-laptop"}`, "mallory")
	for i, key := range keys {
		if key == "ebrec.kinds" { // a kind has the column
			texts[i] = strings.Replace(texts[i], `"columns":[`, `"columns":["remark",`, 1)
		}
	}
	all := arrow.NewMetadata(keys, texts)
	schema := arrow.NewSchema(fields, &all)
	out := filepath.Join(t.TempDir(), "foreign.arrow")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema), ipc.WithLZ4())
	if err != nil {
		t.Fatal(err)
	}
	var dictionary []string
	for i := range r.NumRecords() {
		record, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		dictionary = append(dictionary, commsOf(record)...)
	}
	for i := range r.NumRecords() {
		record, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(foreignRecord(schema, record, dictionary)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

func commsOf(record arrow.Record) (all []string) {
	comms := record.Column(record.Schema().FieldIndices("comm")[0]).(*array.String)
	for i := range comms.Len() {
		if comms.IsValid(i) {
			all = append(all, strings.Clone(comms.Value(i)))
		}
	}
	return all
}

func foreignRecord(schema *arrow.Schema, record arrow.Record, dictionary []string) arrow.Record {
	columns := append([]arrow.Array{}, record.Columns()...)
	at := record.Schema().FieldIndices("comm")[0]
	comms := record.Column(at).(*array.String)
	b := array.NewDictionaryBuilder(memory.DefaultAllocator, schema.Field(at).Type.(*arrow.DictionaryType)).(*array.BinaryDictionaryBuilder)
	values := array.NewStringBuilder(memory.DefaultAllocator)
	values.AppendValues(dictionary, nil)
	_ = b.InsertStringDictValues(values.NewStringArray()) // they are strings
	remarks := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range comms.Len() {
		if comms.IsValid(i) {
			_ = b.AppendString(comms.Value(i))
		} else {
			b.AppendNull()
		}
		remarks.Append("mallory was here")
	}
	columns[at] = b.NewArray()
	return array.NewRecord(schema, append(columns, remarks.NewArray()), record.NumRows())
}

// What another program wrote, and what this one does not know, is redacted all
// the same.
func TestForeign(t *testing.T) {
	path := foreign(t, "../testdata/tcp/trace.arrow")
	r, c, out := redacted(t, path, Options{Key: testKey})
	if c.Sealed() || !out.Sealed() {
		t.Fatal("sealed")
	}
	if _, err := r.Prove(t.Context(), out.Path()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out.Path())
	if err != nil {
		t.Fatal(err)
	}
	text := string(arrowText(t, out.Path())) + string(data)
	for _, name := range []string{"allory", "eb-client", "eb-server", "workload"} {
		if strings.Contains(text, name) {
			t.Errorf("%s is there", name)
		}
	}
	if !strings.Contains(string(arrowText(t, path)), "mallory") {
		t.Error("it was not there before")
	}
	if col := out.Columns()[out.Col("comm")]; col.Type != format.String || len(col.Values) > 0 {
		t.Errorf("%+v", col)
	}
	for _, a := range analyze.All {
		sameResult(t, r, a, analyze.Options{}, c, out)
	}
}

// A capture with nothing in it, and one that ends early.
func TestLittle(t *testing.T) {
	if err := proves(t, capturetest.Open(t, write(t, format.Metadata{}))); err != nil {
		t.Error("no rows:", err)
	}
	if err := proves(t, capturetest.Open(t, write(t, format.Metadata{}, small[0]))); err != nil {
		t.Error("a row:", err)
	}
	data, err := os.ReadFile("../testdata/mixed/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.arrow")
	if err := os.WriteFile(path, data[:len(data)-32000], 0o600); err != nil {
		t.Fatal(err)
	}
	r, c, out := redacted(t, path, Options{})
	if _, err := r.Prove(t.Context(), out.Path()); err != nil {
		t.Fatal(err)
	}
	if c.Cut() == nil || out.Cut() == nil || out.Meta().Repair == nil || !out.Meta().Repair.Cut {
		t.Errorf("%v, %v", c.Cut(), out.Cut())
	}
	for _, a := range analyze.All {
		sameResult(t, r, a, analyze.Options{}, c, out)
	}
}
