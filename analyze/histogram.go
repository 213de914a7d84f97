// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math"
	"strings"
)

// barCells is how long the longest bar is.
const barCells = 40

// eighths are a cell filled from the left by so many eighths.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar draws a number against the largest one. What is not zero shows.
func bar(n, most uint64) Value {
	if n == 0 || most == 0 {
		return nil
	}
	parts := max(1, int(float64(n)/float64(most)*barCells*8+0.5))
	return strings.Repeat("█", parts/8) + eighths[parts%8]
}

// histogram has a row for each power of two between the shortest duration and
// the longest.
func histogram(title string, columns []ColumnSpec, l *latencies) Table {
	t := Table{Title: title, Columns: columns, Own: true}
	first, last, most := -1, -1, uint64(0)
	lengths := l.lengths()
	for i, n := range lengths {
		if n == 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		last, most = i, max(most, n)
	}
	for i := max(first, 0); i <= last; i++ {
		from, to := uint64(0), uint64(1)
		if i > 0 {
			from, to = 1<<(i-1), 1<<i
		}
		if i == 64 { // the next power of two is no number of 64 bits
			to = math.MaxUint64
		}
		if lengths[i] == 0 && first == 0 && len(t.Rows) == 1 { // those between 0 and the least that is more
			continue
		}
		t.Rows = append(t.Rows, []Value{from, to, lengths[i], bar(lengths[i], most)})
	}
	return t
}
