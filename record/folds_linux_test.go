// SPDX-License-Identifier: Apache-2.0

package record

import (
	"math"
	"testing"
)

// The durations that begin a bucket are those that metrics.md promises: 0, then
// four to each power of two from 1,024 ns on.
func TestFoldBuckets(t *testing.T) {
	for b, want := range []uint64{0, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096} {
		if got := foldFrom(b); got != want {
			t.Errorf("bucket %d begins with %d ns, want %d", b, got, want)
		}
	}
	for b := range foldBuckets {
		from := foldFrom(b)
		if got := foldOf(from); got != b {
			t.Errorf("%d ns are in bucket %d, want %d", from, got, b)
		}
		if b > 0 && foldOf(from-1) != b-1 {
			t.Errorf("%d ns are in bucket %d, want %d", from-1, foldOf(from-1), b-1)
		}
	}
	if got := foldOf(math.MaxUint64); got != foldBuckets-1 {
		t.Errorf("the longest duration is in bucket %d, want the last", got)
	}
}
