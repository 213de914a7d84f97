// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// begin is when the synthetic recordings begin; boot is the boot time then.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const boot = int64(1000e9)

// row is a row of a synthetic capture, at nanoseconds after the beginning.
// Instants among the values are relative to the beginning as well.
type row struct {
	at     int64
	kind   string
	values map[string]any
}

type v = map[string]any

// capture says how to make a capture beyond its rows.
type capture struct {
	cut     bool                   // without its end
	without []string               // kinds that it does not have
	meta    func(*format.Metadata) // changes the metadata
}

// write makes a complete capture of rows and opens it.
func write(t testing.TB, rows ...row) *format.Capture {
	t.Helper()
	return capture{}.write(t, rows...)
}

func (o capture) write(t testing.TB, rows ...row) *format.Capture {
	t.Helper()
	data, err := o.build(rows)
	if err != nil {
		t.Fatal(err)
	}
	c, err := openIn(t.TempDir(), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func openIn(dir string, data []byte) (*format.Capture, error) {
	path := filepath.Join(dir, "trace.arrow")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, err
	}
	return format.Open(path)
}

// build makes a capture; a row of kind "flush" is a flush up to its time.
func (o capture) build(rows []row) ([]byte, error) {
	kinds, err := bpf.Kinds()
	if err != nil {
		return nil, err
	}
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(k format.Kind) bool { return slices.Contains(o.without, k.Name) })
	var b bytes.Buffer
	meta := &format.Metadata{
		Host: "test", Kernel: "6.1.0", Arch: "x86_64", CPUs: 2, Start: begin,
		BootOffset: begin.UnixNano() - boot, UTCOffset: 3600,
		Sources: []string{"cpu", "sched", "process", "tcp", "file", "wakeups", "tcpstates", "tcpturns"},
		Command: []string{"ebrec", "record"}, Ebrec: "test", BootID: "b007",
	}
	if o.meta != nil {
		o.meta(meta)
	}
	w, err := format.NewWriter(&b, meta, kinds, format.WriterOptions{})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if err := put(w, kinds, r); err != nil {
			return nil, err
		}
	}
	if o.cut {
		if err := w.Flush(math.MaxUint64); err != nil {
			return nil, err
		}
		return b.Bytes(), nil
	}
	err = w.Close()
	return b.Bytes(), err
}

func put(w *format.Writer, kinds []format.Kind, r row) error {
	if r.kind == "flush" {
		return w.Flush(uint64(boot + r.at))
	}
	for i := range kinds {
		if kinds[i].Name != r.kind {
			continue
		}
		values := maps.Clone(r.values)
		if values == nil {
			values = v{}
		}
		values["time"] = boot + r.at
		for _, name := range []string{"start", "since"} {
			if at, ok := values[name].(int); ok {
				values[name] = boot + int64(at)
			}
		}
		raw, err := kinds[i].Encode(values)
		if err != nil {
			return err
		}
		return w.Add(raw)
	}
	return fmt.Errorf("no kind %q", r.kind)
}
