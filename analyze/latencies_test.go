// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPercentileIsNearestRank(t *testing.T) {
	for _, test := range []struct {
		values   []uint64
		p50, p99 Value
		greatest Value
	}{
		{nil, nil, nil, nil},
		{[]uint64{7}, uint64(7), uint64(7), uint64(7)},
		{[]uint64{2, 1}, uint64(1), uint64(2), uint64(2)},
		{[]uint64{3, 1, 2}, uint64(2), uint64(3), uint64(3)},
		{upTo(100), uint64(50), uint64(99), uint64(100)},
		{upTo(101), uint64(51), uint64(100), uint64(101)},
	} {
		var l latencies
		for _, v := range test.values {
			l.add(v)
		}
		if p50, p99, greatest := l.percentile(50), l.percentile(99), l.max(); p50 != test.p50 || p99 != test.p99 || greatest != test.greatest {
			t.Errorf("%d values: %v %v %v, want %v %v %v", len(test.values), p50, p99, greatest, test.p50, test.p99, test.greatest)
		}
	}
}

func upTo(n uint64) (all []uint64) {
	for v := n; v > 0; v-- {
		all = append(all, v)
	}
	return all
}

// Beyond the exact limit percentiles are within the error that is stated.
func TestPercentileOfBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var l latencies
	var all []uint64
	for range 5 * exactLimit {
		v := uint64(math.Exp(rng.Float64() * 25))
		all = append(all, v)
		l.add(v)
	}
	slices.Sort(all)
	for _, p := range []float64{0, 1, 50, 90, 99, 99.9, 100} {
		rank := max(int(math.Ceil(p/100*float64(len(all)))), 1)
		want := float64(all[rank-1])
		if got := float64(l.percentile(p).(uint64)); math.Abs(got-want) > 0.004*want+0.5 {
			t.Errorf("percentile %v = %v, want %v", p, got, want)
		}
	}
	if !l.folded() || l.max() != all[len(all)-1] || len(l.recent) != 0 {
		t.Errorf("folded %v, max %v", l.folded(), l.max())
	}
}

// Merging gives what adding all values to one would, whichever are folded.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, sizes := range [][]int{{}, {0, 0}, {3, 4}, {exactLimit, 1}, {exactLimit + 1, 5}, {5, exactLimit + 1, 7}, {2 * exactLimit, 3 * exactLimit}} {
		var merged, all latencies
		for _, n := range sizes {
			var part latencies
			for range n {
				v := uint64(math.Exp(rng.Float64()*25)) - 1
				part.add(v)
				all.add(v)
			}
			merged.merge(&part)
		}
		if merged.count != all.count || merged.largest != all.largest || merged.folded() != all.folded() || merged.lengths() != all.lengths() {
			t.Errorf("%v: %d values up to %d, want %d up to %d", sizes, merged.count, merged.largest, all.count, all.largest)
		}
		for _, p := range []float64{0, 50, 99, 100} {
			if got, want := merged.percentile(p), all.percentile(p); got != want {
				t.Errorf("%v: percentile %v is %v, want %v", sizes, p, got, want)
			}
		}
	}
}

// Values are counted by length whether they are kept or in buckets.
func TestLengths(t *testing.T) {
	var l latencies
	var want [65]uint64
	for i := range exactLimit + 10 {
		v := uint64(1)<<(i%64) - uint64(i%2)
		want[bits.Len64(v)]++
		l.add(v)
	}
	if got := l.lengths(); !l.folded() || got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// Every value's bucket has a middle within half a bucket, and buckets are in
// the order of their values.
func TestBuckets(t *testing.T) {
	last := uint32(0)
	for v := uint64(0); v < 1<<62; v += v/300 + 1 {
		b := bucket(v)
		if b < last {
			t.Fatalf("bucket(%d) = %d after %d", v, b, last)
		}
		last = b
		if m := middle(b); math.Abs(float64(m)-float64(v)) > float64(v)/256 {
			t.Fatalf("middle(bucket(%d)) = %d", v, m)
		}
	}
	if m := middle(bucket(math.MaxUint64)); m < math.MaxUint64-1<<57 {
		t.Errorf("middle of the last bucket is %d", m)
	}
}
