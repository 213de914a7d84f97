// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// Every value of every capture is there, and what it has no value for is null.
func TestEveryValue(t *testing.T) {
	all := captures(t)
	all = append(all, write(t, format.Metadata{}, extremes()...))
	for _, path := range all {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			c := capturetest.Open(t, path)
			r := parquetOf(t, c)
			columns, err := EventColumns()
			if err != nil {
				t.Fatal(err)
			}
			for _, col := range columns {
				got := columnOf(t, r, col.Name)
				if wrong := differs(t, c, col, got); wrong != "" {
					t.Errorf("%s: %s", col.Name, wrong)
				}
			}
		})
	}
}

// differs compares a column with the capture's own. Of names that the capture
// does not have anything is right here.
func differs(t *testing.T, c *format.Capture, col Column, got []any) string {
	t.Helper()
	at, row := c.Col(col.Name), 0
	for b, err := range c.Batches(format.Scan{}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			if row >= len(got) {
				return fmt.Sprintf("only %d rows", len(got))
			}
			var want any
			switch {
			case col.Name == columnCapture:
				want = "the-id"
			case b.Null(at, i):
				if strings.HasSuffix(col.Name, columnComm) {
					want = got[row]
				}
			case col.isText():
				want = b.Str(at, i)
			case col.Type == format.Uint64 || col.signed():
				want = int64(b.Uint(at, i))
			default:
				want = int64(int32(b.Uint(at, i)))
			}
			if got[row] != want {
				return fmt.Sprintf("row %d has %v, want %v", row, got[row], want)
			}
			row++
		}
	}
	if row != len(got) {
		return fmt.Sprintf("%d rows, want %d", len(got), row)
	}
	return ""
}

// extremes are rows with the least and the greatest numbers, long runs without a
// value, and texts of every kind, over several row groups' worth of pages.
func extremes() (rows []row) {
	numbers := []uint64{0, math.MaxUint64, 1 << 63, 1<<63 - 1, 1}
	for i, x := range numbers {
		rows = append(rows, row{"task_sum", int64(i), values{"pid": i, "tid": i, "start": x >> 1, "cpu_time_ns": x, "exited": int(x & 0xff)}})
		rows = append(rows, row{"open", int64(i), values{"pid": 7, "tid": 7, "error": int64(int32(x)), "path": strings.Repeat("ä", i*20), "fd": uint32(x)}})
	}
	for i := range 60_000 {
		cpu := i % 2
		switch { // some come late, and some have no number here
		case i > 45_000:
			cpu = mostCoded - 2 + i%4
		case i > 20_000:
			cpu = i % 5
		}
		rows = append(rows, row{"sched_switch", int64(i) * 1000, values{"tid": i % 7, "next_tid": uint32(math.MaxUint32 - i%3), "cpu": cpu, "delay_ns": uint32(i * 99_991), "prev_state": "S"}})
	}
	rows = append(rows, row{"open", 70_000_000, values{"pid": 7, "tid": 7, "path": "\xff\x00end", "comm": "a'\"\n;--"}})
	rows = append(rows, row{"clock", math.MaxInt64 - begun.UnixNano(), values{"wall_offset_ns": int64(math.MinInt64)}})
	return rows
}

// The least and the greatest of each chunk are right: engines pass over what they
// say is elsewhere.
func TestStatistics(t *testing.T) {
	for _, path := range append(captures(t), write(t, format.Metadata{}, extremes()...)) {
		r := parquetOf(t, capturetest.Open(t, path))
		columns, err := EventColumns()
		if err != nil {
			t.Fatal(err)
		}
		for i, col := range columns {
			nulls, least, greatest := bounds(col, columnOf(t, r, col.Name))
			chunk, err := r.MetaData().RowGroup(0).ColumnChunk(i)
			if err != nil {
				t.Fatal(err)
			}
			s, err := chunk.Statistics()
			if err != nil || s == nil || s.NullCount() != nulls {
				t.Errorf("%s: %s: statistics %v, %v, want %d nulls", path, col.Name, s, err, nulls)
				continue
			}
			if s.HasMinMax() != (least != nil) {
				t.Errorf("%s: %s: least and greatest are there: %v", path, col.Name, s.HasMinMax())
			} else if least != nil && (string(s.EncodeMin()) != plainBytes(col, least) || string(s.EncodeMax()) != plainBytes(col, greatest)) {
				t.Errorf("%s: %s is from %x to %x, want %v to %v", path, col.Name, s.EncodeMin(), s.EncodeMax(), least, greatest)
			}
		}
	}
}

// bounds goes through all values.
func bounds(col Column, all []any) (nulls int64, least, greatest any) {
	for _, x := range all {
		switch {
		case x == nil:
			nulls++
			continue
		case least == nil || before(col, x, least):
			least = x
		}
		if greatest == nil || before(col, greatest, x) {
			greatest = x
		}
	}
	return nulls, least, greatest
}

func before(col Column, a, b any) bool {
	switch {
	case col.isText():
		return a.(string) < b.(string)
	case col.signed():
		return a.(int64) < b.(int64)
	}
	return uint64(a.(int64)) < uint64(b.(int64)) // of 32 bits both have the sign extended, or neither
}

func plainBytes(col Column, x any) string {
	if col.isText() {
		return x.(string)
	}
	n := 8
	if col.Type != format.Uint64 && col.Type != format.Int64 && col.Type != format.Timestamp {
		n = 4
	}
	var b []byte
	for range n {
		b = append(b, byte(x.(int64)))
		x = x.(int64) >> 8
	}
	return string(b)
}

