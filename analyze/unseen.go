// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

const unseenTitle = "Longest intervals in which switches went unseen"

var unseenColumns = []ColumnSpec{
	{Name: "cpu", Doc: "number of the CPU"},
	{Name: "since", Unit: unitInstant, Doc: "last switch that was seen before"},
	{Name: "time", Unit: unitInstant, Doc: "first switch that was seen after"},
	{Name: "interval_ns", Unit: unitNS, Doc: "from since to time"},
	{Name: "lost", Unit: unitCount, Doc: "switches that went unseen, at least"},
}

// unseenInterval is one of a CPU.
type unseenInterval struct {
	cpu      int
	from, to int64
	switches uint64
}

func (i *unseenInterval) size() uint64 { return uint64(max(0, i.to-i.from)) }

// unseenIntervals are those of a capture: how many, and the longest.
type unseenIntervals struct {
	n       int
	cpus    map[int]bool
	longest []unseenInterval

	since, lost, reason format.Col
}

func newUnseenIntervals(c *format.Capture) unseenIntervals {
	return unseenIntervals{cpus: map[int]bool{}, since: c.Col("since"), lost: c.Col("lost"), reason: c.Col("loss_reason")}
}

// event takes a row of kind loss.
func (u *unseenIntervals) event(e replay.Event) {
	if e.Str(u.reason) != replay.UnseenReason || e.CPU() == replay.AnyCPU {
		return
	}
	u.n++
	u.cpus[e.CPU()] = true
	u.longest = keepLarge(u.longest, unseenInterval{e.CPU(), e.Int(u.since), e.Time(), e.Uint(u.lost)}, worstIntervals, (*unseenInterval).size)
}

// of tells whether a CPU has any.
func (u *unseenIntervals) of(cpu int) bool { return u.cpus[cpu] }

func (u *unseenIntervals) table() Table {
	t := Table{Title: unseenTitle, Columns: unseenColumns, Own: true}
	for _, i := range u.longest {
		t.Rows = append(t.Rows, []Value{uint64(i.cpu), i.from, i.to, i.size(), i.switches})
	}
	return t
}

// sentence says what it means that there are any.
func (u *unseenIntervals) sentence(ns uint64) string {
	return fmt.Sprintf("Switches went unseen in %d intervals of CPUs: nobody is known to have had %s.", u.n, duration(ns))
}
