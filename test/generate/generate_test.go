// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/check"
	"github.com/ebrec/ebrec/format"
)

// What is generated is as sound as a recording.
func TestGenerated(t *testing.T) {
	for _, p := range []plan{{switches: 100_000, threads: 50, cpus: 4, seed: 1}, {switches: 1000, threads: 1, cpus: 1, seed: 2}} {
		path := filepath.Join(t.TempDir(), "t.arrow")
		if err := run(path, p); err != nil {
			t.Fatal(err)
		}
		r, err := check.Run(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Verdicts {
			if v.Found > 0 {
				t.Errorf("%+v: %+v", p, v)
			}
		}
		c, err := format.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		table, err := analyze.Run(t.Context(), c, analyze.All[0], analyze.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(table.Tables[0].Rows) < p.threads/2 {
			t.Errorf("%d of %d threads ran", len(table.Tables[0].Rows), p.threads)
		}
	}
}

func TestSameBytes(t *testing.T) {
	p := plan{switches: 20_000, threads: 30, cpus: 2, seed: 3}
	var all [][]byte
	for _, seed := range []uint64{3, 3, 4} {
		p.seed = seed
		var b bytes.Buffer
		if err := generate(&b, p); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Bytes())
	}
	if !bytes.Equal(all[0], all[1]) || bytes.Equal(all[0], all[2]) {
		t.Error("the seed does not decide on the bytes")
	}
}

func TestArguments(t *testing.T) {
	if run(filepath.Join(t.TempDir(), "t"), plan{switches: 0, threads: 1, cpus: 1}) == nil {
		t.Error("no switches were taken")
	}
	if run(os.DevNull, plan{switches: 1, threads: 1, cpus: 2}) == nil {
		t.Error("fewer threads than CPUs were taken")
	}
}
