// SPDX-License-Identifier: Apache-2.0

package dataset

// codes are the numbers that the library's dictionary of a chunk has for values. It
// numbers them as they come for the first time; to look them up there costs several
// times as much as everything else that is done for a value.
type codes struct {
	of    []int32 // by value: the number and one; 0: it did not come yet
	known int32
	large bool // a value came that has no place here
}

// mostCoded is more than any CPU's number or priority.
const mostCoded = 1 << 13

func (c *codes) reset() {
	clear(c.of)
	c.known, c.large = 0, false
}

// find finds the numbers of values, unless one of them has none yet.
func (c *codes) find(values []uint64, into []int32) bool {
	if c.large || c.known == 0 {
		return false
	}
	for i, x := range values {
		if x >= mostCoded || c.of[x] == 0 {
			return false
		}
		into[i] = c.of[x] - 1
	}
	return true
}

// learn numbers values as the dictionary does that they are put into.
func (c *codes) learn(values []uint64) {
	if c.of == nil {
		c.of = make([]int32, mostCoded)
	}
	for _, x := range values {
		if x >= mostCoded {
			c.large = true
		}
		if c.large {
			return
		}
		if c.of[x] == 0 {
			c.known++
			c.of[x] = c.known
		}
	}
}
