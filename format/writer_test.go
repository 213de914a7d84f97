// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var errFull = errors.New("disk is full")

// smallDisk fails after some bytes.
type smallDisk struct{ room int }

func (d *smallDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		return d.room, errFull
	}
	d.room -= len(p)
	return len(p), nil
}

// A write that fails comes back from Flush or a later call, and from Close;
// nothing hangs.
func TestFullDisk(t *testing.T) {
	if _, err := NewWriter(&smallDisk{100}, testMeta(), testKinds(), WriterOptions{}); !errors.Is(err, errFull) {
		t.Errorf("NewWriter on a full disk = %v", err)
	}
	for name, o := range map[string]WriterOptions{"wait": {}, "background": {Background: true}, "stream": {Stream: true}} {
		t.Run(name, func(t *testing.T) {
			w, err := NewWriter(&smallDisk{20000}, testMeta(), testKinds(), o)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; err == nil && i < 1000; i++ {
				if err = w.Add(record(t, 1, map[string]any{"time": i})); err == nil {
					err = w.Flush(uint64(i))
				}
			}
			if !errors.Is(err, errFull) {
				t.Errorf("Flush = %v", err)
			}
			for range 2 {
				if err := w.Close(); !errors.Is(err, errFull) {
					t.Errorf("Close = %v", err)
				}
			}
		})
	}
}

// Sorting by digits is sorting, and keeps the order of equals.
func TestSort(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var s sorter
	for _, n := range []int{0, 1, 2, fewKeys - 1, fewKeys, 5000, 3000} {
		for _, spread := range []uint64{1, 2, 1 << 11, 1 << 12, 1e10, 1 << 63} {
			keys := make([]key, n)
			for i := range keys {
				keys[i] = key{time: 1<<62 + random.Uint64N(spread), at: uint32(i)}
			}
			want := slices.Clone(keys)
			slices.SortStableFunc(want, func(a, b key) int { return cmp.Compare(a.time, b.time) })
			s.sort(keys)
			if !slices.Equal(want, keys) {
				t.Errorf("%d keys over %d ns are not in order", n, spread)
			}
		}
	}
}

// The arena gives back what was put in, and does not grow for rows that come
// and go.
func TestArenaIsReused(t *testing.T) {
	var a arena
	record := make([]byte, 100)
	var waiting []uint32
	for i := range 200_000 {
		record[0], record[99] = byte(i), byte(i>>8)
		at, err := a.add(record, 1)
		if err != nil {
			t.Fatal(err)
		}
		if waiting = append(waiting, at); len(waiting) < 5000 {
			continue
		}
		first := i - len(waiting) + 1
		if got := a.from(waiting[0])[:100]; got[0] != byte(first) || got[99] != byte(first>>8) {
			t.Fatalf("record %d is not what was added", first)
		}
		a.forget([]key{{at: waiting[0]}})
		waiting = waiting[1:]
	}
	if n := len(a.chunks); n > 5000*100>>chunkBits+3 {
		t.Errorf("%d chunks for 5,000 records of 100 bytes", n)
	}
}

