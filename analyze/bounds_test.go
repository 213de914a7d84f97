// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// inBatches is a fixture with a batch for every few rows.
func inBatches(t *testing.T, path string, every int) []byte {
	t.Helper()
	from := capturetest.Open(t, path)
	kinds, byName := capturetest.Kinds(t)
	var file bytes.Buffer
	w, err := format.NewWriter(&file, from.Meta(), kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range replay.New(from).Events(replay.Select{}) {
		if err != nil {
			t.Fatal(err)
		}
		k := byName[e.Kind().Name]
		if k == nil { // the metadata's own row, which the writer makes
			continue
		}
		raw, err := k.Encode(valuesOf(from, e, k))
		if err == nil {
			err = w.Add(raw)
		}
		if n++; err == nil && n%every == 0 {
			err = w.Flush(uint64(e.Time() - from.Meta().BootOffset))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func valuesOf(c *format.Capture, e replay.Event, k *format.Kind) map[string]any {
	values := map[string]any{}
	for _, f := range k.Fields {
		col := c.Col(f.Name)
		switch {
		case f.Name == format.ColumnKind || e.Null(col) && f.Name != format.ColumnTime:
		case f.Name == format.ColumnTime:
			values[f.Name] = e.Time() - c.Meta().BootOffset
		case f.Type == format.Timestamp:
			values[f.Name] = e.Int(col) - c.Meta().BootOffset
		case f.Type == format.String || f.Type == format.Enum:
			values[f.Name] = e.Str(col)
		case f.Type == format.Address:
			addr := netip.MustParseAddr(e.Str(col)).As16()
			values[f.Name] = addr[:]
		case f.Type == format.Int32 || f.Type == format.Int64:
			values[f.Name] = e.Int(col)
		default:
			values[f.Name] = e.Uint(col)
		}
	}
	return values
}

// cpuTimes are CPU time and its bounds by process id.
func cpuTimes(t *testing.T, c *format.Capture) map[uint64][3]uint64 {
	t.Helper()
	r, err := analyze.Run(t.Context(), c, find(t, "cputime"), analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint64][3]uint64{}
	for _, table := range r.Tables[:2] {
		for _, row := range table.Rows {
			pid := row[0].(uint64)
			x := all[pid]
			for i := range x {
				x[i] += row[4+i].(uint64)
			}
			all[pid] = x
		}
	}
	return all
}

// Whatever batches of a capture are damaged, the CPU time that each process had
// lies within the bounds that a repaired capture gives. A capture that lacks its
// end is about less time.
func TestBoundsHoldWhatIsLost(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	tried, wide, most := 0, 0, 600
	if testing.Short() { // emulated
		most = 30
	}
	for _, name := range []string{"mixed", "failing"} {
		data := inBatches(t, "../testdata/"+name+"/trace.arrow", 8)
		whole, err := openIn(t.TempDir(), data)
		if err != nil {
			t.Fatal(err)
		}
		truth := cpuTimes(t, whole)
		end := whole.Size()
		whole.Close()
		for pid, x := range truth {
			if x[0] != x[1] || x[0] != x[2] {
				t.Fatalf("%s: process %d has %d ns between %d and %d without loss", name, pid, x[0], x[1], x[2])
			}
		}
		dir := t.TempDir()
		for range most {
			bad := bytes.Clone(data)
			for range 1 + random.IntN(5) {
				at := int64(len(data)/8) + random.Int64N(end-int64(len(data)/8))
				bad[at] ^= 1 << random.IntN(8)
			}
			c := repaired(t, dir, bad)
			if c == nil {
				continue
			}
			tried++
			wide += checkBounds(t, c, truth)
			c.Close()
		}
	}
	if tried < most*5/3 || wide < tried/2 {
		t.Errorf("%d captures, of which %d lost something", tried, wide)
	}
}

// repaired is what can be read of a damaged capture; nil when its summary, which
// says how long the recording was, is not.
func repaired(t *testing.T, dir string, bad []byte) *format.Capture {
	t.Helper()
	path := filepath.Join(dir, "bad.arrow")
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	broken, damage, err := format.Salvage(path)
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	var file bytes.Buffer
	rows, err := broken.Repair(&file, damage)
	if err != nil {
		t.Fatal(err)
	}
	if rows["summary"] == 0 {
		return nil
	}
	c, err := openIn(dir, file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkBounds tells whether a process's bounds are apart.
func checkBounds(t *testing.T, c *format.Capture, truth map[uint64][3]uint64) (wide int) {
	t.Helper()
	got := cpuTimes(t, c)
	for pid, x := range truth {
		g, ok := got[pid]
		if !ok { // nothing is known of it: its time is what is open
			continue
		}
		if x[0] < g[1] || x[0] > g[2] {
			t.Errorf("process %d had %d ns, not between %d and %d", pid, x[0], g[1], g[2])
		}
		if g[1] != g[2] {
			wide = 1
		}
	}
	return wide
}
