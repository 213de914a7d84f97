// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"math"
	"math/rand/v2"
	"testing"
)

// series are intervals of a process that uses 20% of a CPU, each of which
// depends on the one in front of it; noisy is their relative standard deviation.
func series(random *rand.Rand, n int, noisy, dependent float64) (x, length []float64) {
	at := random.NormFloat64()
	for range n {
		at = dependent*at + math.Sqrt(1-dependent*dependent)*random.NormFloat64()
		x = append(x, 20*(1+noisy*at))
		length = append(length, 100)
	}
	return x, length
}

func total(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}

// Of two series of the same process the interval of 95% has no difference in it
// some 95 times of 100, also where intervals depend on each other.
func TestNoiseHoldsWhatItSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const tries = 4000
	for _, c := range []struct {
		steps             int
		noisy, dependent  float64
		leastHit, mostHit float64
	}{
		{32, 0.05, 0, 0.94, 0.99},
		{32, 0.5, 0, 0.94, 0.99},
		{32, 0.1, 0.3, 0.92, 0.99},
		{32, 0.1, 0.6, 0.88, 0.99},
		{8, 0.1, 0, 0.94, 1},
		{5, 0.1, 0, 0.94, 1},
	} {
		hit, known := 0, 0
		for range tries {
			a, length := series(random, c.steps, c.noisy, c.dependent)
			b, _ := series(random, c.steps, c.noisy, c.dependent)
			n := ofRatio(a, length).and(ofRatio(b, length))
			if !n.known() {
				continue
			}
			if known++; math.Abs(math.Log(total(b)/total(a))) <= n.margin() {
				hit++
			}
		}
		if got := float64(hit) / float64(known); got < c.leastHit || got > c.mostHit || known < tries/2 {
			t.Errorf("%+v: %.3f of %d intervals hold the truth", c, got, known)
		}
	}
}

// Several captures a side: the same of what these differ by.
func TestNoiseBetweenCaptures(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const tries = 4000
	for _, sizes := range [][2]int{{3, 3}, {5, 5}, {1, 3}, {2, 2}} {
		hit := 0
		for range tries {
			var all [2][]float64
			for side, n := range sizes {
				x, _ := series(random, n, 0.03, 0)
				all[side] = x
			}
			n := between(all[0], all[1])
			d := math.Log(total(all[1]) / float64(sizes[1]) / (total(all[0]) / float64(sizes[0])))
			if math.Abs(d) <= n.margin() {
				hit++
			}
		}
		if got := float64(hit) / tries; got < 0.94 || got > 0.96 {
			t.Errorf("%v captures: %.3f of the intervals hold the truth", sizes, got)
		}
	}
}

func TestNoiseOfLittle(t *testing.T) {
	length := []float64{1, 1, 1, 1, 1, 1, 1, 1}
	for name, c := range map[string]struct {
		x     []float64
		known bool
	}{
		"too few":    {[]float64{1, 2, 3}, false},
		"nothing":    {make([]float64, 8), false},
		"constant":   {[]float64{3, 3, 3, 3, 3, 3, 3, 3}, true},
		"a tendency": {[]float64{1, 2, 3, 4, 5, 6, 7, 8}, false}, // every interval depends on the one before
		"one burst":  {[]float64{0, 0, 0, 9, 0, 0, 0, 0}, true},
	} {
		if n := ofRatio(c.x, length[:len(c.x)]); n.known() != c.known {
			t.Errorf("%s: noise %+v", name, n)
		}
	}
	if n := ofRatio([]float64{3, 3, 3, 3}, []float64{1, 1, 1, 1}); n.se != 0 || n.above(0.01) != 0 || n.above(0) != 1 || n.margin() != 0 {
		t.Errorf("a constant has noise %+v", n)
	}
}

// Holm's own properties: the least is taken times all, none becomes less than one
// before it, and none more than 1.
func TestHolm(t *testing.T) {
	p := []float64{0.03, 0.01, math.NaN(), 0.04, 0.9}
	tested := holm([]*float64{&p[0], &p[1], &p[2], &p[3], &p[4]}, 1)
	want := []float64{0.09, 0.04, math.NaN(), 0.09, 0.9}
	for i := range p {
		if math.Abs(p[i]-want[i]) > 1e-12 || math.IsNaN(p[i]) != math.IsNaN(want[i]) {
			t.Errorf("%d: %g, want %g", i, p[i], want[i])
		}
	}
	if tested != 4 {
		t.Errorf("%d were tested", tested)
	}
}

// Three captures a side find 10% where runs differ by 1%, five where they differ by
// 2%, also among ten processes.
func TestSeveralFindTenPercent(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const tries, processes = 2000, 10
	for n, noisy := range map[int]float64{3: 0.01, 5: 0.02} {
		found := 0
		for range tries {
			base, _ := series(random, n, noisy, 0)
			head, _ := series(random, n, noisy, 0)
			for i := range head {
				head[i] *= 1.1
			}
			if 2*processes*2*between(base, head).above(math.Log(total(head)/total(base))) < level {
				found++
			}
		}
		if float64(found) < 0.95*tries {
			t.Errorf("%d captures a side that differ by %g: found in %d of %d", n, noisy, found, tries)
		}
	}
}
