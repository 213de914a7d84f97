// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// begin is when the synthetic recordings begin; boot is the boot time then.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const boot = int64(1e12)

type row struct {
	kind   string
	values map[string]any
}

// write makes a capture of rows, a microsecond apart.
func write(t testing.TB, meta format.Metadata, rows ...row) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "trace.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	meta.CPUs, meta.Start, meta.BootOffset, meta.Sources = 2, begin, begin.UnixNano()-boot, bpf.Sources()
	w, err := format.NewWriter(f, &meta, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		for j := range kinds {
			if kinds[j].Name != r.kind {
				continue
			}
			all := maps.Clone(r.values)
			if all["time"] == nil {
				all["time"] = boot + int64(i)*1000
			}
			raw, err := kinds[j].Encode(all)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Add(raw); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

type values = map[string]any

func address(a, b, c, d byte) []byte {
	return []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}
}

var small = []row{
	{"task", values{"pid": 7, "tid": 7, "comm": "secretd", "kernel_thread": 0}},
	{"task", values{"pid": 2, "tid": 2, "comm": "kthreadd", "kernel_thread": 1}},
	{"open", values{"pid": 7, "tid": 7, "comm": "secretd", "path": "/home/al/diary.txt"}},
	{"exec_args", values{"pid": 7, "tid": 7, "args": "secretd --token=hunter2hunter2 /home/al"}},
	{"tcp_connect", values{"pid": 7, "tid": 7, "comm": "secretd", "laddr": address(127, 0, 0, 1), "raddr": address(203, 0, 113, 9)}},
	{"summary", values{"seen": 4, "written": 4}},
}

var smallMeta = format.Metadata{Ebrec: "0.1.0", Host: "vault-host", Kernel: "6.1.0-acme", Arch: "x86_64", BootID: "b00t-b00t", Command: []string{"ebrec", "record", "--", "secretd"}}

// What is left in a copy is found, wherever it is.
func TestLeaksAreFound(t *testing.T) {
	for _, leak := range []struct {
		name, where string
		meta        func(*format.Metadata)
		kinds       func([]format.Kind)
		column      string            // whose text stays
		text        map[string]string // what takes the place of a text
		tail        string
	}{
		{name: "nothing"},
		{name: "names", where: "column comm", column: "comm"},
		{name: "paths", where: "column path", column: "path"},
		{name: "addresses", where: "column raddr", column: "raddr"},
		{name: "arguments", where: "column args", column: "args"},
		{name: "a part of a name", where: "column path", text: map[string]string{"/home/al/diary.txt": "/x/0secretd0"}},
		{name: "a short name", where: "column path", text: map[string]string{"/home/al/diary.txt": "/x/al/y"}},
		{name: "an address in a path", where: "column path", text: map[string]string{"/home/al/diary.txt": "/x/203.0.113.9"}},
		{name: "the host", where: "metadata ebrec.host", meta: func(m *format.Metadata) { m.Host = "vault-host" }},
		{name: "a name as host", where: "metadata ebrec.host", meta: func(m *format.Metadata) { m.Host = "secretd" }},
		{name: "a short name as host", where: "metadata of class host", meta: func(m *format.Metadata) { m.Host = "al" }},
		{name: "the command", where: "metadata ebrec.command", meta: func(m *format.Metadata) { m.Command = append(m.Command, "diary.txt") }},
		{name: "the kernel", where: "metadata ebrec.kernel", meta: func(m *format.Metadata) { m.Kernel = "6.1.0-acme" }},
		{name: "the filter", where: "metadata ebrec.filter", meta: func(m *format.Metadata) { m.Filter = "processes named secretd" }},
		{name: "a source", where: "metadata ebrec.sources", meta: func(m *format.Metadata) { m.Sources = append(m.Sources, "secretd") }},
		{name: "a kind's documentation", where: "kind task", kinds: func(k []format.Kind) { k[1].Doc = "of secretd" }},
		{name: "a word", where: "dictionary of column reason", kinds: func(all []format.Kind) {
			for _, k := range all {
				if f := k.Field("reason"); f != nil {
					f.Values[0] = "hunter2hunter2"
				}
			}
		}},
		{name: "bytes behind the end", where: "the bytes of the file", tail: "....hunter2hunter2"},
	} {
		t.Run(leak.name, func(t *testing.T) {
			c := capturetest.Open(t, write(t, smallMeta, small...))
			r, err := New(t.Context(), c, Options{Key: testKey})
			if err != nil {
				t.Fatal(err)
			}
			meta, kinds := r.own.metadata(c.Meta(), r.names.replace), r.own.kinds(c.Kinds(), r.names.replace)
			if leak.meta != nil {
				leak.meta(meta)
			}
			if leak.kinds != nil {
				leak.kinds(kinds)
			}
			out := filepath.Join(t.TempDir(), "out.arrow")
			f, err := os.Create(out)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			_, err = c.Rewrite(f, format.Rewriting{Meta: meta, Kinds: kinds, Text: func(at format.Col, text []byte) string {
				col := c.Columns()[at]
				if as, ok := leak.text[string(text)]; ok {
					return as
				}
				if class, _ := classOf(col); col.Name != leak.column && class != Word {
					return r.names.replace(class, string(text))
				}
				return string(text)
			}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(leak.tail); err != nil {
				t.Fatal(err)
			}
			_, err = r.Prove(t.Context(), out)
			found := (*LeakError)(nil)
			if errors.As(err, &found) != (leak.where != "") || err != nil && !strings.Contains(err.Error(), leak.where) {
				t.Errorf("%v, want one in %q", err, leak.where)
			}
		})
	}
}

// Numbers stay; when they spell a name, the copy is not given out.
func TestNumbersThatSpellAName(t *testing.T) {
	rows := append([]row{{"tcp_read", values{"conn": binary.LittleEndian.Uint64([]byte("hunter2h"))}}, {"tcp_read", values{"conn": binary.LittleEndian.Uint64([]byte("unter2.."))}}}, small...)
	r, _, out := redacted(t, write(t, smallMeta, rows...), Options{})
	found := (*LeakError)(nil)
	if _, err := r.Prove(t.Context(), out.Path()); !errors.As(err, &found) || found.Where != "the numbers of column conn" {
		t.Fatal(err)
	}
	if strings.Contains(found.Error(), "hunter") {
		t.Errorf("the error tells the secret: %v", found)
	}
}

// A damaged buffer of numbers is the capture's fault, and said to be.
func TestDamagedNumbers(t *testing.T) {
	data, err := os.ReadFile("../testdata/sched/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged.arrow")
	proved := 0
	for at := len(data) / 3; at < len(data)*2/3; at += 997 {
		flipped := append([]byte{}, data...)
		flipped[at] ^= 0x10
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := format.Open(path)
		if err != nil {
			continue
		}
		err = proves(t, c)
		c.Close()
		var corrupt *format.CorruptError
		if err == nil {
			proved++
		} else if !errors.As(err, &corrupt) || corrupt.Path != path {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	if proved > 5 { // a bit of padding may be flipped
		t.Errorf("%d damaged captures were redacted", proved)
	}
}

// proves redacts and proves.
func proves(t *testing.T, c *format.Capture) error {
	r, err := New(t.Context(), c, Options{})
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "out.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := r.Write(t.Context(), f); err != nil {
		return err
	}
	_, err = r.Prove(t.Context(), f.Name())
	return err
}
