// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// header is the raw header's fields as every real kind has them.
func header() []Field {
	return []Field{
		{Column{Name: ColumnTime, Type: Timestamp, Unit: "ns", Doc: "when"}, 0, 8},
		{Column{Name: ColumnPID, Type: Uint32}, 8, 4},
		{Column{Name: ColumnTID, Type: Uint32}, 12, 4},
		{Column{Name: ColumnKind, Type: Enum}, 16, 2},
		{Column{Name: ColumnCPU, Type: Uint16}, 18, 2},
	}
}

// testKinds has every column type, one hot kind and one that others lack
// columns of.
func testKinds() []Kind {
	return []Kind{
		{ID: 1, Name: "hop", Source: "sched", Hot: true, Size: 32, Fields: append(header(),
			Field{Column{Name: "next_tid", Type: Uint32}, 24, 4},
			Field{Column{Name: "state", Type: Enum, Values: []string{"R", "S", "D"}}, 28, 4})},
		{ID: 2, Name: "visit", Source: "process", Size: 88, Fields: append(header(),
			Field{Column{Name: "comm", Type: String}, 24, 16},
			Field{Column{Name: "addr", Type: Address}, 40, 16},
			Field{Column{Name: "start", Type: Timestamp, Unit: "ns"}, 56, 8},
			Field{Column{Name: "bytes", Type: Uint64, Unit: "bytes"}, 64, 8},
			Field{Column{Name: "error", Type: Int32}, 72, 4},
			Field{Column{Name: "flag", Type: Uint8}, 76, 1},
			Field{Column{Name: "balance", Type: Int64}, 80, 8})},
		{ID: 17, Name: "summary", Source: "recording", Size: 24, Fields: header()[:1]},
	}
}

func testMeta() *Metadata {
	return &Metadata{
		Ebrec: "test", Host: "guest", Kernel: "6.12", Arch: "x86_64", CPUs: 2, BootID: "b",
		Start: time.Unix(1000, 0).UTC(), BootOffset: 1e12, UTCOffset: 3600,
		Command: []string{"ebrec", "record"}, Sources: []string{"sched", "process"},
		Missing: []Missing{{Source: "tcp", Hook: "h", Loses: "l", Reason: "r"}},
	}
}

func record(t testing.TB, kind int, values map[string]any) []byte {
	t.Helper()
	k := testKinds()[kind]
	raw, err := k.Encode(values)
	if err != nil {
		t.Fatal(err)
	}
	raw[rawKindAt] = byte(k.ID)
	return raw
}

// capture writes a capture and returns its path.
func capture(t testing.TB, o WriterOptions, fill func(*Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, testMeta(), testKinds(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return save(t, b.Bytes())
}

func save(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.arrow")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *Capture {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
