// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hops adds a row of the hot kind and one of another at each of some instants.
func hops(t *testing.T, w *Writer, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		for kind := range 2 {
			if err := w.Add(record(t, kind, map[string]any{"time": i, "pid": i, "tid": i, "cpu": 1})); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func flush(t *testing.T, w *Writer, until uint64) {
	t.Helper()
	if err := w.Flush(until); err != nil {
		t.Fatal(err)
	}
}

// tids are those of the rows of a kind, in order.
func tids(t *testing.T, data []byte, kind string) (list []uint64) {
	t.Helper()
	c := open(t, save(t, data))
	for b, err := range c.Batches(Scan{Kinds: []string{kind}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			list = append(list, b.Uint(c.Col(ColumnTID), i))
		}
	}
	return list
}

func count(from, to int) (list []uint64) {
	for i := from; i <= to; i++ {
		list = append(list, uint64(i))
	}
	return list
}

func eachBackground(t *testing.T, test func(t *testing.T, o WriterOptions)) {
	for _, o := range []WriterOptions{{}, {Background: true}, {Stream: true}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) { test(t, o) })
	}
}

// A file that goes on in another: what happened between the mark and the end of
// the first is in both, and nothing is lost.
func TestNext(t *testing.T) {
	eachBackground(t, func(t *testing.T, o WriterOptions) {
		var first, second bytes.Buffer
		w, err := NewWriter(&first, testMeta(), testKinds(), o)
		if err != nil {
			t.Fatal(err)
		}
		hops(t, w, 1, 30)
		flush(t, w, 10)
		w.Mark()
		flush(t, w, 15)
		meta := testMeta()
		meta.Window.From = 77
		if err := w.Next(&second, meta); err != nil {
			t.Fatal(err)
		}
		flush(t, w, 20)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"hop", "visit"} {
			if diff := cmp.Diff(count(1, 15), tids(t, first.Bytes(), kind)); diff != "" {
				t.Errorf("%s of the first file (-want +got):\n%s", kind, diff)
			}
			if diff := cmp.Diff(count(11, 30), tids(t, second.Bytes(), kind)); diff != "" {
				t.Errorf("%s of the second file (-want +got):\n%s", kind, diff)
			}
		}
		if c := open(t, save(t, second.Bytes())); c.Cut() != nil || c.Meta().Window.From != 77 {
			t.Errorf("the second file: cut %v, window %+v", c.Cut(), c.Meta().Window)
		}
	})
}

// A writer without a file keeps segments; what is written of them does not
// change when the writer goes on.
func TestKept(t *testing.T) {
	eachBackground(t, func(t *testing.T, o WriterOptions) {
		w, err := NewWriter(nil, testMeta(), testKinds(), o)
		if err != nil {
			t.Fatal(err)
		}
		hops(t, w, 1, 40)
		flush(t, w, 10)
		w.Mark()
		size := w.Stats().Bytes
		flush(t, w, 20)
		w.Mark()
		flush(t, w, 30)
		w.DropOldest()
		kept := w.Kept()
		w.DropNewest()
		flush(t, w, 35)
		later := w.Kept()
		w.DropOldest()
		w.Mark()
		if w.Stats().Bytes != 0 || size == 0 {
			t.Errorf("%d bytes kept after the first segment, %d without any", size, w.Stats().Bytes)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		n, rows, err := kept.WriteTo(&out, testMeta())
		if err != nil || n != int64(out.Len()) || rows["hop"] != 20 || rows["visit"] != 20 {
			t.Errorf("%d bytes of %d, rows %v, %v", n, out.Len(), rows, err)
		}
		if diff := cmp.Diff(count(11, 30), tids(t, out.Bytes(), "hop")); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
		out.Reset()
		if _, _, err := later.WriteTo(&out, testMeta()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append(count(11, 20), count(31, 35)...), tids(t, out.Bytes(), "hop")); diff != "" {
			t.Errorf("kept later (-want +got):\n%s", diff)
		}
	})
}
