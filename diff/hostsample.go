// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/analyze"
)

// host is what the captures of one host say, all together.
type host struct {
	name     string
	captures int
	samples  []sample // by measure
	manners  []string // by measure
}

// hosts adds the captures of each host up, by name.
func (g *hostSamples) hosts() (all []host) {
	slices.SortFunc(g.all, func(a, b captured) int { return cmp.Or(strings.Compare(a.host, b.host), cmp.Compare(a.index, b.index)) })
	for rest := g.all; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(c captured) bool { return c.host != rest[0].host })
		if n < 0 {
			n = len(rest)
		}
		all = append(all, g.host(rest[:n]))
		rest = rest[n:]
	}
	return all
}

func (g *hostSamples) host(all []captured) host {
	h := host{name: all[0].host, captures: len(all)}
	var times analyze.Use
	if len(all) > 1 {
		for i := range all {
			times.Add(&analyze.Use{Times: all[i].use.Times})
		}
	}
	for i, m := range g.measures {
		s, manner := all[0].samples[i], all[0].manners[i]
		switch {
		case len(all) == 1:
		case m.percentile > 0:
			s = m.merged(all, i, times.Times[m.latency])
		default:
			s = added(all, i)
		}
		for _, c := range all[1:] {
			if c.manners[i] != manner {
				s.why = "its captures were recorded in different ways"
			}
		}
		h.samples, h.manners = append(h.samples, s), append(h.manners, manner)
	}
	return h
}

// added is a rate of several captures: each counts for how long it recorded.
func added(all []captured, measure int) (s sample) {
	var weights, squares, doubt float64
	for i := range all {
		one, w := &all[i].samples[measure], all[i].awake
		weights += w
		s.value += w * one.value
		s.low += w * one.low
		s.high += w * one.high
		s.events += one.events
		s.counted = s.counted || one.counted
		s.why = cmp.Or(s.why, one.why)
		by := w * one.value * one.noise.se
		squares += by * by
		doubt += by * by * by * by / max(one.noise.df, 1)
	}
	s.noise = noiseOf(squares, doubt, s.value)
	s.value /= weights
	s.low /= weights
	s.high /= weights
	return s
}

// merged is a percentile of the durations of several captures.
func (m *Measure) merged(all []captured, measure int, d *analyze.Durations) (s sample) {
	s = sample{counted: true, noise: unknown}
	var squares, doubt float64
	for i := range all {
		one := &all[i].samples[measure]
		s.events += one.events
		s.why = cmp.Or(s.why, one.why)
	}
	if d == nil || d.Count() == 0 {
		return s
	}
	s.value = max(leastLatency, float64(d.Percentile(m.percentile)))
	s.low, s.high = s.value, s.value
	for i := range all {
		one := &all[i].samples[measure]
		if one.events == 0 {
			continue
		}
		if one.low < one.value || one.high > one.value {
			s.low, s.high = min(s.low, one.low), max(s.high, one.high)
		}
		by := float64(one.events) / float64(s.events) * one.noise.se
		squares += by * by
		doubt += by * by * by * by / max(one.noise.df, 1)
	}
	s.noise = noiseOf(squares, doubt, 1)
	return s
}

// noiseOf is the noise of a sum of numbers with noise of their own (Satterthwaite).
func noiseOf(squares, doubt, sum float64) noise {
	if math.IsNaN(squares) || sum == 0 {
		return unknown
	}
	n := noise{math.Sqrt(squares) / sum, 1}
	if doubt > 0 {
		n.df = squares * squares / doubt
	}
	return n
}
