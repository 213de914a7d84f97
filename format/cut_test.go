// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fiveWindows writes a capture of five windows.
func fiveWindows(t testing.TB) string {
	return capture(t, WriterOptions{}, func(w *Writer) error {
		for i := range 500 {
			if err := w.Add(record(t, i%2, map[string]any{"time": 1000 + i, "pid": i})); err != nil {
				return err
			}
			if i%100 == 99 {
				if err := w.Flush(uint64(1000 + i)); err != nil {
					return err
				}
			}
		}
		return w.Add(record(t, 2, map[string]any{"time": 2000}))
	})
}

// A file cut at any byte opens up to its last whole batch, and says so, or
// says why it cannot be opened.
func TestCutAnywhere(t *testing.T) {
	data, err := os.ReadFile(fiveWindows(t))
	if err != nil {
		t.Fatal(err)
	}
	whole := dump(t, open(t, save(t, data)), Scan{Columns: []Col{}})
	opened := 0
	for n := 1; n < len(data); n += max(1, len(data)/256) {
		c, err := Open(save(t, data[:n]))
		if err != nil {
			continue
		}
		opened++
		var cut *CutError
		rows := dump(t, c, Scan{Columns: []Col{}})
		if !errors.As(c.Cut(), &cut) && len(rows) != len(whole) {
			t.Errorf("cut at byte %d: opens with %d of %d rows and does not say so", n, len(rows), len(whole))
		}
		if diff := cmp.Diff(whole[:len(rows)], rows, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("cut at byte %d: rows differ:\n%s", n, diff)
		}
		c.Close()
	}
	if opened < 200 {
		t.Errorf("%d of 256 cut files opened", opened)
	}
}

func TestNotCaptures(t *testing.T) {
	dir := t.TempDir()
	tests := map[string]string{
		"empty":     save(t, nil),
		"short":     save(t, []byte("ARR")),
		"text":      save(t, []byte("#!/bin/sh\necho hello, this is no capture at all\n")),
		"directory": dir,
	}
	for name, path := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := Open(path)
			if !errors.Is(err, ErrNotCapture) {
				t.Errorf("Open = %v, %v, want ErrNotCapture", c, err)
			}
		})
	}
	if _, err := Open(dir + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of a file that does not exist = %v", err)
	}
}

// readAll reads every value of a capture.
func readAll(path string) error {
	c, err := Open(path)
	if err != nil {
		return err
	}
	defer c.Close()
	for b, err := range c.Batches(Scan{}) {
		if err != nil {
			return err
		}
		for i := range b.Len() {
			for j := range c.Columns() {
				_, _ = b.Int(Col(j), i), b.Str(Col(j), i)
			}
		}
	}
	return nil
}
