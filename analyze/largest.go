// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"
)

// isLarge tells whether something is large enough to be among the most largest.
func isLarge[T any](kept []T, size uint64, most int, sizeOf func(*T) uint64) bool {
	return len(kept) < most || size > sizeOf(&kept[most-1])
}

// keepLarge adds something to the largest, which are in order, largest first; of
// equals the first stays first.
func keepLarge[T any](kept []T, x T, most int, sizeOf func(*T) uint64) []T {
	if !isLarge(kept, sizeOf(&x), most, sizeOf) {
		return kept
	}
	at, _ := slices.BinarySearchFunc(kept, sizeOf(&x), func(k T, size uint64) int {
		if sizeOf(&k) == size {
			return -1 // behind its equals
		}
		return cmp.Compare(size, sizeOf(&k))
	})
	kept = slices.Insert(kept, at, x)
	return kept[:min(len(kept), most)]
}
