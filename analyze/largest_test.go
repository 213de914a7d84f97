// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// The largest are what a stable sort has first.
func TestKeepLarge(t *testing.T) {
	type sized struct{ size, number uint64 }
	sizeOf := func(s *sized) uint64 { return s.size }
	random := rand.New(rand.NewPCG(7, 8))
	for n := range 40 {
		var all, kept []sized
		for i := range n {
			x := sized{random.Uint64N(8), uint64(i)}
			all = append(all, x)
			kept = keepLarge(kept, x, 10, sizeOf)
		}
		slices.SortStableFunc(all, func(a, b sized) int { return cmp.Compare(b.size, a.size) })
		if want := all[:min(n, 10)]; !slices.Equal(kept, want) {
			t.Fatalf("of %d: %v, want %v", n, kept, want)
		}
	}
}
