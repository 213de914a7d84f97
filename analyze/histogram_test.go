// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A histogram has every power of two between the shortest and the longest, also
// those that no duration has; behind 0 it goes on with the shortest that is more.
func TestHistogramRows(t *testing.T) {
	type row [3]uint64
	for name, c := range map[string]struct {
		ns   []uint64
		want []row
	}{
		"a gap behind the first": {[]uint64{2, 3, 20}, []row{{2, 4, 2}, {4, 8, 0}, {8, 16, 0}, {16, 32, 1}}},
		"a gap behind zero":      {[]uint64{0, 20, 100}, []row{{0, 1, 1}, {16, 32, 1}, {32, 64, 0}, {64, 128, 1}}},
		"the longest":            {[]uint64{1<<63 - 1, 1 << 63, math.MaxUint64}, []row{{1 << 62, 1 << 63, 1}, {1 << 63, math.MaxUint64, 2}}},
		"one":                    {[]uint64{7}, []row{{4, 8, 1}}},
		"none":                   {nil, nil},
	} {
		var l latencies
		for _, ns := range c.ns {
			l.add(ns)
		}
		var got []row
		for _, r := range histogram("", histogramColumns, &l).Rows {
			got = append(got, row{r[0].(uint64), r[1].(uint64), r[2].(uint64)})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Rates are rounded, not cut off, and of any number.
func TestPerSecond(t *testing.T) {
	for _, c := range []struct {
		n, ns uint64
		want  Value
	}{{2, 3e9, 0.667}, {1, 3e9, 0.333}, {1 << 40, 1e9, float64(1 << 40)}, {20_000_000, 1e9, 2e7}, {1, 0, nil}} {
		if got := perSecond(c.n, c.ns); got != c.want {
			t.Errorf("%d in %d ns are %v a second, want %v", c.n, c.ns, got, c.want)
		}
	}
}
