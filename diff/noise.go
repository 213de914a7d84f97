// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// leastSteps is how many intervals an estimate of noise takes at least, once those
// that depend on each other are discounted.
const leastSteps = 4

// noise is how far a number may be from what a longer recording would have given.
type noise struct {
	se float64 // relative standard error
	df float64 // degrees of freedom of its estimate
}

// unknown is the noise of what has too few intervals.
var unknown = noise{se: math.NaN()}

// known tells whether there is an estimate.
func (n noise) known() bool { return !math.IsNaN(n.se) }

// ofRatio is the noise of sum(x)/sum(size) by its intervals (batch means): of a
// rate with their lengths as sizes, of a share with the numbers of all. What
// follows each other may depend on each other: the correlation of neighbours
// makes the intervals count for fewer.
func ofRatio(x, size []float64) noise {
	n := float64(len(x))
	var all, sizes float64
	for i := range x {
		all += x[i]
		sizes += size[i]
	}
	if len(x) < leastSteps || all <= 0 || sizes <= 0 {
		return unknown
	}
	rest := make([]float64, len(x)) // what a constant ratio does not explain
	for i := range x {
		rest[i] = x[i] - all/sizes*size[i]
	}
	spread := stat.StdDev(rest, nil)
	if spread <= all*1e-12 {
		return noise{0, n - 1}
	}
	dependent := stat.Correlation(rest[:len(rest)-1], rest[1:], nil)
	if math.IsNaN(dependent) { // all but one end are alike
		dependent = 0
	}
	fewer := (1 + max(dependent, 0)) / (1 - min(max(dependent, 0), 0.9))
	if n/fewer < leastSteps {
		return unknown
	}
	return noise{spread * math.Sqrt(n*fewer) / all, n/fewer - 1}
}

// and is the noise of a ratio of two numbers (Welch and Satterthwaite).
func (n noise) and(o noise) noise {
	a, b := n.se*n.se, o.se*o.se
	if a+b == 0 {
		return noise{0, n.df + o.df}
	}
	return noise{math.Sqrt(a + b), (a + b) * (a + b) / (a*a/n.df + b*b/o.df)}
}

// between is the noise of a ratio of means of several captures a side, each of
// which is one sample; both sides are taken to be equally noisy.
func between(base, head []float64) noise {
	df := float64(len(base) + len(head) - 2)
	squares := 0.0
	for _, side := range [][]float64{base, head} {
		mean := stat.Mean(side, nil)
		for _, x := range side {
			squares += (x/mean - 1) * (x/mean - 1)
		}
	}
	return noise{math.Sqrt(squares / df * (1/float64(len(base)) + 1/float64(len(head)))), df}
}

// above is the chance that noise alone lifts a number by that much or more.
func (n noise) above(by float64) float64 {
	if n.se == 0 {
		if by > 0 {
			return 0
		}
		return 1
	}
	return student(n.df).Survival(by / n.se)
}

// margin is what noise stays within, up or down, 95 times of 100.
func (n noise) margin() float64 {
	if n.se == 0 {
		return 0
	}
	return student(n.df).Quantile(0.975) * n.se
}

func student(df float64) distuv.StudentsT {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(df, 1)}
}
