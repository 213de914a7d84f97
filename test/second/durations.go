// SPDX-License-Identifier: Apache-2.0

package second

import "slices"

// durations are all of one kind.
type durations []uint64

func (d durations) sum() (n uint64) {
	for _, ns := range d {
		n += ns
	}
	return n
}

// rank is the nearest-rank percentile; nil: there are none.
func (d durations) rank(percent int) any {
	if len(d) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[(len(d)*percent+99)/100-1]
}

func (d durations) average() any {
	if len(d) == 0 {
		return nil
	}
	return d.sum() / uint64(len(d))
}
