// SPDX-License-Identifier: Apache-2.0

package format

import (
	"io"
	"os"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// The fuzz targets look for panics, hangs and memory: whatever the bytes,
// reading them ends, with rows or with an error. Inputs that reached something
// new are in testdata/fuzz.

// seeds are small captures: ours, cut ones, and those of other programs, which
// have no checksums to stop a change early.
func seeds(t testing.TB) (all [][]byte) {
	t.Helper()
	paths := []string{
		fiveWindows(t), capture(t, WriterOptions{}, fillAll(t)), capture(t, WriterOptions{Stream: true}, fillAll(t)),
	}
	for _, text := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView} {
		paths = append(paths,
			rewrite(t, paths[1], text, false),
			rewrite(t, paths[1], text, false, ipc.WithZstd()),
			rewrite(t, paths[1], text, true, ipc.WithLZ4()))
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return append(all, all[0][:len(all[0])/2], []byte("ARROW1\x00\x00"))
}

// readEverything reads a file in every way there is.
func readEverything(path string) error {
	if err := readAll(path); err != nil {
		return err
	}
	c, err := Open(path)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Usage(); err != nil {
		return err
	}
	if err := c.Buffers(func(Buffer) error { return nil }); err != nil {
		return err
	}
	_, err = c.Rewrite(io.Discard, Rewriting{Meta: c.Meta(), Kinds: c.Kinds(), Text: same})
	return err
}

func FuzzOpen(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := save(t, data)
		_ = readEverything(path)
		if c, _, err := Salvage(path); err == nil {
			c.Close()
		}
	})
}

// FuzzSealed gives every message the checksum that it should have, so that
// what is checked behind the checksum is reached.
func FuzzSealed(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sealAll(data)
		_ = readEverything(save(t, data))
	})
}

// FuzzStructure parses a message's metadata without a file around it.
func FuzzStructure(f *testing.F) {
	for _, seed := range seeds(f) {
		for at := range headsOf(seed) {
			f.Add(seed[at.from:at.to])
		}
	}
	schema := open(f, fiveWindows(f)).schema
	f.Fuzz(func(t *testing.T, data []byte) {
		m := message{flat: newFlat(data)}
		_ = m.parse(1 << 20)
		_, _ = parseSchema(newFlat(data), m.header)
		if b, err := parseBatch(newFlat(data), m.header, schema); err == nil {
			for i := range schema.wires {
				w := &schema.wires[i]
				_, _ = b.node(w.node)
				_ = b.span(w, 0)
			}
		}
		_, _ = parseBrief(m.notes, []string{"a", "b"}, 3)
	})
}
