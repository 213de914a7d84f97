// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// cutDoc says how a text that is longer than the capture has it is shown.
const cutDoc = "; ends in ... where it is longer, or may be (255 bytes in a capture before 1.3)"

// olderPath is all that captures before 1.3 have of a path, bytes.
const olderPath = 255

// bounded reads texts of a kind that the kernel programs bound, so that a text of
// which the end is missing is not taken for another that has none.
type bounded struct {
	text, cut format.Col
	exact     bool // a cut text is marked, and no other
}

// newBounded reads a column of a kind. The kind got the column newer as its marks
// became exact.
func newBounded(c *format.Capture, kind, column, newer string) bounded {
	k := c.Kind(kind)
	return bounded{text: c.Col(column), cut: c.Col("cut"), exact: k != nil && k.Field(newer) != nil}
}

func (b bounded) of(e replay.Event) string {
	text := e.Str(b.text)
	if b.exact && e.Uint(b.cut) != 0 || !b.exact && len(text) == olderPath {
		return text + "..."
	}
	return text
}
