// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// exactLimit is how many values latencies keeps one by one: with more of them
// the buckets are smaller.
const exactLimit = 2_000

// latencies gives percentiles of any number of durations, or sizes, in bounded memory:
// exact ones up to exactLimit values, beyond that from buckets whose width is
// 1/128 of the value, so that a percentile is within 0.4% (half a bucket). The
// largest value is always exact. The zero value is empty.
type latencies struct {
	recent  []uint64  // all values, or those that are not in buckets yet
	octaves []*octave // by number; nil up to exactLimit values
	count   uint64
	sum     uint64
	largest uint64
}

// octave are the buckets of values that are as long in binary, and how many
// values are in each.
type octave [1 << subBits]uint64

// add is called for each event, of many rows in turn: values go to their buckets
// by the thousand, so that those need not be in the processor's cache meanwhile.
func (l *latencies) add(ns uint64) {
	l.count++
	l.sum += ns
	l.largest = max(l.largest, ns)
	if len(l.recent) >= exactLimit {
		l.fold()
	}
	l.recent = append(l.recent, ns)
}

// addMany adds n values of which the sum is known and the largest may be (0: it
// is not): each counts as their average.
func (l *latencies) addMany(n, sum, largest uint64) {
	if n == 0 {
		return
	}
	l.fold()
	b := bucket(sum / n)
	l.octave(b >> subBits)[b&(1<<subBits-1)] += n
	l.count += n
	l.sum += sum
	l.largest = max(l.largest, largest, sum/n)
}

// fold moves the values into buckets.
func (l *latencies) fold() {
	if l.octaves == nil {
		l.octaves = make([]*octave, bucket(math.MaxUint64)>>subBits+1)
	}
	for _, ns := range l.recent {
		b := bucket(ns)
		l.octave(b >> subBits)[b&(1<<subBits-1)]++
	}
	l.recent = l.recent[:0]
}

func (l *latencies) octave(number uint32) *octave {
	o := l.octaves[number]
	if o == nil {
		o = new(octave)
		l.octaves[number] = o
	}
	return o
}

func (l *latencies) folded() bool { return l.octaves != nil }

// foldedNote says what that does to the rows of a table, by what they count.
func foldedNote(counted string) string {
	return fmt.Sprintf("Rows of more than %d %s have percentiles that are true within 0.4%%; all other figures are exact.", exactLimit, counted)
}

// merge adds the values of another.
func (l *latencies) merge(o *latencies) {
	count, sum := l.count+o.count, l.sum+o.sum
	for _, ns := range o.recent {
		l.add(ns)
	}
	if !o.folded() {
		return
	}
	l.fold()
	l.count, l.sum = count, sum
	l.largest = max(l.largest, o.largest)
	for i, from := range o.octaves {
		if from == nil {
			continue
		}
		to := l.octave(uint32(i))
		for j, n := range from {
			to[j] += n
		}
	}
}

// lengths counts the values by the length of their binary number: 0 for 0, n
// for those from 2^(n-1) to below 2^n.
func (l *latencies) lengths() (n [65]uint64) {
	for _, ns := range l.recent {
		n[bits.Len64(ns)]++
	}
	for i, o := range l.octaves {
		if o == nil {
			continue
		}
		for j, count := range o {
			n[bits.Len64(middle(uint32(i<<subBits+j)))] += count
		}
	}
	return n
}

// percentile is the nearest-rank percentile: the least value that at least p
// percent of the values do not exceed. It is nil when there are no values.
func (l *latencies) percentile(p float64) Value {
	if l.count == 0 {
		return nil
	}
	rank := uint64(math.Ceil(p / 100 * float64(l.count)))
	rank = min(max(rank, 1), l.count)
	if !l.folded() {
		slices.Sort(l.recent)
		return l.recent[rank-1]
	}
	l.fold()
	if rank == l.count {
		return l.largest
	}
	for i, o := range l.octaves {
		if o == nil {
			continue
		}
		for j, n := range o {
			if rank <= n {
				return min(middle(uint32(i<<subBits+j)), l.largest)
			}
			rank -= n
		}
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

// average is rounded down, 0 when there are no values.
func (l *latencies) average() uint64 {
	if l.count == 0 {
		return 0
	}
	return l.sum / l.count
}

// typical is the average, nil when there are no values.
func (l *latencies) typical() Value {
	if l.count == 0 {
		return nil
	}
	return l.average()
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
