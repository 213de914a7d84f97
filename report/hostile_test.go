// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// Whatever numbers and names a capture has, there is a page of its size, or an
// error, and neither a panic nor an endless loop.
func TestHostileValues(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	made := 0
	for _, name := range []string{"sched", "tcp", "failing"} {
		for range 25 {
			path := filepath.Join(t.TempDir(), "odd.arrow")
			if err := os.WriteFile(path, copied(t, "../testdata/"+name+"/trace.arrow", func(v any, column string) any { return odd(v, column, random) }, nil), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := format.Open(path)
			if err != nil {
				continue
			}
			r, err := Make(t.Context(), c, Options{MaxSize: LeastSize})
			if err == nil {
				err = r.HTML(io.Discard)
			}
			if err == nil {
				err = r.Markdown(io.Discard)
			}
			c.Close()
			if err == nil {
				made++
			}
		}
	}
	if made < 25 {
		t.Errorf("%d pages were made", made)
	}
}

// What was lost is said first, and the tables are there all the same.
func TestLossy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lossy.arrow")
	same := func(v any, _ string) any { return v }
	data := copied(t, "../testdata/sched/trace.arrow", same, func(last uint64) map[string]any {
		return map[string]any{format.ColumnTime: last, format.ColumnCPU: 0, "since": last - 1000, "lost": 77, "loss_source": "sched", "loss_reason": "ring_full"}
	})
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r := make1(t, path, Options{})
	if r.Whole() || len(r.Loss()) != 1 || r.verdict.Grade != "bad" || r.verdict.Word != "Lossy: 77 events are not in the capture." || r.result("runqlat") == nil {
		t.Errorf("loss %v, verdict %+v", r.Loss(), r.verdict)
	}
	for _, write := range []func(io.Writer) error{r.HTML, r.Markdown} {
		var out bytes.Buffer
		if err := write(&out); err != nil || !strings.Contains(out.String(), "Lossy: 77 events") {
			t.Errorf("it does not say what was lost, %v", err)
		}
	}
}

// copied is a capture with other values, and a row of kind loss if there is one.
func copied(t *testing.T, path string, change func(v any, column string) any, loss func(last uint64) map[string]any) []byte {
	t.Helper()
	from := capturetest.Open(t, path)
	kinds, byName := capturetest.Kinds(t)
	var file bytes.Buffer
	w, err := format.NewWriter(&file, from.Meta(), kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range replay.New(from).Events(replay.Select{}) {
		if err != nil {
			t.Fatal(err)
		}
		k := byName[e.Kind().Name]
		if k == nil { // the metadata's own row, which the writer makes
			continue
		}
		values := map[string]any{}
		for _, f := range k.Fields {
			if v := value(from, e, &f); v != nil {
				values[f.Name] = change(v, f.Name)
			}
		}
		if k.Name == "summary" && loss != nil {
			raw, err := byName["loss"].Encode(loss(uint64(e.Time() - from.Meta().BootOffset)))
			if err == nil {
				err = w.Add(raw)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		raw, err := k.Encode(values)
		if err != nil {
			continue // no value of the column
		}
		if err := w.Add(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// odd is another value, seldom. Times stay in order, as writers want them.
func odd(v any, name string, random *rand.Rand) any {
	if name == format.ColumnTime || random.IntN(40) != 0 {
		return v
	}
	switch v.(type) {
	case uint64:
		return []uint64{0, 1, math.MaxUint8, math.MaxUint16, math.MaxUint32, math.MaxInt64, math.MaxUint64}[random.IntN(7)]
	case int64:
		return []int64{0, -1, math.MinInt64, math.MaxInt64, math.MinInt32}[random.IntN(5)]
	case string:
		return []string{"", "\x1b[2J", "</script>", "\u202e{a|b}", "|`<b>"}[random.IntN(5)]
	}
	return v
}

// value is a column's as the kernel's record has it; nil for none.
func value(c *format.Capture, e replay.Event, f *format.Field) any {
	col := c.Col(f.Name)
	switch {
	case f.Name == format.ColumnKind, e.Null(col) && f.Name != format.ColumnTime:
		return nil
	case f.Name == format.ColumnTime:
		return e.Time() - c.Meta().BootOffset
	case f.Type == format.Timestamp:
		return e.Int(col) - c.Meta().BootOffset
	case f.Type == format.String || f.Type == format.Enum:
		return e.Str(col)
	case f.Type == format.Address:
		addr := netip.MustParseAddr(e.Str(col)).As16()
		return addr[:]
	case f.Type == format.Int32 || f.Type == format.Int64:
		return e.Int(col)
	}
	return e.Uint(col)
}
