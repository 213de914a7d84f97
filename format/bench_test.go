// SPDX-License-Identifier: Apache-2.0

package format

import (
	"io"
	"testing"
)

// fillHops adds n rows of the hot kind that look like one CPU's switches.
func fillHops(b *testing.B, w *Writer, n int) {
	raw := record(b, 0, map[string]any{"time": 1})
	k := testKinds()[0]
	at, tid, next := k.Field(ColumnTime), k.Field(ColumnTID), k.Field("next_tid")
	now, seed := uint64(0), uint32(1)
	for i := range n {
		seed = seed*1664525 + 1013904223
		now += 1000 + uint64(seed>>22)
		at.PutUint(raw, now)
		tid.PutUint(raw, uint64(100+i%2))
		next.PutUint(raw, uint64(101-i%2))
		if err := w.Add(raw); err != nil {
			b.Fatal(err)
		}
		if w.Pending() >= batchRows {
			if err := w.Flush(now); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkWriteSwitches(b *testing.B) {
	w, err := NewWriter(io.Discard, testMeta(), testKinds(), WriterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	fillHops(b, w, b.N)
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(w.Stats().Bytes)/float64(b.N), "B/row")
}

func BenchmarkReadSwitches(b *testing.B) {
	path := capture(b, WriterOptions{}, func(w *Writer) error { fillHops(b, w, b.N); return nil })
	c := open(b, path)
	cols := []Col{c.Col(ColumnCPU), c.Col(ColumnTID), c.Col("next_tid")}
	b.ReportAllocs()
	b.ResetTimer()
	rows, sum := 0, uint64(0)
	for batch, err := range c.Batches(Scan{Columns: cols}) {
		if err != nil {
			b.Fatal(err)
		}
		for i := range batch.Len() {
			sum += batch.Uint(cols[2], i)
		}
		rows += batch.Len()
	}
	if rows != b.N || sum == 0 {
		b.Fatalf("%d rows, want %d", rows, b.N)
	}
}
