// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strconv"
	"time"

	"github.com/ebrec/ebrec/format"
)

// Duration writes nanoseconds as people read them, with the number and the
// unit apart: "12.3", "ms". Below 10 s it has three significant digits or
// more, above it counts seconds with one decimal.
func Duration(ns uint64) (number, unit string) {
	switch {
	case ns < 1e3:
		return strconv.FormatUint(ns, 10), "ns"
	case ns < 999_950:
		return decimals(float64(ns)/1e3, 1), "us"
	case ns < 999_950_000:
		return decimals(float64(ns)/1e6, 1), "ms"
	case ns < 100e9:
		return decimals(float64(ns)/1e9, 3), "s"
	}
	return decimals(float64(ns)/1e9, 1), "s"
}

// Bytes writes a size as people read it; 1 KB is 1,000 bytes.
func Bytes(n uint64) (number, unit string) {
	switch {
	case n < 1e3:
		return strconv.FormatUint(n, 10), "B"
	case n < 999_950:
		return decimals(float64(n)/1e3, 1), "KB"
	case n < 999_950_000:
		return decimals(float64(n)/1e6, 1), "MB"
	}
	return decimals(float64(n)/1e9, 1), "GB"
}

func decimals(v float64, n int) string { return strconv.FormatFloat(v, 'f', n, 64) }

// SpacedDuration is a duration as in tables: 12.3 ms.
func SpacedDuration(ns uint64) string { return spaced(Duration(ns)) }

// SpacedBytes is a size as in tables: 12.3 KB.
func SpacedBytes(n uint64) string { return spaced(Bytes(n)) }

func spaced(number, unit string) string { return number + " " + unit }

// brief puts number and unit together for a line of text.
func brief(number, unit string) string { return number + unit }

// Zone is the recorded host's UTC offset, in which text shows the time of day.
func Zone(m *format.Metadata) *time.Location { return time.FixedZone("", m.UTCOffset) }
