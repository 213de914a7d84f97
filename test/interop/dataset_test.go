// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/dataset"
)

// Every value of every capture is in a dataset as pyarrow and DuckDB read it.
func TestDataset(t *testing.T) {
	c := setUp(t)
	all := append(traces(t), versions(t)...)
	generated := filepath.Join(t.TempDir(), "generated.arrow")
	goRun(t, "./test/generate", "--switches", "300000", "-o", generated)
	all = append(all, generated)
	dir := newDataset(t, all)
	write(t, filepath.Join(c.dir, "dataset.py"), read(t, "dataset.py"))
	var got struct{ Captures, Rows, Values, Names int }
	if err := json.Unmarshal(c.run(t, "dataset.py", append([]string{dir}, all...)...), &got); err != nil {
		t.Fatal(err)
	}
	if got.Captures != len(all) || got.Rows < 300_000 || got.Values < 20*got.Rows || got.Names < 2*300_000 {
		t.Errorf("compared %+v of %d captures", got, len(all))
	}
}

// The query of the document runs.
func TestDatasetQuery(t *testing.T) {
	c := setUp(t)
	dir := newDataset(t, traces(t))
	query := regexp.MustCompile("(?s)```sql\n(.*?)```").FindSubmatch(read(t, "../../docs/fleet.md"))
	if query == nil {
		t.Fatal("docs/fleet.md has no query")
	}
	sql := strings.ReplaceAll(string(query[1]), "'fleet/", "'"+dir+"/")
	program := "import duckdb, sys, json\nprint(json.dumps(duckdb.sql(sys.argv[1]).fetchall()))\n"
	write(t, filepath.Join(c.dir, "query.py"), []byte(program))
	var rows [][]any
	if err := json.Unmarshal(c.run(t, "query.py", sql), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 5 || rows[0][0] != "guest" {
		t.Errorf("it says %v", rows)
	}
}

func versions(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../../testdata/versions/1.[012]/trace.arrow")
	if err != nil || len(all) != 3 {
		t.Fatalf("%d captures of earlier versions, %v", len(all), err)
	}
	for i := range all {
		all[i] = absolute(t, all[i])
	}
	return all
}

func newDataset(t *testing.T, captures []string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for r := range dataset.Add(t.Context(), dir, captures, dataset.Options{}) {
		if r.Err != nil || r.Same != "" {
			t.Fatalf("%s: %v, the same as %s", r.Path, r.Err, r.Same)
		}
	}
	return dir
}
