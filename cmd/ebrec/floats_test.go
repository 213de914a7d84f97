// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/rogpeppe/go-internal/testscript"
)

// floats FILE TO copies a capture as pandas does: integers that may be null become
// floating-point numbers, without the schema's metadata.
func floats(ts *testscript.TestScript, _ bool, args []string) {
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	r, err := ipc.NewFileReader(bytes.NewReader(data))
	ts.Check(err)
	defer r.Close()
	fields := r.Schema().Fields()
	for i := range fields {
		if arrow.IsInteger(fields[i].Type.ID()) {
			fields[i].Type = arrow.PrimitiveTypes.Float64
		}
	}
	schema := arrow.NewSchema(fields, nil)
	to, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	w, err := ipc.NewFileWriter(to, ipc.WithSchema(schema), ipc.WithZstd())
	ts.Check(err)
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		ts.Check(err)
		columns := rec.Columns()
		for j := range columns {
			if schema.Field(j).Type == arrow.PrimitiveTypes.Float64 {
				columns[j] = floating(columns[j])
			}
		}
		ts.Check(w.Write(array.NewRecord(schema, columns, rec.NumRows())))
	}
	ts.Check(w.Close())
	ts.Check(to.Close())
}

func floating(a arrow.Array) arrow.Array {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
		} else if err := b.AppendValueFromString(a.ValueStr(i)); err != nil {
			panic(err)
		}
	}
	return b.NewArray()
}
