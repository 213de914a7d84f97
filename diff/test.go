// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// leastEvents is how many events a rate or percentile is made of at least, on one
// side.
const leastEvents = 10

// test are the chances of a difference of two sides under either assumption.
type test struct {
	differs float64 // that noise alone makes it so large; NaN: not tested
	same    float64 // that noise alone makes it so small, though it is beyond the threshold
	why     string  // it was not tested for this reason
	half    float64 // half of the 95% confidence interval, as a factor's logarithm
	small   bool    // it is within the threshold, whether it differs or not
	varies  bool    // there is one run of each side of what differs from run to run
}

func untested(why string) test { return test{differs: math.NaN(), same: math.NaN(), why: why} }

// compare fills a row in from what the captures of each side say.
func (r *Row) compare(samples [sides][]sample, threshold float64) {
	var values [sides][]float64
	for side, all := range samples {
		for i := range all {
			values[side] = append(values[side], all[i].value)
		}
	}
	r.Base, r.Head = stat.Mean(values[atBase], nil), stat.Mean(values[atHead], nil)
	r.Change, r.Low, r.High, r.P = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	n := together(samples, values)
	switch {
	case r.Base > 0 && r.Head > 0:
		r.between(samples, n, threshold)
	default:
		r.fromNothing(samples)
	}
	r.test.varies = r.Measure.Varies && len(samples[atBase])+len(samples[atHead]) == sides
	if why := r.reasonOf(samples); why != "" {
		r.test = untested(why)
	}
}

// tooFew is why rare things are not compared.
const tooFew = "fewer than 10 of them on each side"

// reasonOf is why samples cannot be compared; empty: they can.
func (r *Row) reasonOf(samples [sides][]sample) string {
	few := true
	for side, all := range samples {
		events := uint64(0)
		for i := range all {
			if all[i].why != "" {
				return all[i].why
			}
			events += all[i].events
			few = few && all[i].counted
		}
		few = few && events < leastEvents
		if events == 0 && r.Measure.percentile > 0 {
			return "there are none in " + SideName(side == atHead, 0, 1)
		}
	}
	if few {
		return tooFew
	}
	return ""
}

// together is the noise of the ratio of the sides: with one capture each from
// their intervals, else from what captures of a side differ by.
func together(samples [sides][]sample, values [sides][]float64) noise {
	base, head := samples[atBase], samples[atHead]
	if len(base) == 1 && len(head) == 1 {
		return base[0].noise.and(head[0].noise)
	}
	return between(values[atBase], values[atHead])
}

// between tests two numbers: for any difference, and for one within the threshold,
// which is a factor either way.
func (r *Row) between(samples [sides][]sample, n noise, threshold float64) {
	d := math.Log(r.Head / r.Base)
	r.Change = percent(d)
	low, high := bounds(samples, d)
	if !n.known() {
		r.test = untested(r.noNoise())
		return
	}
	margin, limit := n.margin(), math.Log(1+threshold/100)
	r.Low, r.High = percent(low-margin), percent(high+margin)
	near, far := 0.0, max(math.Abs(low), math.Abs(high))
	if low > 0 || high < 0 {
		near = min(math.Abs(low), math.Abs(high))
	}
	r.test = test{differs: min(1, 2*n.above(near)), same: n.above(limit - far), half: margin + (high-low)/2, small: near < limit}
}

// bounds are what a difference may be in truth, by what was lost of each side.
func bounds(samples [sides][]sample, d float64) (low, high float64) {
	var least, most, value [sides]float64
	for side, all := range samples {
		for i := range all {
			least[side] += all[i].low
			most[side] += all[i].high
			value[side] += all[i].value
		}
	}
	if least == most {
		return d, d
	}
	return d + math.Log(least[atHead]/value[atHead]*value[atBase]/most[atBase]), d + math.Log(most[atHead]/value[atHead]*value[atBase]/least[atBase])
}

// fromNothing tests what one side alone has: is it there all the time?
func (r *Row) fromNothing(samples [sides][]sample) {
	some := samples[atBase]
	if r.Base == 0 {
		some = samples[atHead]
	}
	none := samples[atBase]
	if r.Head == 0 {
		none = samples[atHead]
	}
	if slices.ContainsFunc(none, func(s sample) bool { return s.high > 0 }) {
		r.test = untested("what was lost may be of it")
		return
	}
	r.test = sustained(some, 0)
}

// sustained tests whether a number is above a limit.
func sustained(some []sample, limit float64) test {
	var values []float64
	least := 0.0
	for i := range some {
		values = append(values, some[i].value)
		least += some[i].low / float64(len(some))
	}
	n := some[0].noise
	if len(some) > 1 {
		n = noise{stat.StdErr(stat.StdDev(values, nil), float64(len(some))) / stat.Mean(values, nil), float64(len(some) - 1)}
	}
	mean := stat.Mean(values, nil)
	if !n.known() || mean == 0 {
		return untested("too few intervals to tell how much it varies")
	}
	return test{differs: n.above((least - limit) / mean), same: math.NaN(), why: "not there all the time: chance may explain it"}
}

// noNoise says why there is no estimate of noise.
func (r *Row) noNoise() string {
	if r.Measure.percentile > 0 {
		return "too few durations, or in too few intervals"
	}
	return "too few independent intervals: record longer, with -e sched, or several times"
}

// percent is a logarithm of a factor as a difference in percent.
func percent(d float64) float64 { return 100 * math.Expm1(d) }
