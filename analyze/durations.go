// SPDX-License-Identifier: Apache-2.0

package analyze

import "math/bits"

// Durations are those of one kind, with percentiles of all, and by step how many
// there were of which length.
type Durations struct {
	all    latencies
	blocks [mostSteps]*lengths // by step; nil: none
}

// lengths counts durations by a coarse length: four to each power of two.
type lengths struct {
	count uint64
	by    [4 * 65]uint64
}

// coarse is the number of a coarse length; it rises with the duration.
func coarse(ns uint64) int {
	n := bits.Len64(ns)
	if n < 3 {
		return 4 * n
	}
	return 4*n + int(ns>>(n-3)&3)
}

func (d *Durations) add(i int, ns uint64) {
	d.all.add(ns)
	b := d.block(i)
	b.count++
	b.by[coarse(ns)]++
}

func (d *Durations) block(i int) *lengths {
	if d.blocks[i] == nil {
		d.blocks[i] = &lengths{}
	}
	return d.blocks[i]
}

// addMany adds n durations that ended in a step, each as their average.
func (d *Durations) addMany(i int, n, sum, largest uint64) {
	if n == 0 {
		return
	}
	d.all.addMany(n, sum, largest)
	b := d.block(i)
	b.count += n
	b.by[coarse(sum/n)] += n
}

func (d *Durations) merge(o *Durations) {
	d.all.merge(&o.all)
	for i, from := range o.blocks {
		if from == nil {
			continue
		}
		to := d.block(i)
		to.count += from.count
		for j, n := range from.by {
			to.by[j] += n
		}
	}
}

// Count is how many there are.
func (d *Durations) Count() uint64 { return d.all.count }

// Percentile is the nearest-rank percentile, in ns, within 0.4% where there are
// more than 2,000; 0 when there are none.
func (d *Durations) Percentile(p float64) uint64 {
	ns, _ := d.all.percentile(p).(uint64)
	return ns
}

// Below counts by step how many there are (all), and how many of those are about
// as long as a duration or shorter (within). The line between is drawn at the next
// of four lengths to each power of two.
func (d *Durations) Below(ns uint64) (within, all []float64) {
	within, all = make([]float64, mostSteps), make([]float64, mostSteps)
	limit := coarse(ns)
	for i, b := range d.blocks {
		if b == nil {
			continue
		}
		n := uint64(0)
		for _, m := range b.by[:limit+1] {
			n += m
		}
		within[i], all[i] = float64(n), float64(b.count)
	}
	return within, all
}
