// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// structure tells whether every byte that matters is sound: opening the
// capture verified each message and decoded every column.
func structure(c *format.Capture, damage []format.Damage) Verdict {
	v := Verdict{Check: "structure", Does: "every message and column can be read and has its checksum"}
	v.Says = fmt.Sprintf("%d bytes, %d columns", c.Size(), len(c.Columns()))
	if !c.Sealed() {
		v.Says += "; rewritten by another program: there are no checksums"
	}
	for _, d := range damage {
		v.find("%d bytes at %d: %s", d.Bytes, d.Offset, d.Reason)
	}
	if repair := c.Meta().Repair; repair != nil {
		for _, d := range repair.Damage {
			v.find("%d bytes were lost before it was repaired: %s", d.Bytes, d.Reason)
		}
	}
	return v
}

// metadata tells whether the capture holds what it says, and whether this
// program knows it all.
func metadata(c *format.Capture) Verdict {
	m := c.Meta()
	v := Verdict{Check: "metadata", Does: "the kinds and columns are those of its sources"}
	v.Says = fmt.Sprintf("format %s, ebrec %s, %d kinds", m.Format, m.Ebrec, len(c.Kinds()))
	if c.Newer() {
		v.Says += "; newer than this program: it may hold more than is read"
	}
	for _, k := range c.Kinds() {
		if k.Source != "recording" && !slices.Contains(m.Sources, k.Source) {
			v.find("kind %s is of source %s, which was not recorded", k.Name, k.Source)
		}
	}
	if m.CPUs <= 0 {
		v.find("it says that the machine has %d CPUs", m.CPUs)
	}
	for _, hook := range m.Missing {
		v.Says += fmt.Sprintf("; %s could not be attached", hook.Hook)
	}
	return v
}
