// SPDX-License-Identifier: Apache-2.0

package redact

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// knownText is what this version of ebrec itself writes into captures. A test
// makes it from the kernel programs, which this package must not read: it works
// without the eBPF library.
//
//go:embed known.json
var knownText []byte

// vocabulary is ebrec's own texts. They are in every capture, whatever it is of.
type vocabulary struct {
	Kinds   map[string]ownKind   `json:"kinds"`
	Columns map[string]ownColumn `json:"columns"`
	Words   []string             `json:"words"` // of column program, and of what could not be attached

	all map[string]bool
}

type ownKind struct {
	Source string `json:"source"`
	Doc    string `json:"doc"`
}

type ownColumn struct {
	Text   bool     `json:"text,omitempty"`
	Unit   string   `json:"unit,omitempty"`
	Doc    string   `json:"doc"`
	Values []string `json:"values,omitempty"`
}

// architectures are what uname -m may say.
var architectures = []string{"aarch64", "amd64", "arm64", "armv7l", "i686", "loongarch64", "ppc64le", "riscv64", "s390x", "x86_64"}

// newVocabulary adds the flags of ebrec record to what is known.
func newVocabulary(flags []string) (*vocabulary, error) {
	v := &vocabulary{all: map[string]bool{"recording": true, "ebrec": true, "record": true, "--": true}}
	if err := json.Unmarshal(knownText, v); err != nil {
		return nil, fmt.Errorf("read ebrec's own words: %w", err)
	}
	for name, k := range v.Kinds {
		v.add(name, k.Source, k.Doc)
	}
	for name, c := range v.Columns {
		v.add(name, c.Unit, c.Doc)
		v.add(c.Values...)
	}
	v.add(v.Words...)
	v.add(flags...)
	v.add(architectures...)
	v.add(filterWords...)
	v.add(fieldNames...)
	v.add(everyones...)
	return v, nil
}

func (v *vocabulary) add(words ...string) {
	for _, w := range words {
		v.all[w] = true
	}
}

// own tells whether a text is ebrec's, word for word.
func (v *vocabulary) own(text string) bool { return text == "" || v.all[text] }

// column is a column of the copy: it documents what is known, and a dictionary
// has only words of ebrec's.
func (v *vocabulary) column(c format.Column, replace replacer) format.Column {
	if !v.own(c.Unit) {
		replace(Dropped, c.Unit)
		c.Unit = ""
	}
	if c.Doc != v.Columns[c.Name].Doc {
		replace(Dropped, c.Doc)
		c.Doc = ""
	}
	class, isText := classOf(c)
	switch {
	case c.Type != format.Enum || c.Name == format.ColumnKind:
	case isText && class != Word:
		c.Type, c.Values = format.String, nil
	default:
		c.Values = slices.Clone(c.Values)
		for i, word := range c.Values {
			c.Values[i] = v.word(word, replace)
		}
	}
	return c
}

// word keeps a word of ebrec's.
func (v *vocabulary) word(text string, replace replacer) string {
	if v.own(text) {
		return text
	}
	return replace(Word, text)
}

// kinds are the kinds of the copy.
func (v *vocabulary) kinds(kinds []format.Kind, replace replacer) []format.Kind {
	done := map[string]format.Column{}
	all := slices.Clone(kinds)
	for i := range all {
		k := &all[i]
		if k.Doc != v.Kinds[k.Name].Doc {
			replace(Dropped, k.Doc)
			k.Doc = ""
		}
		k.Fields = slices.Clone(k.Fields)
		for f := range k.Fields {
			name := k.Fields[f].Name
			if _, ok := done[name]; !ok {
				done[name] = v.column(k.Fields[f].Column, replace)
			}
			k.Fields[f].Column = done[name]
		}
	}
	return all
}

// release is what a version or a kernel's release begins with.
var release = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*`)