// Rows that are added together make the same file as rows that are added one by
// one, whatever is flushed between them.
func TestAddAll(t *testing.T) {
	write := func(many int) ([]byte, Stats) {
		var file bytes.Buffer
		w, err := NewWriter(&file, testMeta(), switchKinds(), WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var some []byte
		n := 0
		add := func(raw []byte) error {
			n++
			if some = append(some, raw...); len(some) < many*len(raw) && n%10_000 != 0 {
				return nil
			}
			err := w.AddAll(some)
			if some = some[:0]; n%10_000 == 0 {
				err = errors.Join(err, w.Flush(binary.LittleEndian.Uint64(raw)))
			}
			return err
		}
		if err := switches(50_000, add); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return file.Bytes(), w.Stats()
	}
	one, oneStats := write(1)
	many, manyStats := write(2_000) // more than fits in one chunk of the arena
	if oneStats.Reordered == 0 || oneStats.Total != 50_000 {
		t.Fatalf("%+v: this test wants rows that are late, too", oneStats)
	}
	if !bytes.Equal(one, many) || oneStats.Reordered != manyStats.Reordered || oneStats.Total != manyStats.Total {
		t.Errorf("one by one %d bytes, %+v; together %d bytes, %+v", len(one), oneStats, len(many), manyStats)
	}
}

// Records that do not belong together are refused, and none of them is kept.
func TestAddAllRefuses(t *testing.T) {
	w, err := NewWriter(io.Discard, testMeta(), switchKinds(), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]byte, 120)
	rows[rawKindAt], rows[40+rawKindAt], rows[80+rawKindAt] = 1, 1, 2
	for name, records := range map[string][]byte{"another kind": rows, "a part of one": rows[:79], "no header": rows[:20], "an unknown kind": make([]byte, 40)} {
		if err := w.AddAll(records); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if n := w.Pending(); n != 0 {
		t.Errorf("%d rows are pending", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// The order of a capture, whatever the rates: each batch is in time order,
// what it says of later ones holds, and no row is missing.
func TestWindows(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for name, n := range map[string]int{"few": 100, "own batches": 2 * fewRows, "several windows": 3 * batchRows, "one instant": 2*batchRows + 7, "one instant, decoded alone": batchMemory / 8} {
		t.Run(name, func(t *testing.T) {
			path := capture(t, WriterOptions{Background: true}, func(w *Writer) error {
				hot, cold := record(t, 0, map[string]any{}), record(t, 1, map[string]any{})
				at := testKinds()[0].Field(ColumnTime)
				for i := range n {
					now := uint64(i)*100 + random.Uint64N(5000)
					if strings.HasPrefix(name, "one instant") {
						now = 77
					}
					at.PutUint(hot, now)
					if err := w.Add(hot); err != nil {
						return err
					}
					if i%100 == 0 {
						at.PutUint(cold, now)
						if err := w.Add(cold); err != nil {
							return err
						}
					}
				}
				return nil
			})
			rows := map[string]int{}
			checkWindows(t, open(t, path), rows)
			want := map[string]int{"hop": n, "visit": (n + 99) / 100}
			if diff := gocmp.Diff(want, rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func checkWindows(t *testing.T, c *Capture, rows map[string]int) {
	t.Helper()
	promised := int64(0)
	for b, err := range c.Batches(Scan{Columns: []Col{}}) {
		if err != nil {
			t.Fatal(err)
		}
		last := promised
		for i := range b.Len() {
			if b.Time(i) < last {
				t.Fatalf("a row at %d after %d, nothing before %d should come", b.Time(i), last, promised)
			}
			last = b.Time(i)
			rows[b.Kind(i).Name]++
		}
		if b.Next() < promised {
			t.Fatalf("nothing before %d after it was %d", b.Next(), promised)
		}
		promised = b.Next()
	}
}

// tight has room for so many batches.
type tight struct {
	bytes.Buffer
	batches int
}

func (w *tight) Room(int) error {
	if w.batches--; w.batches < 0 {
		return ErrFull
	}
	return nil
}

// Where there is no room the file still ends complete, and every event is in
// it or counted.
func TestFull(t *testing.T) {
	for _, background := range []bool{false, true} {
		out := &tight{batches: 3} // one is the metadata's
		w, err := NewWriter(out, testMeta(), testKinds(), WriterOptions{Background: background})
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for err == nil && total < 100_000 {
			for range 100 {
				err = errors.Join(err, w.Add(record(t, 0, map[string]any{"time": total})))
				total++
			}
			if err == nil {
				err = w.AddReading(record(t, 1, map[string]any{"time": total}))
			}
			if err == nil {
				err = w.Flush(uint64(total - 10))
			}
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("Flush = %v, want ErrFull", err)
		}
		lost := w.Discard()
		out.batches = 1
		if err := errors.Join(w.AddReading(record(t, 2, map[string]any{"time": total})), w.Close()); err != nil {
			t.Fatal(err)
		}
		c := open(t, save(t, out.Bytes()))
		rows := rowsOf(t, c)
		if c.Cut() != nil || rows["hop"]+lost["hop"] != uint64(total) || lost["visit"] != 0 || rows["summary"] != 1 {
			t.Errorf("of %d events %d are there and %d lost (%v); cut %v", total, rows["hop"], lost["hop"], lost, c.Cut())
		}
		if diff := gocmp.Diff(rows, w.Stats().Rows); diff != "" {
			t.Errorf("rows (-in the file +counted):\n%s", diff)
		}
	}
}

// bounded has room for so many bytes.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Room(n int) error {
	if b.Len()+n > b.most {
		return ErrFull
	}
	return nil
}

// Of a batch for which there is no room, what does fit is written; the rest is
// counted, and what is flushed afterwards is in the file, which says how long its
// end is.
func TestRoomForPart(t *testing.T) {
	out := &bounded{most: 100 << 10}
	w, err := NewWriter(out, testMeta(), testKinds(), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := manyRows(w); err != nil {
		t.Fatal(err)
	}
	out.most = out.Len() + 200<<10
	all := w.Stats().Total
	if err := w.Flush(math.MaxUint64 - 1); !errors.Is(err, ErrFull) {
		t.Fatalf("Flush = %v, want ErrFull", err)
	}
	if out.Len() > out.most || out.Len() < out.most/2 {
		t.Errorf("%d bytes of %d are used", out.Len(), out.most)
	}
	written, dropped := uint64(0), uint64(0)
	for _, n := range w.Stats().File {
		written += n
	}
	for _, n := range w.Dropped() {
		dropped += n
	}
	if written+dropped != all || written == 0 || dropped == 0 {
		t.Errorf("%d written and %d dropped of %d", written, dropped, all)
	}
	if n := len(w.Dropped()); n != 0 {
		t.Errorf("%d kinds dropped twice", n)
	}
	out.most = math.MaxInt
	if err := w.AddReading(record(t, 1, map[string]any{"time": uint64(math.MaxUint64 - 1), "comm": "last"})); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(math.MaxUint64 - 1); err != nil {
		t.Fatal(err)
	}
	before, end := out.Len(), w.Stats().End
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := int64(out.Len() - before); got > end || got < end-endSlack {
		t.Errorf("the end has %d bytes, it said %d", got, end)
	}
	c := open(t, save(t, out.Bytes()))
	if diff := gocmp.Diff(w.Stats().File, rowsOf(t, c)); diff != "" {
		t.Errorf("rows by kind (-said +in the file):\n%s", diff)
	}
}
