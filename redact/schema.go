// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// prefix is that of ebrec's keys of metadata.
const prefix = "ebrec."

// Keys of metadata by what their values are in a copy: numbers and times, words
// of ebrec's and of its schema, or text, some of which is pseudonyms. There are
// no others in a copy. A test holds them against the format.
var (
	numberKeys = []string{"format", "cpus", "start", "boot_offset_ns", "utc_offset_s", "window"}
	wordKeys   = []string{"sources", "kinds"}
	textKeys   = []string{"version", "host", "kernel", "arch", "boot_id", "filter", "command", "missing", "repair"}
	// fieldNames are those within JSON values.
	fieldNames = []string{"from", "to", "cut", "end", "damage", "offset", "bytes", "source", "hook", "loses", "reason", "id", "name", "doc", "hot", "columns", "null", "true", "false"}
)

// decided tells whether a pair of metadata is one that is known.
func decided(key string) bool {
	name, ours := strings.CutPrefix(key, prefix)
	return ours && (slices.Contains(numberKeys, name) || slices.Contains(wordKeys, name) || slices.Contains(textKeys, name))
}

// publicTexts are ebrec's own words and numbers, as they stand in the copy.
func (p *prover) publicTexts() (all []string) {
	for word := range p.own.all {
		all = append(all, word)
	}
	strange := p.strange()
	for key, value := range p.copy.Pairs() {
		all = append(all, key)
		if slices.Contains(textKeys, strings.TrimPrefix(key, prefix)) {
			continue
		}
		for _, text := range strange { // what is around it is public
			value = strings.ReplaceAll(value, text, "\x00")
		}
		escaped, _ := json.Marshal(value) // of a string it cannot fail
		all = append(all, value, string(escaped))
	}
	m := p.copy.Meta()
	return append(all, release.FindString(m.Kernel), release.FindString(m.Ebrec))
}

// strange are the texts of the schema that are not ebrec's own, as JSON has them.
func (p *prover) strange() (all []string) {
	add := func(texts ...string) {
		for _, text := range texts {
			if !p.own.own(text) {
				escaped, _ := json.Marshal(text)
				all = append(all, string(escaped[1:len(escaped)-1]))
			}
		}
	}
	add(p.copy.Meta().Sources...)
	for _, k := range p.copy.Kinds() {
		add(k.Name, k.Source, k.Doc)
	}
	for _, c := range p.copy.Columns() {
		add(c.Name)
	}
	return all
}

// schema searches what describes the rows: columns, kinds and metadata.
func (p *prover) schema(context.Context) error {
	for _, c := range p.copy.Columns() {
		if err := p.structure("the schema's column "+c.Name, c.Name, c.Unit, c.Doc); err != nil {
			return err
		}
		for _, word := range c.Values {
			var err error
			if c.Name == format.ColumnKind {
				err = p.structure("the list of kinds", word)
			} else if !p.own.own(word) {
				err = p.replaced(Word, word, "the dictionary of column "+c.Name)
			}
			if err != nil {
				return err
			}
		}
	}
	for _, k := range p.copy.Kinds() {
		if err := p.structure("kind "+k.Name, k.Name, k.Source, k.Doc); err != nil {
			return err
		}
	}
	return p.metadata()
}

// structure searches texts that name parts of the schema: a later version of
// ebrec has more of them than this one knows.
func (p *prover) structure(where string, texts ...string) error {
	for _, text := range texts {
		if p.own.own(text) {
			continue
		}
		if err := p.apart(text, where); err != nil {
			return err
		}
	}
	return nil
}

func (p *prover) metadata() (err error) {
	for key, value := range p.copy.Pairs() {
		name := strings.TrimPrefix(key, prefix)
		if !decided(key) {
			return fmt.Errorf("prove %s: it has metadata %s, which no copy has", p.copy.Path(), key)
		}
		if slices.Contains(textKeys, name) {
			if err := p.apart(value, "metadata "+key); err != nil {
				return err
			}
		}
	}
	m := p.copy.Meta()
	if err := p.structure("metadata ebrec.sources", m.Sources...); err != nil {
		return err
	}
	p.own.metadata(m, func(class Class, text string) string {
		if found := p.replaced(class, text, "metadata of class "+string(class)); err == nil {
			err = found
		}
		return text
	})
	return err
}
