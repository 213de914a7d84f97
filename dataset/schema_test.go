// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/test/golden"
)

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
	golden.Check(t, "columns.json", b.String())
	for _, c := range added {
		if seen[c.Name] {
			t.Errorf("captures have a column %s now", c.Name)
		}
	}
}
