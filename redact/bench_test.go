// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ebrec/ebrec/test/capturetest"
)

// BenchmarkRedact lists, writes and proves: switches, of which few rows have
// text, and opened files, of which all have.
func BenchmarkRedact(b *testing.B) {
	b.Run("switches", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "generated.arrow")
		if out, err := exec.Command("go", "run", "../test/generate", "--switches", "4000000", "-o", path).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		benchmark(b, path)
	})
	b.Run("opens", func(b *testing.B) {
		var rows []row
		for i := range 500_000 {
			rows = append(rows, row{"open", values{"pid": i % 300, "tid": i % 300, "comm": fmt.Sprint("worker-", i%300), "path": fmt.Sprintf("/srv/www/%d/img-%d.png", i%97, i%10_007)}})
		}
		benchmark(b, write(b, smallMeta, rows...))
	})
}

func benchmark(b *testing.B, path string) {
	usage, err := capturetest.Open(b, path).Usage()
	if err != nil {
		b.Fatal(err)
	}
	rows := int64(0)
	for _, u := range usage {
		rows += u.Rows
	}
	for b.Loop() {
		r, _, out := redacted(b, path, Options{Key: testKey})
		if _, err := r.Prove(b.Context(), out.Path()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkSearch looks for ten thousand names in numbers, where none is.
func BenchmarkSearch(b *testing.B) {
	v := &vault{Rand: random(3)}
	for _, least := range []int{leastText, leastRaw} {
		texts := map[string]bool{}
		for range secretsEach {
			texts[v.name(8, 15, "")] = false
		}
		s, in := newSearch(least, texts), make([]byte, 1<<20)
		for i := range in {
			in[i] = byte(v.Uint32())
		}
		b.Run(fmt.Sprint(least), func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if found, ok := s.any(in); ok {
					b.Fatal(found)
				}
			}
		})
	}
}
