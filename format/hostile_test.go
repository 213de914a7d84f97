// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// small writes a capture of some kilobytes.
func small(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(capture(t, WriterOptions{}, fillAll(t)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// messages lists where a capture's messages are.
func messages(t testing.TB, data []byte) []block {
	t.Helper()
	c := open(t, save(t, data))
	x, err := c.in.walk(fileHead, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(x.dictionaries, x.batches...)
}

// A file that ends at the edge of a message opens up to there.
func TestCutAtEveryEdge(t *testing.T) {
	data, err := os.ReadFile(fiveWindows(t))
	if err != nil {
		t.Fatal(err)
	}
	whole := ours(t, save(t, data))
	all := messages(t, data)
	for _, m := range all {
		for _, n := range []int64{m.at - 1, m.at, m.at + 1, m.body, m.end - 1, m.end, m.end + 1} {
			c, err := Open(save(t, data[:n]))
			if n < all[0].at {
				if err == nil {
					t.Errorf("cut at byte %d, in the schema: opens", n)
				}
				continue
			}
			if err != nil {
				t.Fatalf("cut at byte %d: %v", n, err)
			}
			var cut *CutError
			if !errors.As(c.Cut(), &cut) || cut.Offset > n {
				t.Errorf("cut at byte %d: %v, at %d", n, c.Cut(), cut.Offset)
			}
			rows := ours(t, c.Path())
			if diff := cmp.Diff(whole[:len(rows)], rows, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("cut at byte %d: rows differ:\n%s", n, diff)
			}
			if last := lastOf(t, c); n >= m.end && last > 0 && cut.End.UnixNano() != last {
				t.Errorf("cut at byte %d: ends at %v", n, cut.End)
			}
			c.Close()
		}
	}
}

func lastOf(t testing.TB, c *Capture) (last int64) {
	t.Helper()
	for b, err := range c.Batches(Scan{Columns: []Col{}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			last = max(last, b.Time(i))
		}
	}
	return last
}

// A machine that lost power leaves the length of a batch and zeros.
func TestLastBatchOfZeros(t *testing.T) {
	data, err := os.ReadFile(fiveWindows(t))
	if err != nil {
		t.Fatal(err)
	}
	all := messages(t, data)
	last := all[len(all)-1]
	bad := append([]byte(nil), data[:last.end]...)
	clear(bad[last.body:])
	c := open(t, save(t, bad))
	var cut *CutError
	if !errors.As(c.Cut(), &cut) || cut.Offset != last.at {
		t.Errorf("Cut = %v, want one at %d", c.Cut(), last.at)
	}
	if rows := ours(t, c.Path()); len(rows) == 0 {
		t.Error("no rows before the damage")
	}
}

// A later major version is refused, a later minor one read.
func TestVersions(t *testing.T) {
	for version, ok := range map[string]bool{"1.0": true, "1.7": true, "2.0": false, "x": false} {
		_, _, err := decodeMetadata(versioned(t, version))
		if (err == nil) != ok {
			t.Errorf("version %s: %v", version, err)
		}
	}
}

func versioned(t testing.TB, version string) map[string]string {
	t.Helper()
	c := open(t, save(t, small(t)))
	md := c.schema.metadata
	md[keyPrefix+"format"] = version
	md[keyPrefix+"later"] = "?"
	return md
}
