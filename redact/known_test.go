// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/golden"
)

// known.json is what the kernel programs say.
func TestKnown(t *testing.T) {
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	words, err := bpf.Words()
	if err != nil {
		t.Fatal(err)
	}
	const metadataDoc, rowDoc = "the metadata of the file, for programs that lose the schema's", "JSON object with the schema's metadata; only in the first row"
	v := vocabulary{Kinds: map[string]ownKind{"metadata": {"recording", metadataDoc}}, Columns: map[string]ownColumn{"metadata": {Text: true, Doc: rowDoc}}, Words: words}
	for _, k := range kinds {
		v.Kinds[k.Name] = ownKind{k.Source, k.Doc}
		for _, f := range k.Fields {
			isText := f.Type == format.String || f.Type == format.Address
			v.Columns[f.Name] = ownColumn{isText, f.Unit, f.Doc, f.Values}
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(&v); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "known.json", b.String())
}

// Whoever adds a column of text decides what it is.
func TestEveryColumnHasAClass(t *testing.T) {
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, k := range kinds {
		for _, f := range k.Fields {
			if f.Type != format.String && f.Type != format.Address {
				continue
			}
			seen[f.Name] = true
			class, ok := columnClasses[f.Name]
			if !ok {
				t.Errorf("column %s of %s has no class", f.Name, k.Name)
			}
			if (class == Address) != (f.Type == format.Address) {
				t.Errorf("column %s is of class %s", f.Name, class)
			}
		}
	}
	for name := range columnClasses {
		if !seen[name] {
			t.Errorf("there is no column %s", name)
		}
	}
}
