// SPDX-License-Identifier: Apache-2.0

package second

import (
	"maps"
	"slices"
)

// inSummary are the tables of summary, and how the rows are ordered that it has a few of:
// the first ones have the largest.
var inSummary = map[string]struct {
	rows func(r *recording) [][]any
	few  func(row []any) uint64
}{
	"Processes":               {busiest, func(row []any) uint64 { return row[4].(uint64) }},
	"CPUs":                    {cpuShares, nil},
	"Failures":                {failedLives, func(row []any) uint64 { return row[len(row)-1].(uint64) }},
	"Longest waits for a CPU": {func(r *recording) [][]any { return longestWaits(r, "") }, func(row []any) uint64 { return row[1].(uint64) }},
	"TCP connections":         {byDirection, nil},
}

// some columns of a row.
func columns(row []any, at ...int) (some []any) {
	for _, i := range at {
		some = append(some, row[i])
	}
	return some
}

// busiest are the processes of users, in the columns that summary has. It is by the sums, of
// a span too.
func busiest(r *recording) (rows [][]any) {
	for _, row := range r.bySums().rows("process", true) {
		if row[len(row)-1] == "user" {
			rows = append(rows, columns(row, 0, 2, 3, 4, 7, 8, 9, 10))
		}
	}
	return rows
}

// cpuShares is what CPUs did.
func cpuShares(r *recording) (rows [][]any) {
	u := r.bySums()
	for _, cpu := range slices.Sorted(maps.Keys(u.idle)) {
		busy := uint64(u.to-u.from) - u.idle[cpu] - u.unseen[cpu]
		rows = append(rows, []any{cpu, u.percent(busy), u.idle[cpu], u.unseen[cpu]})
	}
	return rows
}

// failedLives are the processes that ended otherwise than with status 0, and behind the
// columns of the table when they did.
func failedLives(r *recording) (rows [][]any) {
	for _, row := range lifetimes(r, "process") {
		if bad := row[13] == "exited" && (row[10] != nil && row[10] != uint64(0) || row[11] != nil && row[11] != uint64(0)); bad {
			rows = append(rows, append(columns(row, 0, 2, 4, 5, 9, 10, 11), uint64(row[8].(int64))+row[9].(uint64)))
		}
	}
	return rows
}

// byDirection adds connections up by who opened them.
func byDirection(r *recording) (rows [][]any) {
	for _, direction := range []string{"active", "passive", "unknown"} {
		n, failed, requests, longest := uint64(0), uint64(0), uint64(0), any(nil)
		sums := []any{uint64(0), uint64(0), uint64(0)}
		for _, row := range tcplat(r, "connection") {
			if row[6] != direction {
				continue
			}
			n++
			over := !slices.Contains([]any{"closed", "closing", "open", "unknown"}, row[len(row)-1])
			if over {
				failed++
			}
			requests += row[11].(uint64)
			if ns, told := row[15].(uint64); told && (longest == nil || ns > longest.(uint64)) {
				longest = ns
			}
			for i, figure := range row[len(row)-5 : len(row)-2] {
				sums[i] = both(sums[i], figure, over)
			}
		}
		if n > 0 {
			rows = append(rows, append([]any{direction, n, failed, requests, longest}, sums...))
		}
	}
	return rows
}

// both adds a figure; nil: it is not known. What failed need not have one.
func both(sum, figure any, failed bool) any {
	if figure == nil && failed {
		return sum
	}
	if sum == nil || figure == nil {
		return nil
	}
	return sum.(uint64) + figure.(uint64)
}
