// SPDX-License-Identifier: Apache-2.0

package analyze

import "github.com/olekukonko/tablewriter/pkg/twwidth"

const (
	gap       = 2  // cells between columns
	leastText = 12 // cells of a name that are never cut off
)

// widen makes columns wide enough for a line.
func widen(widths []int, line []string) {
	for i := range widths {
		widths[i] = max(widths[i], twwidth.Width(line[i]))
	}
}

// fit makes the widest columns of text narrower until lines have at most so many
// cells; 0: it leaves them. Names of columns and numbers are never cut, so a line
// may stay longer.
func fit(columns []ColumnSpec, header []string, widths []int, most int) {
	if most <= 0 {
		return
	}
	all := -gap
	for i := range columns {
		all += widths[i] + gap
	}
	for all > most {
		widest := -1
		for i := range columns {
			if columns[i].Text && widths[i] > max(leastText, twwidth.Width(header[i])) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
		all--
	}
}

// cut cuts the cells of a line to their columns.
func cut(line []string, widths []int) {
	for i := range line {
		if twwidth.Width(line[i]) > widths[i] {
			line[i] = twwidth.Truncate(line[i], widths[i], "…")
		}
	}
}
