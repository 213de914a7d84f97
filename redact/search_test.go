// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The search finds what bytes.Contains finds, wherever it is.
func TestSearch(t *testing.T) {
	v := &vault{Rand: random(5)}
	for _, least := range []int{leastText, leastRaw} {
		texts := map[string]bool{}
		for range 2000 {
			texts[v.name(least, least+9, "cdefghijklmnopqrstuvwxyzCDEFGHIJKLMNOPQRSTUVWXYZ23456789-_.,:;=+@ '\"\\$%&()[]{}<>!?*~^|`#äß漢")] = false
		}
		s := newSearch(least, texts)
		hits := 0
		for i := range 3000 {
			in := []byte(v.name(1, 40, "cdefghijklmnopqrstuvwxyz23456789"))
			if i%2 == 0 { // one is in it for sure
				in = append(append(in[:v.IntN(len(in))], v.pick(texts)...), in...)
			}
			var want, got []string
			for text := range texts {
				if bytes.Contains(in, []byte(text)) {
					want = append(want, text)
				}
			}
			s.each(in, func(text string) bool { got = append(got, text); return true })
			slices.Sort(want)
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(want, got) {
				t.Fatalf("in %q: %q, want %q", in, got, want)
			}
			hits += len(want)
		}
		if hits < 1000 {
			t.Errorf("%d hits", hits)
		}
	}
}

func (v *vault) pick(texts map[string]bool) string {
	n := v.IntN(100)
	for text := range texts {
		if n--; n < 0 {
			return text
		}
	}
	return ""
}

// An address is found unless it is a part of a longer one.
func TestSearchAddresses(t *testing.T) {
	s := newSearch(leastText, map[string]bool{"10.0.0.1": true, "fd00::1": true})
	part := *s
	part.part = true
	for in, want := range map[string][2]bool{
		"10.0.0.1": {true, false}, "http://10.0.0.1/": {true, true}, "10.0.0.12": {}, "110.0.0.1": {}, "10.0.0.1.5": {}, "x10.0.0.1": {true, false},
		"fd00::1 ": {true, false}, "fd00::1:2": {}, "[fd00::1]": {true, true},
	} {
		_, whole := s.any([]byte(in))
		_, inside := part.any([]byte(in))
		if whole != want[0] || inside != want[1] {
			t.Errorf("%s: %t and %t", in, whole, inside)
		}
	}
}

// Bytes are found in a file wherever they are: in front, behind, and where two
// parts of it meet that are read one after the other.
func TestFileIsSearched(t *testing.T) {
	const name = "hunter2hunter2"
	r, _, out := redacted(t, write(t, smallMeta, small...), Options{})
	path := filepath.Join(t.TempDir(), "bytes")
	for _, where := range []int{-1, 0, 1, 1 << 20, 1<<20 - 5, 1<<20 + 9, 1<<20 + 30, 2<<20 - 3, 3<<20 - len(name)} {
		for _, text := range []string{name, "203.0.113.9"} {
			data := bytes.Repeat([]byte{'-'}, 3<<20)
			if where >= 0 {
				copy(data[min(where, len(data)-len(text)):], text)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			p := &prover{Redaction: r, copy: out, proof: &Proof{}}
			p.divide()
			err := p.bytes(t.Context(), path)
			if (err != nil) != (where >= 0) || err != nil && !strings.Contains(err.Error(), "the bytes of the file") {
				t.Errorf("%s at %d: %v", text, where, err)
			}
		}
	}
}
