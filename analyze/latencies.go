// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math"
	"math/bits"
	"slices"
)

// exactLimit is how many values latencies keeps one by one.
const exactLimit = 10_000

// latencies gives percentiles of any number of durations in bounded memory:
// exact ones up to exactLimit values, beyond that from buckets whose width is
// 1/128 of the value, so that a percentile is within 0.4% (half a bucket). The
// largest value is always exact. The zero value is empty.
type latencies struct {
	exact   []uint64
	buckets map[uint32]uint64
	count   uint64
	largest uint64
}

func (l *latencies) add(ns uint64) {
	l.count++
	l.largest = max(l.largest, ns)
	if l.buckets != nil {
		l.buckets[bucket(ns)]++
		return
	}
	l.exact = append(l.exact, ns)
	if len(l.exact) > exactLimit {
		l.fold()
	}
}

// fold moves the values into buckets.
func (l *latencies) fold() {
	l.buckets = map[uint32]uint64{}
	for _, ns := range l.exact {
		l.buckets[bucket(ns)]++
	}
	l.exact = nil
}

func (l *latencies) folded() bool { return l.buckets != nil }

// percentile is the nearest-rank percentile: the least value that at least p
// percent of the values do not exceed. It is nil when there are no values.
func (l *latencies) percentile(p float64) Value {
	if l.count == 0 {
		return nil
	}
	rank := uint64(math.Ceil(p / 100 * float64(l.count)))
	rank = min(max(rank, 1), l.count)
	if !l.folded() {
		slices.Sort(l.exact)
		return l.exact[rank-1]
	}
	if rank == l.count {
		return l.largest
	}
	keys := make([]uint32, 0, len(l.buckets))
	for k := range l.buckets {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if n := l.buckets[k]; rank > n {
			rank -= n
			continue
		}
		return min(middle(k), l.largest)
	}
	return l.largest
}

// max is nil when there are no values.
func (l *latencies) max() Value {
	if l.count == 0 {
		return nil
	}
	return l.largest
}

// subBits is the bits of a value that a bucket keeps below its leading one.
const subBits = 7

// bucket numbers rise with the value; values below 2^(subBits+1) have one each.
func bucket(v uint64) uint32 {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return uint32(shift)<<subBits + uint32(v>>shift)
}

// middle is the value in the middle of a bucket.
func middle(b uint32) uint64 {
	shift := max(int(b>>subBits)-1, 0)
	low := uint64(b-uint32(shift)<<subBits) << shift
	return low + (uint64(1)<<shift)/2
}
