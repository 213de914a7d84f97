// SPDX-License-Identifier: Apache-2.0

package replay

import "github.com/ebrec/ebrec/format"

// Readings are the instants at which the recorder read the sums, in Unix ns,
// oldest first. Reading takes a while: a row of sums that says of a thread or
// CPU how it is, and not that it ended, belongs to the last reading before it.
func (r *Reader) Readings() ([]int64, error) {
	var at []int64
	seen := map[int]bool{}
	s := Select{Kinds: r.present("cpu_sum"), Columns: []format.Col{}}
	if len(s.Kinds) == 0 {
		return nil, nil
	}
	for e, err := range r.Events(s) {
		if err != nil {
			return nil, err
		}
		if len(at) == 0 || seen[e.CPU()] {
			at = append(at, e.Time())
			clear(seen)
		}
		seen[e.CPU()] = true
	}
	return at, nil
}

// Behind are the first two readings behind an instant; 0: there is none. What was
// used up to the instant is bounded by the rows of sums before the second.
func Behind(at []int64, instant int64) (first, second int64) {
	if _, first = Reading(at, instant); first != 0 {
		_, second = Reading(at, first)
	}
	return first, second
}

// Reading is the last reading up to an instant and the one after it; 0: none.
func Reading(at []int64, instant int64) (last, next int64) {
	for _, t := range at {
		if t > instant {
			return last, t
		}
		last = t
	}
	return last, 0
}
