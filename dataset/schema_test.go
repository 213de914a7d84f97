// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/bpf"
)

var update = flag.Bool("update", false, "write the golden files")

// columns.json is what the kernel programs say.
func TestKnownColumns(t *testing.T) {
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	var columns []Column
	seen := map[string]bool{}
	for _, k := range kinds {
		for _, f := range k.Fields {
			if !seen[f.Name] {
				seen[f.Name] = true
				columns = append(columns, Column{Name: f.Name, Type: plain(f.Type), Unit: f.Unit, Doc: f.Doc})
			}
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(columns); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("columns.json", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(b.String(), string(knownColumns)); diff != "" && !*update {
		t.Errorf("columns.json is out of step (-program +file); -update rewrites it:\n%s", diff)
	}
	for _, c := range added {
		if seen[c.Name] {
			t.Errorf("captures have a column %s now", c.Name)
		}
	}
}
