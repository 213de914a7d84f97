// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// dump prints every row of a capture, nulls left out.
func dump(t testing.TB, c *Capture, s Scan) (lines []string) {
	t.Helper()
	for b, err := range c.Batches(s) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			line := fmt.Sprintf("%d %s", b.Time(i)-1e12, b.Kind(i).Name)
			for j, col := range c.Columns() {
				if col.Name == ColumnTime || col.Name == ColumnKind || b.Null(Col(j), i) {
					continue
				}
				switch col.Type {
				case String, Address, Enum:
					line += fmt.Sprintf(" %s=%s", col.Name, b.Str(Col(j), i))
				default:
					line += fmt.Sprintf(" %s=%d", col.Name, b.Int(Col(j), i))
				}
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func fillAll(t testing.TB) func(*Writer) error {
	return func(w *Writer) error {
		v4 := make([]byte, 16)
		copy(v4[10:], []byte{0xff, 0xff, 10, 0, 0, 7})
		for _, raw := range [][]byte{
			record(t, 0, map[string]any{"time": 30, "tid": 5, "pid": 4, "cpu": 1, "next_tid": 9, "state": "D"}),
			record(t, 1, map[string]any{"time": 20, "pid": 4, "tid": 4, "comm": "sh\xff\x1b", "addr": v4, "start": 7, "bytes": uint64(1 << 63), "error": -111 & 0xffffffff, "flag": 1, "balance": -5}),
			record(t, 0, map[string]any{"time": 10, "tid": 1}),
			record(t, 2, map[string]any{"time": 40}),
		} {
			if err := w.Add(raw); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestRoundTrip(t *testing.T) {
	want := []string{
		"10 hop cpu=0 pid=0 tid=1 next_tid=0 state=R",
		`20 visit cpu=0 pid=4 tid=4 comm=sh\xff` + "\x1b" + ` addr=10.0.0.7 start=1000000000007 bytes=-9223372036854775808 error=-111 flag=1 balance=-5`,
		"30 hop cpu=1 pid=4 tid=5 next_tid=9 state=D",
		"40 summary",
	}
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream=%v", stream), func(t *testing.T) {
			c := open(t, capture(t, WriterOptions{Stream: stream}, fillAll(t)))
			if diff := cmp.Diff(want, dump(t, c, Scan{})); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if c.Cut() != nil {
				t.Errorf("a complete capture says %v", c.Cut())
			}
			if diff := cmp.Diff(testMeta(), c.Meta(), cmpopts.IgnoreFields(Metadata{}, "Format")); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScanRestricts(t *testing.T) {
	c := open(t, capture(t, WriterOptions{}, fillAll(t)))
	tests := []struct {
		name string
		scan Scan
		want []string
	}{
		{"kind", Scan{Kinds: []string{"visit"}, Columns: []Col{c.Col("flag")}}, []string{"20 visit flag=1"}},
		{"from", Scan{From: 1e12 + 30, Columns: []Col{}}, []string{"30 hop", "40 summary"}},
		{"to", Scan{To: 1e12 + 10, Columns: []Col{}}, []string{"10 hop"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, dump(t, c, tt.scan)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// Rows come from several CPUs in any order; in the file each kind is in time
// order, windows do not overlap, and a row that is too late is said to be.
func TestOrder(t *testing.T) {
	var stats Stats
	path := capture(t, WriterOptions{}, func(w *Writer) error {
		for i := range 3 * batchRows {
			at := i ^ 5 // neighbours swapped
			if err := w.Add(record(t, 0, map[string]any{"time": 1000 + at})); err != nil {
				return err
			}
			if i%1000 == 0 {
				if err := w.Add(record(t, 1, map[string]any{"time": 1000 + at})); err != nil {
					return err
				}
			}
		}
		if err := w.Flush(1000 + 2*batchRows); err != nil {
			return err
		}
		err := w.Add(record(t, 1, map[string]any{"time": 7}))
		stats = w.Stats()
		return err
	})
	if stats.Reordered != 1 {
		t.Errorf("%d rows reordered, want 1", stats.Reordered)
	}
	c := open(t, path)
	var rows int
	promised := int64(0)
	last := map[string]int64{}
	for b, err := range c.Batches(Scan{Columns: []Col{}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			name, at := b.Kind(i).Name, b.Time(i)
			if at < last[name] || at < promised {
				t.Fatalf("%s at %d comes after %d, nothing before %d should", name, at, last[name], promised)
			}
			last[name] = at
		}
		promised = b.Next()
		rows += b.Len()
	}
	if want := 3*batchRows + 3*batchRows/1000 + 2; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
}

func TestText(t *testing.T) {
	tests := map[string]string{
		"bash":        "bash",
		"C:\\x\\y":    "C:\\x\\y",
		"a\xffb":      `a\xffb`,
		`\x41`:        `\x5cx41`,
		"caf\xc3\xa9": "café",
		"\x1b[2J":     "\x1b[2J",
		"\xed\xa0":    `\xed\xa0`,
	}
	for raw, want := range tests {
		got := Text([]byte(raw))
		if got != want {
			t.Errorf("Text(%q) = %q, want %q", raw, got, want)
		}
		if back := string(RawText(got)); back != raw {
			t.Errorf("RawText(%q) = %q, want %q", got, back, raw)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	kinds := testKinds()
	kinds[1].Fields[5].Type = Uint32 // one name, two meanings
	kinds[0].Fields = append(kinds[0].Fields, Field{Column{Name: "comm", Type: Uint8}, 31, 1})
	if _, err := NewWriter(&strings.Builder{}, testMeta(), kinds, WriterOptions{}); err == nil {
		t.Error("NewWriter took a column with two meanings")
	}
	kinds = testKinds()
	for i := range kinds {
		for f := range kinds[i].Fields {
			if field := &kinds[i].Fields[f]; field.Type == Enum {
				field.Values = make([]string, mostWords+1)
			}
		}
	}
	if _, err := NewWriter(&strings.Builder{}, testMeta(), kinds, WriterOptions{}); err == nil || !strings.Contains(err.Error(), "32769 words") {
		t.Errorf("of a dictionary that is too large NewWriter says %v", err)
	}
	w, err := NewWriter(&strings.Builder{}, testMeta(), testKinds(), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"short header":  make([]byte, 10),
		"unknown kind":  append(make([]byte, 16), 99, 0, 0, 0, 0, 0, 0, 0),
		"short of kind": append(make([]byte, 16), 1, 0, 0, 0, 0, 0, 0, 0),
	} {
		if err := w.Add(raw); err == nil {
			t.Errorf("Add took a record with %s", name)
		}
	}
}

// A later minor version may have kinds and columns that this one does not know.
func TestLaterMinorVersion(t *testing.T) {
	kinds := append(testKinds(), Kind{ID: 40, Name: "novelty", Source: "later", Size: 32, Fields: append(header(), Field{Column{Name: "news", Type: Uint64}, 24, 8})})
	l, err := newLayout(kinds)
	if err != nil {
		t.Fatal(err)
	}
	meta := testMeta()
	pairs, err := encodeMetadata(meta, l.kinds)
	if err != nil {
		t.Fatal(err)
	}
	pairs[0].value = "1.9"
	var out bytes.Buffer
	b := &builder{layout: l, offset: meta.BootOffset}
	w := &Writer{builder: b, windows: newWindows(l, b, meta.BootOffset)}
	if w.windows.sink, err = newSink(&out, l, append(pairs, note{keyPrefix + "later", "?"}), WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	novelty := make([]byte, 32)
	novelty[rawTimeAt], novelty[rawKindAt] = 35, 40
	if err := errors.Join(fillAll(t)(w), w.Add(novelty), w.Close()); err != nil {
		t.Fatal(err)
	}
	c := open(t, save(t, out.Bytes()))
	if !c.Newer() || c.Meta().Format != "1.9" {
		t.Errorf("format %s, newer %v", c.Meta().Format, c.Newer())
	}
	if rows := dump(t, c, Scan{}); len(rows) != 5 || c.Kind("novelty") == nil {
		t.Errorf("%d rows", len(rows))
	}
	if open(t, capture(t, WriterOptions{}, fillAll(t))).Newer() {
		t.Error("our own version is newer than ours")
	}
}
