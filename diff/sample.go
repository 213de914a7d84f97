// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"fmt"
	"math"

	"github.com/ebrec/ebrec/analyze"
)

// sample is what one capture says of a measure of one thing.
type sample struct {
	value     float64
	low, high float64 // what it may be in truth, by what was lost
	noise     noise
	events    uint64 // how many the value is made of, where that matters
	counted   bool   // it does
	why       string // it cannot be compared for this reason
}

// sampleOf takes a measure of what a thing used in a capture; nil: it was not
// there.
func (m *Measure) sampleOf(p *analyze.Profile, u *analyze.Use) sample {
	if u == nil {
		u = &analyze.Use{}
	}
	if m.percentile > 0 {
		return m.percentileOf(p, u.Times[m.latency])
	}
	return m.rateOf(p, u)
}

// awake is how long a capture recorded, in ns.
func awake(p *analyze.Profile) float64 {
	r := &p.Recording
	return float64(max(1, r.DurationNS-min(r.DurationNS, r.SuspendedNS)))
}

func (m *Measure) rateOf(p *analyze.Profile, u *analyze.Use) sample {
	rate := func(n uint64) float64 { return float64(n) * m.scale / awake(p) }
	total := u.Total[m.quantity]
	s := sample{value: rate(total), low: rate(total), high: rate(total), noise: unknown}
	if m.counts != none {
		s.events, s.counted = u.Total[m.counts], true
	}
	lost := p.Lost(m.Source) + p.Unseen(m.Source)
	switch {
	case m.quantity == analyze.CPUTime:
		s.low, s.high = rate(u.Least), rate(u.Most)
	case lost > 0 && (m.Source == "cpu" || m.quantity == analyze.Alive):
		s.why = fmt.Sprintf("%d events of source %s were lost", lost, m.Source)
	case m.Source == "cpu" && u.Most != u.Least:
		s.why = "sums are missing"
	case lost > 0:
		s.high = rate(total + lost)
	}
	steps := p.Equal
	if m.Source == "cpu" {
		steps = p.Steps
	}
	if u.Parts != nil {
		s.noise = ofRatio(parts(u, m.quantity, steps))
	}
	return s
}

// parts are what of a quantity lies in each step, and how long those are.
func parts(u *analyze.Use, q analyze.Quantity, steps analyze.Steps) (x, length []float64) {
	for i := range steps.Len() {
		x = append(x, float64(u.Parts[i][q]))
		length = append(length, float64(steps.Length(i)))
	}
	return x, length
}

// leastLatency is what shorter ones count as, in ns: what they differ by matters to
// nobody.
const leastLatency = 1000

// leastNoise is that of a percentile: half of the buckets that it is taken from.
const leastNoise = 0.004

// percentileOf takes the noise of a percentile from that of the share of
// durations that are not longer (Woodruff 1952), which varies from interval to
// interval. Durations that were lost may have been the shortest or the longest.
func (m *Measure) percentileOf(p *analyze.Profile, d *analyze.Durations) sample {
	s := sample{counted: true, noise: unknown}
	if d == nil || d.Count() == 0 {
		return s
	}
	at, n, lost := m.percentile/100, float64(d.Count()), float64(p.Lost(m.Source)+p.Unseen(m.Source))
	quantile := func(share float64) float64 { return max(leastLatency, float64(d.Percentile(100*share))) }
	s.events, s.value = d.Count(), quantile(at)
	s.low, s.high = s.value, s.value
	if lost > 0 {
		s.low, s.high = leastLatency, math.Inf(1)
		if share := (at*(n+lost) - lost) / n; share > 0 {
			s.low = quantile(share)
		}
		if share := at * (n + lost) / n; share < 1 {
			s.high = quantile(share)
		}
	}
	s.noise = m.shareNoise(p, d, quantile)
	return s
}

func (m *Measure) shareNoise(p *analyze.Profile, d *analyze.Durations, quantile func(float64) float64) noise {
	within, all := d.Below(d.Percentile(m.percentile))
	share, n, at := 0.0, float64(d.Count()), m.percentile/100
	for i := range within {
		share += within[i] / n
	}
	by := ofRatio(within[:p.Equal.Len()], all[:p.Equal.Len()])
	if !by.known() {
		return unknown
	}
	worse := 1.0 // how many times the variance is that of independent durations
	if share < 1 {
		worse = max(1, by.se*by.se*share*n/(1-share))
	}
	se := math.Sqrt(worse * at * (1 - at) / n)
	t := student(by.df).Quantile(0.975)
	if at+t*se >= 1 { // longer than all: nobody knows how long
		return unknown
	}
	spread := math.Log(quantile(at+t*se)/quantile(max(0, at-t*se))) / (2 * t)
	return noise{max(spread, leastNoise), by.df}
}
