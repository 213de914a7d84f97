// SPDX-License-Identifier: Apache-2.0

package check

import (
	_ "embed"
	"maps"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// knownText is what this version records: a line for each kind, with its
// source, name and columns. A test makes it from the kernel programs, which
// this package must not read itself: it works without the eBPF library.
//
//go:embed known.txt
var knownText string

// knownKind is a kind that this version records.
type knownKind struct {
	source  string
	columns []string
}

func knownKinds() map[string]knownKind {
	kinds := map[string]knownKind{}
	for line := range strings.Lines(knownText) {
		f := strings.Fields(line)
		kinds[f[1]] = knownKind{f[0], f[2:]}
	}
	return kinds
}

// missingKinds are the kinds of recorded sources that the capture does not
// have, although its version has them. What other versions have is not known.
func missingKinds(c *format.Capture) (names []string) {
	if c.Meta().Format != format.Version {
		return nil
	}
	known := knownKinds()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		source := known[name].source
		if (source == "recording" || slices.Contains(c.Meta().Sources, source)) && c.Kind(name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// strange lists the kinds and columns that this version does not know, and
// those columns that a kind should have and has not.
func strange(c *format.Capture) (unknown, lacking []string) {
	known := knownKinds()
	columns := map[string]bool{}
	for _, k := range known {
		for _, name := range k.columns {
			columns[name] = true
		}
	}
	for _, k := range c.Kinds() {
		if _, ok := known[k.Name]; !ok {
			unknown = append(unknown, "kind "+k.Name)
		}
		for _, name := range known[k.Name].columns {
			if c.Meta().Format == format.Version && k.Field(name) == nil {
				lacking = append(lacking, k.Name+"."+name)
			}
		}
	}
	for _, col := range c.Columns() {
		if !columns[col.Name] {
			unknown = append(unknown, "column "+col.Name)
		}
	}
	return unknown, lacking
}
