// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/google/go-cmp/cmp"
)

func same(_ Col, text []byte) string { return string(text) }

func rewritten(t testing.TB, c *Capture, text func(Col, []byte) string) *Capture {
	t.Helper()
	var b bytes.Buffer
	rows, err := c.Rewrite(&b, Rewriting{Meta: c.Meta(), Kinds: c.Kinds(), Text: text})
	if err != nil {
		t.Fatal(err)
	}
	out := open(t, save(t, b.Bytes()))
	usage, err := out.Usage()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range usage {
		if u.Kind != metadataName && rows[u.Kind] != uint64(u.Rows) {
			t.Errorf("%d rows of kind %s, it says %d", u.Rows, u.Kind, rows[u.Kind])
		}
	}
	return out
}

// A capture that is rewritten as it is has the same rows and metadata.
func TestRewriteAsItIs(t *testing.T) {
	for _, path := range []string{"../testdata/tcp/trace.arrow", "../testdata/sched/trace.arrow", "../testdata/versions/1.0/trace.arrow"} {
		c := open(t, path)
		out := rewritten(t, c, same)
		if !out.Sealed() || out.Cut() != nil {
			t.Errorf("%s: sealed %t, %v", path, out.Sealed(), out.Cut())
		}
		if diff := cmp.Diff(c.Pairs(), out.Pairs()); diff != "" {
			t.Errorf("%s (-capture +copy):\n%s", path, diff)
		}
		if diff := cmp.Diff(ours(t, path), ours(t, out.Path())); diff != "" {
			t.Errorf("%s (-capture +copy):\n%s", path, diff)
		}
		if diff := cmp.Diff(oracle(t, path), oracle(t, out.Path())); diff != "" {
			t.Errorf("%s, by the Arrow library (-capture +copy):\n%s", path, diff)
		}
	}
}

// Texts are replaced, and only texts; nothing of the old ones is left in what the
// buffers hold.
func TestRewriteTexts(t *testing.T) {
	c := open(t, "../testdata/tcp/trace.arrow")
	comm, seen := c.Col("comm"), 0
	out := rewritten(t, c, func(col Col, text []byte) string {
		if col != comm {
			return string(text)
		}
		seen++
		return fmt.Sprintf("<%s>", text[:0])
	})
	if seen == 0 {
		t.Fatal("no text was asked for")
	}
	for b, err := range out.Batches(Scan{}) {
		if err != nil {
			t.Fatal(err)
		}
		texts := 0
		for row, text := range b.Texts(out.Col("comm")) {
			if texts++; string(text) != "<>" || b.Null(out.Col("comm"), row) {
				t.Errorf("%q", text)
			}
		}
		if texts != b.Count(out.Col("comm")) {
			t.Errorf("%d texts of %d", texts, b.Count(out.Col("comm")))
		}
	}
	if all := inflated(t, out); strings.Contains(all["comm"], "eb-") || !strings.Contains(all["comm"], "<><>") || len(all["tid"]) == 0 {
		t.Errorf("its buffers hold %d columns, comm %q", len(all), all["comm"])
	}
	if all := inflated(t, c); !strings.Contains(all["comm"], "eb-client") {
		t.Errorf("those of the capture hold %q", all["comm"])
	}
}

// inflated is what all buffers of a column hold.
func inflated(t *testing.T, c *Capture) map[string]string {
	t.Helper()
	var mutex sync.Mutex
	all := map[string]string{}
	err := c.Buffers(func(b Buffer) error {
		mutex.Lock()
		defer mutex.Unlock()
		all[b.Column.Name] += string(b.Data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A scan can pass over batches that say nothing of its columns.
func TestScanValued(t *testing.T) {
	c := open(t, "../testdata/sched/trace.arrow")
	comm, rows, all, passed := c.Col("comm"), 0, 0, 0
	for b, err := range c.Batches(Scan{}) {
		if err != nil {
			t.Fatal(err)
		}
		if all += b.Count(comm); b.Count(comm) == 0 {
			passed++
		}
	}
	for b, err := range c.Batches(Scan{Columns: []Col{comm}, Valued: []Col{comm}}) {
		if err != nil {
			t.Fatal(err)
		}
		if rows += b.Count(comm); b.Count(comm) == 0 {
			t.Error("a batch without a value")
		}
	}
	if rows != all || all == 0 {
		t.Errorf("%d of %d values, %d batches without", rows, all, passed)
	}
}

// What another program wrote is rewritten row by row.
func TestRewriteUnsealed(t *testing.T) {
	path := "../testdata/versions/1.1/trace.arrow"
	for _, text := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView} {
		c := open(t, rewrite(t, path, text, false, ipc.WithLZ4()))
		if c.Sealed() {
			t.Fatal("it is sealed")
		}
		if all := inflated(t, c); !strings.Contains(all["comm"], "workload") {
			t.Errorf("%s: its buffers hold %q", text, all["comm"])
		}
		out := rewritten(t, c, same)
		one, two := ours(t, path), ours(t, out.Path())
		for _, rows := range [][][]string{one, two} {
			slices.SortFunc(rows, slices.Compare)
		}
		if diff := cmp.Diff(one, two); diff != "" {
			t.Errorf("%s (-capture +copy):\n%s", text, diff)
		}
		if out.Meta().Format != "1.1" {
			t.Errorf("%s: format %s", text, out.Meta().Format)
		}
	}
}

// A capture that is damaged is no panic, and no copy that says something else
// unless the damage is within numbers.
func TestRewriteDamaged(t *testing.T) {
	data, err := os.ReadFile("../testdata/tcp/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	want := ours(t, "../testdata/tcp/trace.arrow")
	for at := 0; at < len(data); at += 4999 {
		flipped := bytes.Clone(data)
		flipped[at] ^= 1
		c, err := Open(save(t, flipped))
		if err != nil {
			continue
		}
		var b bytes.Buffer
		_, err = c.Rewrite(&b, Rewriting{Meta: c.Meta(), Kinds: c.Kinds(), Text: same})
		if cut := c.Cut(); err == nil && cut == nil {
			if out, err := Open(save(t, b.Bytes())); err == nil {
				if verr := out.verifyAll(); verr == nil && !cmp.Equal(want, ours(t, out.Path())) {
					t.Errorf("byte %d: other rows", at)
				}
				out.Close()
			}
		}
		c.Close()
	}
}

func (c *Capture) verifyAll() error {
	for i := range c.batches {
		if err := c.verify(i); err != nil {
			return err
		}
	}
	return nil
}
