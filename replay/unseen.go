// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"cmp"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// UnseenReason is the loss_reason of switches that the kernel did not hand to
// the program of the recorder. Such a row tells of one interval of one CPU: from
// its last switch that was seen to the switch at the row's own time.
const UnseenReason = "unseen"

// AnyCPU is the CPU of a loss that is not counted by CPU.
const AnyCPU = 1<<16 - 1

// UnseenInterval is a time of a CPU in which switches went unseen, between two
// that were seen. Times are Unix ns.
type UnseenInterval struct {
	From, To int64
	Switches uint64 // that went unseen, at least
}

// Unseen are the intervals of a capture in which switches went unseen, and those of
// which switches that were seen may be lost.
type Unseen struct {
	byCPU map[int][]UnseenInterval // by To
	lost  []lostSwitches
}

// lostSwitches are those of a CPU, or of any, that are lost of an interval.
type lostSwitches struct {
	cpu          int
	since, until int64
}

// ReadUnseen reads the rows of a capture that tell of them.
func ReadUnseen(c *format.Capture) (*Unseen, error) {
	u := &Unseen{byCPU: map[int][]UnseenInterval{}}
	reason := c.Col("loss_reason")
	if c.Kind("loss") == nil || reason == format.NoCol {
		return u, nil
	}
	cpu, since, lost, source := c.Col(format.ColumnCPU), c.Col("since"), c.Col("lost"), c.Col("loss_source")
	for b, err := range c.Batches(format.Scan{Kinds: []string{"loss"}, Columns: []format.Col{cpu, reason, since, lost, source}}) {
		if err != nil {
			return u, err
		}
		for i := range b.Len() {
			if n := int(b.Uint(cpu, i)); n != AnyCPU && b.Str(reason, i) == UnseenReason {
				u.byCPU[n] = append(u.byCPU[n], UnseenInterval{b.Int(since, i), b.Time(i), b.Uint(lost, i)})
			} else if b.Str(source, i) == "sched" {
				u.lost = append(u.lost, lostSwitches{n, b.Int(since, i), b.Time(i)})
			}
		}
	}
	for _, all := range u.byCPU {
		slices.SortFunc(all, func(a, b UnseenInterval) int { return cmp.Compare(a.To, b.To) })
	}
	return u, nil
}

// CPUs are those that have such intervals, ascending.
func (u *Unseen) CPUs() (all []int) {
	for cpu := range u.byCPU {
		all = append(all, cpu)
	}
	slices.Sort(all)
	return all
}

// Of are the intervals of a CPU, by their end. They are shared with u.
func (u *Unseen) Of(cpu int) []UnseenInterval { return u.byCPU[cpu] }

// Before tells whether switches went unseen right before the one of a CPU at
// a time.
func (u *Unseen) Before(cpu int, at int64) bool { return u.Between(cpu, at, at) }

// Covers tells whether an instant of a CPU, or the one right before it, lies where
// switches went unseen.
func (u *Unseen) Covers(cpu int, at int64) bool {
	all := u.byCPU[cpu]
	i, _ := slices.BinarySearchFunc(all, at, func(i UnseenInterval, at int64) int { return cmp.Compare(i.To, at) })
	return i < len(all) && all[i].From < at
}

// Between tells whether switches of a CPU went unseen before one in a span, both
// ends included.
func (u *Unseen) Between(cpu int, from, to int64) bool {
	all := u.byCPU[cpu]
	i, _ := slices.BinarySearchFunc(all, from, func(i UnseenInterval, at int64) int { return cmp.Compare(i.To, at) })
	return i < len(all) && all[i].To <= to
}

// Lost tells whether switches of a CPU, or of any (-1), may be lost of an interval,
// not because they went unseen.
func (u *Unseen) Lost(cpu int, from, to int64) bool {
	return slices.ContainsFunc(u.lost, func(l lostSwitches) bool {
		return (cpu < 0 || l.cpu == cpu || l.cpu == AnyCPU) && l.since <= to && l.until >= from
	})
}
