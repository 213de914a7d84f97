// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// hostRow is a host in one measure, and the others.
type hostRow struct {
	host    *host
	measure *Measure
	manner  string
	sample

	typical float64 // geometric mean of the others; NaN: there is none
	verdict hostVerdict
	p       float64 // corrected; NaN: not tested
	reason  string

	test  test
	named bool // it differs: the others are compared without it
}

// hostVerdict is what is proven of a host.
type hostVerdict string

const (
	differs  hostVerdict = "differs"
	alike    hostVerdict = "same"
	hostOpen hostVerdict = "cannot tell"
)

// compareHosts compares each host with the others, in each measure.
func compareHosts(hosts []host, measures []*Measure, threshold float64) (rows []*hostRow) {
	limit := math.Log(1 + threshold/100)
	for i, m := range measures {
		var of []*hostRow
		for j := range hosts {
			of = append(of, &hostRow{host: &hosts[j], measure: m, manner: hosts[j].manners[i], sample: hosts[j].samples[i], typical: math.NaN(), p: math.NaN()})
		}
		usual(of)
		nameOutliers(of, limit, len(measures))
		rows = append(rows, of...)
	}
	for _, r := range rows {
		r.decide(threshold)
	}
	return rows
}

// nameOutliers finds the hosts that differ in one measure. Several of them hide each
// other: what hosts vary by is large as long as all count. So the one that is furthest
// off is taken out, then the next one, as often as hosts may differ, and those were
// outliers that were taken out up to the last time that one was far off (Rosner 1983).
// Each time every host is a chance for noise to look like an outlier, and so is each time
// and each measure: the chances are multiplied by all of these (Bonferroni).
func nameOutliers(rows []*hostRow, limit float64, measures int) {
	var left []*hostRow
	for _, r := range rows {
		if r.test = untested(r.why); r.why == "" {
			left = append(left, r)
		}
	}
	all := slices.Clone(left)
	most := min((len(all)-1)/2, max(3, len(all)/5))
	chances := float64(max(most, 1) * measures)
	corrected := func(r *hostRow, among int) float64 { return min(1, r.test.differs*chances*float64(among)) }
	var out []*hostRow
	last := 0
	for range most {
		compareRows(left, left, limit)
		at := 0
		for i, r := range left {
			if r.test.differs < left[at].test.differs {
				at = i
			}
		}
		r := left[at]
		r.p = corrected(r, len(left))
		out, left = append(out, r), slices.Delete(left, at, at+1)
		if r.p < level && !r.test.small {
			last = len(out)
		}
	}
	least := 1.0
	for _, r := range slices.Backward(out[:last]) { // all are, since the last one is
		least = min(least, r.p)
		r.named, r.p = true, least
	}
	usual := slices.DeleteFunc(slices.Clone(all), func(r *hostRow) bool { return r.named })
	compareRows(all, usual, limit)
	for _, r := range usual {
		r.p = corrected(r, len(usual))
	}
}

// usual says of those that cannot be compared why: they were recorded in another way
// than most, or have too little.
func usual(rows []*hostRow) {
	count, most := map[string]int{}, ""
	for _, r := range rows {
		if r.why == "" {
			count[r.manner]++
		}
	}
	for _, r := range rows {
		if n := count[r.manner]; n > count[most] || n == count[most] && r.manner < most {
			most = r.manner
		}
	}
	for _, r := range rows {
		switch {
		case r.why != "":
		case r.manner != most:
			r.why = "recorded in another way than most: " + orUsual(r.manner)
		case r.counted && r.events < leastEvents:
			r.why = "there are fewer than 10 of them"
		case r.value <= 0:
			r.why = "there is none of it"
		}
	}
}

func orUsual(manner string) string {
	if manner == "" {
		return "as usual"
	}
	return manner
}

// compareRows tests hosts against those of some that are not themselves.
func compareRows(rows, some []*hostRow, limit float64) {
	var x []float64
	for _, r := range some {
		x = append(x, math.Log(r.value))
	}
	center, variance := stat.MeanVariance(x, nil)
	n := float64(len(x))
	squares := variance * (n - 1)
	for _, r := range rows {
		if r.named {
			r.against(center, squares, n, limit)
			continue
		}
		off := math.Log(r.value) - center // the same without the host itself
		r.against(center-off/(n-1), max(0, squares-off*off*n/(n-1)), n-1, limit)
	}
}

// against tests a host against n others by the mean of their logarithms and the sum of
// the squares of what they differ from it. Hosts vary, and captures do not say exactly
// what a host does: the larger of both is what a host may be off by.
func (r *hostRow) against(center, squares, n, limit float64) {
	if n < leastHosts-1 {
		r.test = untested("fewer than three hosts can be compared")
		return
	}
	r.typical = math.Exp(center)
	spread := math.Sqrt(squares / (n - 1))
	mean, known, self := noise{spread / math.Sqrt(n), n - 1}, noise{spread, n - 1}, spread
	if r.noise.known() {
		known, self = r.noise, max(self, r.noise.se)
	}
	own := math.Log(r.value)
	low, high := own+math.Log(r.low/r.value)-center, own+math.Log(r.high/r.value)-center
	near, far := 0.0, max(math.Abs(low), math.Abs(high))
	if low > 0 || high < 0 {
		near = min(math.Abs(low), math.Abs(high))
	}
	both := noise{math.Hypot(self, mean.se), n - 1} // how much hosts vary is known from n of them only
	r.test = test{differs: min(1, 2*both.above(near)), same: known.and(mean).above(limit - far), half: both.margin(), small: near < limit}
}

// decide gives a verdict.
func (r *hostRow) decide(threshold float64) {
	switch {
	case r.named && !r.test.small:
		r.verdict = differs
	case r.why == "" && r.test.same < level:
		r.verdict = alike
	default:
		r.verdict, r.reason = hostOpen, r.test.why
		if r.reason == "" {
			r.reason = r.doubt(threshold)
		}
	}
}

// doubt says why neither is proven.
func (r *hostRow) doubt(threshold float64) string {
	switch {
	case math.IsInf(r.test.half, 0) || math.IsInf(r.high, 0):
		return "what was lost may explain any difference"
	case r.p < level && r.test.small:
		return fmt.Sprintf("it differs, but not surely by more than %g%%", threshold)
	case r.test.differs < level && !r.test.small:
		return "it would be told alone, but not among all"
	}
	return fmt.Sprintf("hosts vary: even alone it would have to be %.1f%% off", percent(r.test.half))
}
