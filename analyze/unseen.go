// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"

	"github.com/ebrec/ebrec/replay"
)

const unseenTitle = "Longest intervals in which switches went unseen"

var unseenColumns = []ColumnSpec{
	{Name: "cpu", Doc: "number of the CPU"},
	{Name: "since", Unit: unitInstant, Doc: "last switch that was seen before"},
	{Name: "time", Unit: unitInstant, Doc: "first switch that was seen after, or the end of the recording"},
	{Name: "interval_ns", Unit: unitNS, Doc: "from since to time"},
	{Name: "lost", Unit: unitCount, Doc: "switches that went unseen, at least"},
}

// unseenInterval is one of a CPU.
type unseenInterval struct {
	cpu int
	replay.UnseenInterval
}

func (i *unseenInterval) size() uint64 { return uint64(max(0, i.To-i.From)) }

// unseenIntervals are those of a capture: how many, and the longest.
type unseenIntervals struct {
	n       int
	all     *replay.Unseen
	longest []unseenInterval
}

func newUnseenIntervals(all *replay.Unseen, end int64) unseenIntervals {
	u := unseenIntervals{all: all}
	for _, cpu := range all.CPUs() {
		for _, i := range all.Of(cpu) {
			if i.From >= end {
				continue
			}
			u.n++
			u.longest = keepLarge(u.longest, unseenInterval{cpu, i}, worstIntervals, (*unseenInterval).size)
		}
	}
	return u
}

// of tells whether a CPU has any.
func (u *unseenIntervals) of(cpu int) bool { return len(u.all.Of(cpu)) > 0 }

func (u *unseenIntervals) table() Table {
	t := Table{Title: unseenTitle, Columns: unseenColumns, Own: true}
	for _, i := range u.longest {
		t.Rows = append(t.Rows, []Value{uint64(i.cpu), i.From, i.To, i.size(), i.Switches})
	}
	return t
}

// sentence says what it means that there are any.
func (u *unseenIntervals) sentence(ns uint64) string {
	return fmt.Sprintf("Switches went unseen in %d intervals of CPUs: nobody is known to have had %s.", u.n, duration(ns))
}
