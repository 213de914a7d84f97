// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A copy has the same rows and metadata, whatever the windows of the original.
func TestCopyAll(t *testing.T) {
	for name, path := range map[string]string{
		"few":      capture(t, WriterOptions{}, fillAll(t)),
		"windows":  fiveWindows(t),
		"many":     capture(t, WriterOptions{}, manyRows),
		"fixture":  "../testdata/sched/trace.arrow",
		"tcp":      "../testdata/tcp/trace.arrow",
		"a stream": capture(t, WriterOptions{Stream: true}, manyRows),
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, path)
			var out bytes.Buffer
			k, err := CopyAll(&out, c, c.Meta(), WriterOptions{})
			if err != nil {
				t.Fatal(err)
			}
			again := open(t, save(t, out.Bytes()))
			if diff := cmp.Diff(c.Meta(), again.Meta()); diff != "" {
				t.Errorf("metadata (-original +copy):\n%s", diff)
			}
			if diff := cmp.Diff(c.Kinds(), again.Kinds()); diff != "" {
				t.Errorf("kinds (-original +copy):\n%s", diff)
			}
			if diff := cmp.Diff(byTime(t, c), byTime(t, again)); diff != "" {
				t.Errorf("rows (-original +copy):\n%s", diff)
			}
			if diff := cmp.Diff(rowsOf(t, again), k.Rows()); diff != "" {
				t.Errorf("rows by kind (-in the file +counted):\n%s", diff)
			}
		})
	}
}

// byTime is the rows of each kind in the order of the file: copying may share
// out batches in another way.
func byTime(t *testing.T, c *Capture) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for _, k := range c.Kinds() {
		rows[k.Name] = dump(t, c, Scan{Kinds: []string{k.Name}})
	}
	delete(rows, metadataName)
	return rows
}

func rowsOf(t *testing.T, c *Capture) map[string]uint64 {
	t.Helper()
	usage, err := c.Usage()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]uint64{}
	for _, u := range usage {
		if u.Kind != metadataName {
			rows[u.Kind] = uint64(u.Rows)
		}
	}
	return rows
}

// repaired repairs a file and opens the result.
func repaired(t *testing.T, data []byte) (*Capture, []Damage) {
	t.Helper()
	c, damage, err := Salvage(save(t, data))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out bytes.Buffer
	if _, err := c.Repair(&out, damage); err != nil {
		t.Fatal(err)
	}
	return open(t, save(t, out.Bytes())), damage
}

func TestRepairCut(t *testing.T) {
	data, err := os.ReadFile(fiveWindows(t))
	if err != nil {
		t.Fatal(err)
	}
	all := messages(t, data)
	cut := all[len(all)-2].end + 17
	want := dump(t, open(t, save(t, data[:cut])), Scan{})
	c, damage := repaired(t, data[:cut])
	if diff := cmp.Diff(want, dump(t, c, Scan{})); diff != "" {
		t.Errorf("rows (-cut +repaired):\n%s", diff)
	}
	var e *CutError
	if !errors.As(c.Cut(), &e) || e.End.UnixNano() != lastOf(t, c) || len(damage) != 0 {
		t.Errorf("a repaired capture says %v, damage %v", c.Cut(), damage)
	}
	whole, damage := repaired(t, data)
	if whole.Cut() != nil || whole.Meta().Repair != nil || len(damage) != 0 {
		t.Errorf("a repaired capture that lacked nothing says %v, %+v", whole.Cut(), whole.Meta().Repair)
	}
}

// A batch that is damaged is left out and said to be; so in a file whose list
// of batches is gone too.
func TestRepairDamage(t *testing.T) {
	data, err := os.ReadFile(fiveWindows(t))
	if err != nil {
		t.Fatal(err)
	}
	all := messages(t, data)
	broken := all[len(all)-3]
	for name, spoil := range map[string]func(b []byte) []byte{
		"body":                     func(b []byte) []byte { b[broken.body+50] ^= 4; return b },
		"message":                  func(b []byte) []byte { b[broken.at+20] ^= 4; return b },
		"message, no list":         func(b []byte) []byte { b[broken.at+20] ^= 4; return b[:len(b)-9] },
		"length, and no list":      func(b []byte) []byte { b[broken.at+6] ^= 4; return b[:len(b)-9] },
		"body, and no list at all": func(b []byte) []byte { b[broken.body+50] ^= 4; return b[:all[len(all)-1].end] },
	} {
		t.Run(name, func(t *testing.T) {
			whole := dump(t, open(t, save(t, data)), Scan{})
			c, damage := repaired(t, spoil(bytes.Clone(data)))
			rows := dump(t, c, Scan{})
			if len(rows) != len(whole)-100 {
				t.Errorf("%d rows of %d are left", len(rows), len(whole))
			}
			if len(damage) != 1 || damage[0].Offset != broken.at || damage[0].Bytes != broken.end-broken.at {
				t.Errorf("damage %+v, want %+v", damage, broken)
			}
			if diff := cmp.Diff(damage, c.Meta().Repair.Damage, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("in the metadata (-told +there):\n%s", diff)
			}
		})
	}
}
