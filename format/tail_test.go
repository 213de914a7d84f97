// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tailed is a kind whose records are as long as their text.
func tailed() Kind {
	return Kind{ID: 3, Name: "word", Source: "file", Size: 32 + 4096, Tail: true, Fields: append(header(),
		Field{Column{Name: "bytes", Type: Uint64, Unit: "bytes"}, 24, 8},
		Field{Column{Name: "path", Type: String}, 32, 4096})}
}

// word is a record that ends behind its text, and then something else.
func word(t *testing.T, at uint64, text string) []byte {
	t.Helper()
	k := tailed()
	raw, err := k.Encode(map[string]any{"time": at, "bytes": len(text), "path": text})
	if err != nil {
		t.Fatal(err)
	}
	return raw[:32+len(text)+1]
}

// Texts at the end of records come back whole, among rows of one kind and of several.
func TestTails(t *testing.T) {
	for name, others := range map[string]bool{"one kind": false, "several": true} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w, err := NewWriter(&out, testMeta(), append(testKinds(), tailed()), WriterOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for i := range uint64(700) { // more than a block
				text := strings.Repeat(string(rune('a'+i%26)), int([]uint64{0, 1, 7, 8, 255, 256, 4095}[i%7]))
				want = append(want, text)
				if err := w.Add(word(t, 100+2*i, text)); err != nil {
					t.Fatal(err)
				}
				if !others {
					continue
				}
				if err := w.Add(record(t, 1, map[string]any{"time": 101 + 2*i, "comm": "other"})); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, words(t, save(t, out.Bytes()))); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
		})
	}
}

// words reads the texts, each of which must have the length that its row says.
func words(t *testing.T, path string) (all []string) {
	t.Helper()
	c := open(t, path)
	for b, err := range c.Batches(Scan{}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			if b.Kind(i).Name != "word" {
				continue
			}
			text := b.Str(c.Col("path"), i)
			if n := b.Uint(c.Col("bytes"), i); n != uint64(len(text)) {
				t.Errorf("row %d has %d bytes, says %d", i, len(text), n)
			}
			all = append(all, text)
		}
	}
	return all
}

// A record whose text has no end is refused, and so is one without its fixed part.
func TestTailWithoutEnd(t *testing.T) {
	w, err := NewWriter(new(bytes.Buffer), testMeta(), []Kind{tailed()}, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	whole := word(t, 100, "text")
	for _, n := range []int{31, 32, len(whole) - 1} {
		if err := w.Add(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken", n, len(whole))
		}
	}
	if err := w.Add(whole); err != nil {
		t.Error(err)
	}
	k := tailed()
	k.Fields = k.Fields[:len(k.Fields)-1]
	if _, err := NewWriter(new(bytes.Buffer), testMeta(), []Kind{k}, WriterOptions{}); err == nil {
		t.Error("a kind is taken whose tail is no text")
	}
}
