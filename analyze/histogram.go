// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math/bits"
	"strings"
)

// bitLength is the histogram's row of a value: 0 for 0, n for those from
// 2^(n-1) to below 2^n.
func bitLength(v uint64) int { return bits.Len64(v) }

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
