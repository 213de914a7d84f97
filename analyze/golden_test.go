// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/golden"
)

// results are all analyses of a capture, and what is in it.
func results(t *testing.T, c *format.Capture) map[string]*analyze.Result {
	t.Helper()
	all := map[string]*analyze.Result{}
	for _, a := range analyze.All {
		all[a.Name] = run(t, c, a.Name, analyze.Options{})
	}
	info, err := analyze.Info(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	all["info"] = info
	return all
}

func run(t testing.TB, c *format.Capture, name string, o analyze.Options) *analyze.Result {
	t.Helper()
	a, err := analyze.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze.Run(t.Context(), c, a, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t testing.TB, r *analyze.Result, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Render(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGoldens(t *testing.T) {
	for name, r := range results(t, write(t, append(machine(), connections()...)...)) {
		if name == "info" { // its sizes depend on the compression library
			for _, row := range r.Tables[0].Rows {
				row[3] = uint64(1234)
			}
			r.Details.SizeBytes = 5678
		}
		for _, format := range analyze.Formats {
			if format == "arrow" || format == "dot" && name != "wakeups" { // compressed: see TestArrowResult
				continue
			}
			out := render(t, r, format)
			harmless(t, out)
			golden.Check(t, filepath.Join("testdata", name+"."+format), string(out))
		}
	}
}

// Every analysis over every capture that was recorded for the purpose.
func TestFixtures(t *testing.T) {
	traces, err := filepath.Glob("../testdata/*/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	if len(traces) == 0 {
		entries, err := os.ReadDir("../testdata")
		if err != nil || len(entries) == 0 {
			t.Skip("testdata is empty: nothing has been recorded yet")
		}
		t.Fatal("testdata has no trace.arrow")
	}
	for _, path := range traces {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) { testFixture(t, path) })
	}
}

// testFixture runs the analyses for which the capture has the sources.
func testFixture(t *testing.T, path string) {
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	info, err := analyze.Info(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*analyze.Result{"info": info}
	for _, a := range analyze.All {
		r, err := analyze.Run(t.Context(), c, a, analyze.Options{})
		var missing *analyze.MissingError
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all[a.Name] = r
	}
	for name, r := range all {
		t.Run(name, func(t *testing.T) {
			out := render(t, r, "text")
			harmless(t, out)
			golden.Check(t, filepath.Join(filepath.Dir(path), name+".golden"), string(out))
		})
	}
}
