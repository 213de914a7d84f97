// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ebrec/ebrec/format"
)

// BenchmarkEvents writes a synthetic capture of a million switches. With CAPTURE
// it takes another one.
func BenchmarkEvents(b *testing.B) {
	path := os.Getenv("CAPTURE")
	if path == "" {
		path = filepath.Join(b.TempDir(), "trace.arrow")
		if out, err := exec.Command("go", "run", "../test/generate", "--switches", "1000000", "-o", path).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	c, err := format.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var rows, size int64
	for b.Loop() {
		out := &counted{}
		if rows, err = writeEvents(b.Context(), out, c, "id", rowsOf(b, c), func(int64) {}); err != nil {
			b.Fatal(err)
		}
		size = out.n
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(size)/float64(c.Size()), "size/capture")
}

type counted struct{ n int64 }

func (c *counted) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}