// Names are those that replay gives, which takes the rows in time order.
func TestNamesAreReplays(t *testing.T) {
	named := 0
	for _, path := range captures(t) {
		c := capturetest.Open(t, path)
		if c.Kind("sched_switch") == nil {
			continue
		}
		r := parquetOf(t, c)
		type key struct{ time, cpu, tid, next any }
		names := map[key][2]any{}
		times, cpus, tids, nexts := columnOf(t, r, "time"), columnOf(t, r, "cpu"), columnOf(t, r, "tid"), columnOf(t, r, "next_tid")
		prevs, comms := columnOf(t, r, prevComm), columnOf(t, r, nextComm)
		for i := range times {
			if nexts[i] != nil {
				names[key{times[i], cpus[i], tids[i], nexts[i]}] = [2]any{prevs[i], comms[i]}
			}
		}
		next := c.Col("next_tid")
		for e, err := range replay.New(c).Events(replay.Select{Tasks: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind().Name != "sched_switch" {
				continue
			}
			got := names[key{e.Time(), int64(e.CPU()), int64(e.TID()), int64(e.Uint(next))}]
			for i, tid := range []uint32{e.TID(), uint32(e.Uint(next))} {
				want := any("idle")
				if task, ok := e.Task(tid); tid != 0 && ok {
					want = task.Comm
				} else if tid != 0 { // replay has not seen its row yet: it is known of later
					want = got[i]
				} else {
					named++
				}
				if got[i] != want {
					t.Errorf("%s: %d at %d is %v, want %v", path, tid, e.Time(), got[i], want)
				}
			}
		}
	}
	if named < 100 {
		t.Errorf("%d names", named)
	}
}

// Who has an id changes: a row has the name of its own time, also where the batch
// of switches comes before that of the tasks, and of its own task only.
func TestNamesAreOfTheirTime(t *testing.T) {
	const start = boot - 5e9
	task := func(at int64, kind string, pid, started int64, comm string) row {
		v := values{"pid": pid, "tid": pid, "ppid": 1, "start": started, "comm": comm}
		if kind == "task" {
			v["reason"] = "snapshot"
		}
		return row{kind, at, v}
	}
	c := capturetest.Open(t, write(t, format.Metadata{},
		row{"sched_switch", 10, values{"tid": 5, "next_tid": 6}},
		task(20, "task", 5, start, "listed"),
		row{"sched_switch", 30, values{"tid": 5, "next_tid": 0}},
		task(40, "exec", 5, start, "executed"),
		row{"sched_switch", 50, values{"tid": 5, "next_tid": 6}},
		row{"task_sum", 55, values{"pid": 5, "tid": 5, "start": start}},
		row{"task_sum", 55, values{"pid": 5, "tid": 5, "start": start + 1}},
		task(60, "fork", 5, boot+55, "reused"),
		row{"sched_switch", 70, values{"tid": 5, "next_tid": 0}},
		row{"tcp_response", 80, values{"pid": 5, "tid": 5}},
		row{"tcp_response", 80, values{"pid": 99, "tid": 5}},
		row{"tcp_response", 80, values{"pid": 0, "tid": 0}},
		row{"sched_waking", 90, values{"tid": 0, "woken_tid": 5}},
	))
	r := parquetOf(t, c)
	var got []string
	kinds, times := columnOf(t, r, "kind"), columnOf(t, r, "time")
	comm, prev, next, woken := columnOf(t, r, columnComm), columnOf(t, r, prevComm), columnOf(t, r, nextComm), columnOf(t, r, wokenComm)
	for i := range kinds {
		at := times[i].(int64) - begun.UnixNano()
		switch kinds[i] {
		case "sched_switch":
			got = append(got, fmt.Sprint(at, " ", prev[i], " to ", next[i]))
		case "sched_waking":
			got = append(got, fmt.Sprint(at, " ", comm[i], " wakes ", woken[i]))
		case "task_sum", "tcp_response":
			got = append(got, fmt.Sprint(at, " ", comm[i]))
		}
	}
	slices.Sort(got)
	want := []string{"10 listed to <nil>", "30 listed to idle", "50 executed to <nil>", "55 <nil>", "55 executed", "70 reused to idle",
		"80 <nil>", "80 <nil>", "80 reused", "90 idle wakes reused"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A column whose type is another is refused, whatever it holds.
func TestOtherTypes(t *testing.T) {
	c := capturetest.Open(t, captures(t)[0])
	columns, err := EventColumns()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkColumns(c, columns); err != nil {
		t.Error(err)
	}
	for i := range columns {
		if columns[i].Name == "tid" {
			columns[i].Type = format.Uint64
		}
	}
	if err := checkColumns(c, columns); err == nil || !strings.Contains(err.Error(), "column tid") {
		t.Errorf("a column of another type: %v", err)
	}
}

// What cannot be written is an error, wherever it happens.
func TestFullDisk(t *testing.T) {
	c := capturetest.Open(t, captures(t)[1])
	var whole counted
	if _, err := writeEvents(t.Context(), &whole, c, "id", rowsOf(t, c), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	for room := int64(0); room < whole.n; room += 1 + whole.n/31 {
		if _, err := writeEvents(t.Context(), &disk{room: room}, c, "id", rowsOf(t, c), func(int64) {}); !errors.Is(err, errFull) {
			t.Fatalf("room for %d bytes of %d: %v", room, whole.n, err)
		}
	}
}

var errFull = errors.New("no space left on device")

// disk has room for some bytes.
type disk struct{ room int64 }

func (d *disk) Write(b []byte) (int, error) {
	if d.room -= int64(len(b)); d.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}
