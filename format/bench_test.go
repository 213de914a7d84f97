// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// switchKinds are like those of a recording of everything: context switches,
// and other kinds with fifty columns that switches lack.
func switchKinds() []Kind {
	at := header()
	hop := Kind{ID: 1, Name: "sched_switch", Hot: true, Size: 40, Fields: append([]Field{at[0], at[2], at[3], at[4]},
		Field{Column{Name: "next_tid", Type: Uint32}, 24, 4},
		Field{Column{Name: "delay_ns", Type: Uint32, Unit: "ns"}, 28, 4},
		Field{Column{Name: "prev_state", Type: Enum, Values: []string{"R", "S", "D"}}, 32, 4},
		Field{Column{Name: "prev_prio", Type: Uint8}, 36, 1},
		Field{Column{Name: "next_prio", Type: Uint8}, 37, 1},
		Field{Column{Name: "preempted", Type: Uint8}, 38, 1})}
	other := Kind{ID: 2, Name: "other", Size: 24 + 50*8, Fields: header()}
	for i := range 50 {
		other.Fields = append(other.Fields, Field{Column{Name: fmt.Sprint("column_", i), Type: Uint64}, 24 + 8*i, 8})
	}
	return []Kind{hop, other}
}

// switches gives n switches of four CPUs in batches of 49, as the kernel does:
// some tasks that run for tens of microseconds, mostly the same ones.
func switches(n int, add func([]byte) error) error {
	random := rand.New(rand.NewPCG(1, 2))
	now, last := [4]uint64{1e12, 1e12, 1e12, 1e12}, [4]uint32{}
	raw := make([]byte, 40)
	raw[16] = 1
	for i := 0; i < n; {
		cpu := 0 // the one whose batch is full first
		for c := range now {
			if now[c] < now[cpu] {
				cpu = c
			}
		}
		for range min(49, n-i) {
			now[cpu] += uint64(2000 + random.ExpFloat64()*20000)
			next := uint32(1000 + min(random.ExpFloat64()*8, 200))
			if last[cpu] != 0 {
				next = 0
			}
			binary.LittleEndian.PutUint64(raw, now[cpu])
			binary.LittleEndian.PutUint32(raw[12:], last[cpu])
			binary.LittleEndian.PutUint16(raw[18:], uint16(cpu))
			binary.LittleEndian.PutUint32(raw[24:], next)
			delay, state := uint32(0), byte(0)
			if last[cpu] != 0 {
				delay, state = uint32(random.ExpFloat64()*4000), byte(random.IntN(8)/7+1)
			}
			binary.LittleEndian.PutUint32(raw[28:], delay)
			raw[32], raw[36], raw[37] = state, 120, 120
			last[cpu] = next
			if err := add(raw); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}

// sampled is a million switches, one behind the other, made once so that
// making them is not measured.
func sampled(b *testing.B) []byte {
	var rows []byte
	if err := switches(1<<20, func(raw []byte) error { rows = append(rows, raw...); return nil }); err != nil {
		b.Fatal(err)
	}
	return rows
}

// turns is a million switches of two threads that take turns on a CPU.
func turns() (rows []byte) {
	random := rand.New(rand.NewPCG(3, 4))
	raw, now := make([]byte, 40), uint64(1e12)
	for i := range uint32(1 << 20) {
		now += 1000 + random.Uint64N(200)
		raw[16], raw[32], raw[36], raw[37] = 1, 1, 120, 120
		binary.LittleEndian.PutUint64(raw, now)
		binary.LittleEndian.PutUint32(raw[12:], 1000+i%2)
		binary.LittleEndian.PutUint32(raw[24:], 1001-i%2)
		binary.LittleEndian.PutUint32(raw[28:], 400+random.Uint32N(100))
		rows = append(rows, raw...)
	}
	return rows
}

func BenchmarkWriteSwitches(b *testing.B) {
	rows := sampled(b)
	b.Run("wait", func(b *testing.B) { writeSwitches(b, rows, WriterOptions{}) })
	b.Run("turns", func(b *testing.B) { writeSwitches(b, turns(), WriterOptions{}) })
	b.Run("background", func(b *testing.B) { writeSwitches(b, rows, WriterOptions{Background: true}) })
}

func writeSwitches(b *testing.B, rows []byte, o WriterOptions) {
	w, err := NewWriter(io.Discard, testMeta(), switchKinds(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	addSwitches(b, w, rows, b.N)
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(w.Stats().Bytes)/float64(b.N), "B/row")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// addSwitches adds n rows in batches of a CPU, flushing as a recorder does. Of
// more rows than there are, the later ones are the same again, later.
func addSwitches(b *testing.B, w *Writer, rows []byte, n int) {
	const size, batch = 40, 49 * 40
	first, most := binary.LittleEndian.Uint64(rows), uint64(0)
	for ; n > 0; n -= len(rows) / size {
		some := rows[:min(len(rows), n*size)]
		for len(some) > 0 {
			records := some[:min(batch, len(some))]
			if err := w.AddAll(records); err != nil {
				b.Fatal(err)
			}
			most = max(most, binary.LittleEndian.Uint64(records[len(records)-size:]))
			if w.Pending() >= 2*batchRows {
				if err := w.Flush(most - 3e6); err != nil {
					b.Fatal(err)
				}
			}
			some = some[len(records):]
		}
		for at := 0; at < len(rows); at += size {
			binary.LittleEndian.PutUint64(rows[at:], binary.LittleEndian.Uint64(rows[at:])+most-first)
		}
		first = most
	}
}

// BenchmarkReadSwitches reads four columns of eight million switches, and for
// comparison only decompresses them, on as many goroutines as there are CPUs.
func BenchmarkReadSwitches(b *testing.B) {
	var file bytes.Buffer
	w, err := NewWriter(&file, testMeta(), switchKinds(), WriterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	addSwitches(b, w, sampled(b), 8<<20)
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	c := open(b, save(b, file.Bytes()))
	b.Run("rows", func(b *testing.B) { readSwitches(b, c) })
	b.Run("decompress", func(b *testing.B) { decompressSwitches(b, c) })
}

func decompressSwitches(b *testing.B, c *Capture) {
	cols := []Col{c.time, c.kind, c.Col(ColumnCPU), c.Col(ColumnTID), c.Col("next_tid")}
	n := 0
	for b.Loop() {
		var group sync.WaitGroup
		for part := range runtime.GOMAXPROCS(0) {
			group.Go(func() {
				if err := decompress(c, cols, part, runtime.GOMAXPROCS(0)); err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
		n += 8 << 20
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// decompress inflates the numbers of columns of every batch that is a part's.
func decompress(c *Capture, cols []Col, part, parts int) error {
	l := c.loader(0)
	memory := make([][]byte, len(cols))
	for i := part; i < len(c.batches); i += parts {
		m, err := l.open(c.batches[i], headerBatch, true)
		if err != nil {
			return err
		}
		rb, err := parseBatch(m.flat, m.header, c.schema)
		if err != nil {
			return err
		}
		l.codec, l.budget = rb.codec, batchMemory
		for j, col := range cols {
			w := &c.schema.wires[col]
			size := int64(rb.rows * w.width)
			if memory[j], err = l.load(memory[j], rb.span(w, 1), size, size); err != nil {
				return err
			}
		}
	}
	return nil
}

func readSwitches(b *testing.B, c *Capture) {
	cols := []Col{c.Col(ColumnCPU), c.Col(ColumnTID), c.Col("next_tid"), c.Col(ColumnTime)}
	var values [4][4096]uint64
	b.ReportAllocs()
	n, sum := 0, uint64(0)
	for b.Loop() {
		for batch, err := range c.Batches(Scan{Columns: cols}) {
			if err != nil {
				b.Fatal(err)
			}
			for from := 0; from < batch.Len(); from += len(values[0]) {
				rows := min(len(values[0]), batch.Len()-from)
				for j, col := range cols {
					batch.Uints(col, from, values[j][:rows])
				}
				for i := range rows {
					sum += values[0][i] + values[1][i] + values[2][i] + values[3][i]
				}
			}
			n += batch.Len()
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
