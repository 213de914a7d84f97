// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"slices"

	"github.com/ebrec/ebrec/format"
)

// UnseenReason is the loss_reason of switches that the kernel did not hand to
// the program of the recorder. Such a row tells of one interval of one CPU: from
// its last switch that was seen to the switch at the row's own time.
const UnseenReason = "unseen"

// AnyCPU is the CPU of a loss that is not counted by CPU.
const AnyCPU = 1<<16 - 1

// Unseen are the switches of a capture before which others went unseen.
type Unseen struct {
	byCPU map[int][]int64 // times, ascending
}

// ReadUnseen reads the rows of a capture that tell of them.
func ReadUnseen(c *format.Capture) (*Unseen, error) {
	u := &Unseen{byCPU: map[int][]int64{}}
	reason := c.Col("loss_reason")
	if c.Kind("loss") == nil || reason == format.NoCol {
		return u, nil
	}
	cpu := c.Col(format.ColumnCPU)
	for b, err := range c.Batches(format.Scan{Kinds: []string{"loss"}, Columns: []format.Col{cpu, reason}}) {
		if err != nil {
			return u, err
		}
		for i := range b.Len() {
			if b.Str(reason, i) == UnseenReason {
				n := int(b.Uint(cpu, i))
				u.byCPU[n] = append(u.byCPU[n], b.Time(i))
			}
		}
	}
	for _, times := range u.byCPU {
		slices.Sort(times)
	}
	return u, nil
}

// Of are the times of a CPU's switches before which others went unseen,
// ascending. They are shared with u.
func (u *Unseen) Of(cpu int) []int64 { return u.byCPU[cpu] }

// Before tells whether switches went unseen right before the one of a CPU at
// a time.
func (u *Unseen) Before(cpu int, at int64) bool {
	_, found := slices.BinarySearch(u.byCPU[cpu], at)
	return found
}

// Between tells whether switches of a CPU went unseen before one in a span, both
// ends included.
func (u *Unseen) Between(cpu int, from, to int64) bool {
	times := u.byCPU[cpu]
	i, _ := slices.BinarySearch(times, from)
	return i < len(times) && times[i] <= to
}
