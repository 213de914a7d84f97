// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"os"
	"testing"
)

// sweep is how many places a sweep passes over before it tries the next: all
// are tried when EBREC_SWEEP is set (make sweep).
func sweep(few int) int {
	if os.Getenv("EBREC_SWEEP") != "" {
		return 1
	}
	return few
}

// A capture that is cut at any byte opens with the rows of its whole batches
// and says where it ends; or says that nothing is there yet; or is whole, when
// only the list at its end is missing.
func TestSweepCuts(t *testing.T) {
	t.Parallel() // it takes minutes
	for name, path := range map[string]string{
		"small":   fiveWindows(t),
		"stream":  capture(t, WriterOptions{Stream: true}, fillAll(t)),
		"large":   capture(t, WriterOptions{}, manyMoreRows),
		"fixture": "../testdata/sched/trace.arrow",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sweepCuts(t, path)
		})
	}
}

// manyMoreRows makes a capture of several megabytes.
func manyMoreRows(w *Writer) error {
	raw := make([]byte, 32)
	raw[rawKindAt] = 1
	state := uint32(1)
	for i := range 150_000 {
		testKinds()[0].Field(ColumnTime).PutUint(raw, uint64(i)*1000)
		for at := 8; at < 16; at++ {
			state = state*1664525 + 1013904223
			raw[at] = byte(state >> 24)
		}
		if err := w.Add(raw); err != nil {
			return err
		}
		if i%5000 == 0 {
			if err := w.Flush(uint64(i) * 1000); err != nil {
				return err
			}
		}
	}
	return nil
}

func sweepCuts(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := open(t, path)
	isFile := string(data[:len(magic)]) == magic
	first := int64(0)
	if isFile {
		first = fileHead
	}
	m, err := whole.in.message(first, nil)
	if err != nil {
		t.Fatal(err)
	}
	x, err := whole.in.walk(m.end, true, nil)
	if err != nil || !x.whole {
		t.Fatalf("walk: %v, whole %v", err, x.whole)
	}
	copied := save(t, data)
	for n := int64(len(data)) - 1; n > 0; n -= cutStep(n, int64(len(data))) {
		if err := os.Truncate(copied, n); err != nil { // always shorter
			t.Fatal(err)
		}
		checkCut(t, copied, n, m.end, x, whole)
	}
}

// cutStep goes through every byte of the first and last 64 KiB and every
// 1/1024 of the rest.
func cutStep(n, size int64) int64 {
	const edge = 64 << 10
	if n > edge && n < size-edge {
		return max(1, size/1024)
	}
	return int64(sweep(211))
}

func checkCut(t *testing.T, path string, n, schemaEnd int64, x index, whole *Capture) {
	t.Helper()
	want := 0
	l := whole.loader(0)
	for i, b := range x.batches {
		if b.end > n {
			break
		}
		brief, err := whole.briefOf(l, i)
		if err != nil {
			t.Fatal(err)
		}
		want += brief.total()
	}
	c, err := Open(path)
	if err != nil {
		if n >= schemaEnd && (len(x.dictionaries) == 0 || n >= x.dictionaries[len(x.dictionaries)-1].end) {
			t.Errorf("cut at byte %d: %v", n, err)
		}
		return
	}
	defer c.Close()
	usage, err := c.Usage()
	if err != nil {
		t.Errorf("cut at byte %d: %v", n, err)
	}
	got := 0
	for _, u := range usage {
		got += int(u.Rows)
	}
	if got != want {
		t.Errorf("cut at byte %d: %d rows, want %d", n, got, want)
	}
	var cut *CutError
	ended := n >= x.stop+int64(len(streamEnd))
	if isCut := errors.As(c.Cut(), &cut); isCut == ended || isCut && cut.Offset > n {
		t.Errorf("cut at byte %d: says %v", n, c.Cut())
	}
	if n > 256<<10 && n%64 != 0 {
		return // reading it all takes milliseconds, and nothing new
	}
	if err := readAll(path); err != nil {
		t.Errorf("cut at byte %d: %v", n, err)
	}
}
