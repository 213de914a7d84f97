// SPDX-License-Identifier: Apache-2.0

package record

import (
	"path/filepath"
	"slices"
	"testing"

	"os"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// batchOf makes batch number seq of CPU 0 with switches to the given threads,
// a microsecond apart.
func batchOf(seq uint32, next ...uint32) *bpf.Batch {
	b := &bpf.Batch{H: bpf.Header{Time: 1e9 + uint64(seq)*1e6, Kind: kindSwitch, Seq: seq}, N: uint32(len(next))}
	for i, tid := range next {
		b.Slot[i] = bpf.Slot{AfterNS: uint32(i) * 1000, PrevTID: 1, NextTID: tid}
	}
	return b
}

// A batch may be read in part before the ring brings it whole; each switch
// must come out once, whatever the order.
func TestBatchesAreTakenOnce(t *testing.T) {
	tests := []struct {
		name  string
		steps func(*drain) error
		want  []uint64
	}{
		{"whole from the ring", func(d *drain) error {
			return d.take(bpf.Bytes(batchOf(0, 10, 11, 12)))
		}, []uint64{10, 11, 12}},
		{"part ahead, then the ring", func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10)), d.take(bpf.Bytes(batchOf(0, 10, 11))))
		}, []uint64{10, 11}},
		{"two parts ahead, then the ring", func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10)), d.ahead(0, batchOf(0, 10, 11)), d.take(bpf.Bytes(batchOf(0, 10, 11, 12))))
		}, []uint64{10, 11, 12}},
		{"the next part ahead of the ring", func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10)), d.ahead(0, batchOf(1, 20)),
				d.take(bpf.Bytes(batchOf(0, 10, 11))), d.take(bpf.Bytes(batchOf(1, 20, 21))))
		}, []uint64{10, 11, 20, 21}},
		{"many batches between two looks", func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10)), d.ahead(0, batchOf(3, 40)),
				d.take(bpf.Bytes(batchOf(0, 10, 11))), d.take(bpf.Bytes(batchOf(1, 20))),
				d.take(bpf.Bytes(batchOf(2, 30))), d.take(bpf.Bytes(batchOf(3, 40, 41))))
		}, []uint64{10, 11, 20, 30, 40, 41}},
		{"the same part twice", func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10)), d.ahead(0, batchOf(0, 10)))
		}, []uint64{10}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, switches(t, tt.steps)); diff != "" {
				t.Errorf("switched to (-want +got):\n%s", diff)
			}
		})
	}
}

// A batch of which a part was taken, and that never came, is lost but for that
// part.
func TestRescued(t *testing.T) {
	tests := map[string]struct {
		steps func(*drain) error
		want  uint64
	}{
		"it came": {func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10)), d.take(bpf.Bytes(batchOf(0, 10, 11))), d.take(bpf.Bytes(batchOf(1, 20))))
		}, 0},
		"a later one came": {func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10, 11)), d.take(bpf.Bytes(batchOf(1, 20))))
		}, 2},
		"it came behind the next part": {func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10)), d.ahead(0, batchOf(1, 20)), d.take(bpf.Bytes(batchOf(0, 10, 11))), d.take(bpf.Bytes(batchOf(1, 20))))
		}, 0},
		"two are lost": {func(d *drain) error {
			return steps(d.ahead(0, batchOf(0, 10)), d.ahead(0, batchOf(4, 50, 51)), d.ahead(0, batchOf(9, 90)), d.take(bpf.Bytes(batchOf(9, 90))))
		}, 3},
		"it is lost behind one that came": {func(d *drain) error {
			return steps(d.take(bpf.Bytes(batchOf(0, 10))), d.ahead(0, batchOf(1, 20, 21, 22)), d.take(bpf.Bytes(batchOf(2, 30))), d.take(bpf.Bytes(batchOf(3, 40))))
		}, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var rescued uint64
			switches(t, func(d *drain) error {
				err := tt.steps(d)
				rescued = d.rescued(0)
				return err
			})
			if rescued != tt.want {
				t.Errorf("%d switches rescued, want %d", rescued, tt.want)
			}
		})
	}
}

func steps(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A batch of turns has rows of three kinds, and may be read in part, too.
func TestTurnsAreTakenOnce(t *testing.T) {
	b := &bpf.TurnBatch{H: bpf.Header{Kind: kindResponse}}
	add := func(conn uint64, kind uint16) {
		*bpf.View[bpf.Header](bpf.Bytes(&b.Row[b.N])) = bpf.Header{Time: 1e9 + conn, Kind: kind}
		b.Row[b.N][3] = conn
		b.N++
	}
	add(10, kindResponse)
	add(11, 26) // tcp_read
	conns := recorded(t, []string{"tcp", "tcpturns"}, "conn", func(d *drain) error {
		err := d.addTurns(b, d.turns[0].ahead(b.H.Seq, b.N))
		add(12, 27) // tcp_reply
		return steps(err, d.take(bpf.Bytes(b)))
	})
	slices.Sort(conns) // each kind has batches of its own in the file
	if diff := cmp.Diff([]uint64{10, 11, 12}, conns); diff != "" {
		t.Errorf("connections (-want +got):\n%s", diff)
	}
}

// switches runs steps on a drain of one CPU and returns next_tid of each row
// of the file that came of it.
func switches(t *testing.T, run func(*drain) error) (next []uint64) {
	t.Helper()
	return recorded(t, []string{"sched"}, "next_tid", run)
}

// recorded runs steps on a drain of one CPU and returns a column of the rows
// that have it, in the file that came of it.
func recorded(t *testing.T, sources []string, column string, run func(*drain) error) (values []uint64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := kindsOf(sources)
	if err != nil {
		t.Fatal(err)
	}
	w, err := format.NewWriter(f, &format.Metadata{}, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d := &drain{writer: w, kinds: kinds, taken: make([]taken, 1), turns: make([]taken, 1), sizes: sizesOf(kinds)}
	if err := run(d); err != nil {
		t.Fatal(err)
	}
	if err := steps(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	col := c.Col(column)
	for b, err := range c.Batches(format.Scan{}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			if !b.Null(col, i) {
				values = append(values, b.Uint(col, i))
			}
		}
	}
	return values
}

func TestTaskState(t *testing.T) {
	tests := map[uint16]string{
		0: "R", 1: "S", 2: "D", 4: "T", 8: "t", 0x10: "X", 0x20: "Z", 0x40: "P", 0x402: "I", 0x80: "X", 0x101: "S",
		0x2000: "F", 0x2001: "F", 0x2002: "F", // flagged frozen, in whatever state
	}
	kinds, err := kindsOf([]string{"sched"})
	if err != nil {
		t.Fatal(err)
	}
	letters := kinds[0].Field("prev_state").Values
	for state, want := range tests {
		if got := letters[taskState(state)]; got != want {
			t.Errorf("state %#x is %s, want %s", state, got, want)
		}
	}
}
