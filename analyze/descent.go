// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"
	"sort"
)

// A Descent finds the processes that started others, among those of a list. Numbers
// come back, so a parent is the last process of its number that began before the
// child, or with it and has a lower number. Nobody descends from themselves, whatever
// a capture says.
type Descent struct {
	of    func(i int) (pid uint32, start int64)
	byPID map[uint32][]int // places in the list, by start
}

// NewDescent prepares the search among n processes; of has the number of each, and
// when it began. It is asked again by Parent.
func NewDescent(n int, of func(i int) (pid uint32, start int64)) *Descent {
	d := &Descent{of, map[uint32][]int{}}
	for i := range n {
		pid, _ := of(i)
		d.byPID[pid] = append(d.byPID[pid], i)
	}
	for _, all := range d.byPID {
		slices.SortStableFunc(all, func(a, b int) int {
			_, begunA := of(a)
			_, begunB := of(b)
			return cmp.Compare(begunA, begunB)
		})
	}
	return d
}

// Parent is the place of the process of number ppid that started the one at a place;
// -1 when the list has none.
func (d *Descent) Parent(child int, ppid uint32) int {
	pid, start := d.of(child)
	all := d.byPID[ppid]
	before := sort.Search(len(all), func(i int) bool {
		_, began := d.of(all[i])
		return began > start || began == start && ppid >= pid
	})
	if before == 0 {
		return -1
	}
	return all[before-1]
}
