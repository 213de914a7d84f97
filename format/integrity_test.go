// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answer is all that a capture says, or why it cannot be read.
func answer(path string) (rows [][]string, meta *Metadata, err error) {
	c, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	for b, err := range c.Batches(Scan{}) {
		if err != nil {
			return nil, nil, err
		}
		for i := range b.Len() {
			var line []string
			for j := range c.Columns() {
				line = append(line, c.Columns()[j].Name, b.show(c, Col(j), i))
			}
			rows = append(rows, line)
		}
	}
	return rows, c.Meta(), c.Cut()
}

// Whatever single bit of a capture is flipped, reading it gives an error or
// the same answer: never another one.
func TestSweepFlips(t *testing.T) {
	t.Parallel() // it takes minutes
	for name, o := range map[string]WriterOptions{"file": {}, "stream": {Stream: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := capture(t, o, fillAll(t))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rows, meta, err := answer(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			step, refused := sweep(23), 0 // comes to every bit of a byte in turn
			for bit := 0; bit < 8*len(data); bit += step {
				at := bit / 8
				flipped := data[at] ^ 1<<(bit%8)
				if _, err := f.WriteAt([]byte{flipped}, int64(at)); err != nil {
					t.Fatal(err)
				}
				gotRows, gotMeta, err := answer(path)
				if err != nil {
					refused++
				} else if !cmp.Equal(rows, gotRows) || !cmp.Equal(meta, gotMeta) {
					t.Errorf("bit %d of byte %d: another answer\n%s", bit%8, at, cmp.Diff(meta, gotMeta)+cmp.Diff(rows, gotRows))
				}
				if cut := (*CutError)(nil); errors.As(err, &cut) && at < len(data)-len(streamEnd) {
					t.Errorf("bit %d of byte %d: said to be cut short: %v", bit%8, at, err)
				}
				if _, err := f.WriteAt(data[at:at+1], int64(at)); err != nil {
					t.Fatal(err)
				}
			}
			if refused < len(data)/step {
				t.Errorf("%d of %d flips refused", refused, 8*len(data)/step)
			}
		})
	}
}
