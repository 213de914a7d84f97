// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ebrec/ebrec/analyze"
)

// crew are hosts of which each measure is about the same: hosts vary by one number, and
// what a capture says of its host by another.
func crew(random *rand.Rand, hosts, measures int, vary, noisy float64) (all []host, of []*Measure) {
	for i := range measures {
		of = append(of, &Measures[i])
	}
	for i := range hosts {
		h := host{name: fmt.Sprintf("h%02d", i), captures: 1}
		for range measures {
			value := 50 * math.Exp(vary*random.NormFloat64()+noisy*random.NormFloat64())
			h.samples = append(h.samples, sample{value: value, low: value, high: value, noise: noise{noisy, 20}})
			h.manners = append(h.manners, "")
		}
		all = append(all, h)
	}
	return all, of
}

func slower(h *host, measure int, by float64) {
	s := &h.samples[measure]
	s.value *= by
	s.low *= by
	s.high *= by
}

// named are the hosts that differ.
func named(rows []*hostRow) map[string]bool {
	found := map[string]bool{}
	for _, r := range rows {
		if r.verdict == differs {
			found[r.host.name] = true
		}
	}
	return found
}

// One host of twenty that is slower by 30% is named, and no other; so are three.
func TestOutliersAreNamed(t *testing.T) {
	const runs = 100
	for _, test := range []struct {
		slow        int
		vary, noisy float64
	}{{1, 0.03, 0.01}, {1, 0.01, 0.03}, {3, 0.03, 0.01}, {1, 0, 0.02}} {
		found, wrong := 0, 0
		for seed := range uint64(runs) {
			random := rand.New(rand.NewPCG(seed, 7))
			hosts, measures := crew(random, 20, 4, test.vary, test.noisy)
			for i := range test.slow {
				slower(&hosts[5*i], 0, 1.3)
			}
			all := named(compareHosts(hosts, measures, DefaultThreshold))
			hits := 0
			for i := range test.slow {
				if all[hosts[5*i].name] {
					hits++
				}
			}
			if hits == test.slow {
				found++
			}
			if len(all) > hits {
				wrong++
			}
		}
		t.Logf("%+v: all named in %d of %d runs, others in %d", test, found, runs, wrong)
		if found < 97 || wrong > 8 {
			t.Error("too few, or too many")
		}
	}
}

// Where no host differs, one is named in at most 5% of the runs; so it is where some
// captures say much less surely what their host does, and of a few hosts.
func TestNobodyIsNamed(t *testing.T) {
	const runs = 400
	for _, test := range []struct {
		hosts, measures int
		vary, noisy     float64
		short           bool
	}{{20, 4, 0.05, 0.01, false}, {3, 1, 0.2, 0.01, false}, {4, 2, 0.1, 0.1, false}, {20, 1, 0.02, 0.02, true}} {
		wrong := 0
		for seed := range uint64(runs) {
			random := rand.New(rand.NewPCG(seed, 11))
			hosts, measures := crew(random, test.hosts, test.measures, test.vary, test.noisy)
			if test.short {
				slower(&hosts[0], 0, math.Exp(0.2*random.NormFloat64()))
				hosts[0].samples[0].noise = noise{0.2, 20}
			}
			if len(named(compareHosts(hosts, measures, DefaultThreshold))) > 0 {
				wrong++
			}
		}
		t.Logf("%+v: somebody named in %d of %d runs", test, wrong, runs)
		if float64(wrong) > 0.08*runs {
			t.Error("too often")
		}
	}
}

// Same is said of what is the same, hardly ever of what is off by the threshold.
func TestHostsThatAreTheSame(t *testing.T) {
	const runs = 400
	right, wrong := 0, 0
	for seed := range uint64(runs) {
		random := rand.New(rand.NewPCG(seed, 13))
		hosts, measures := crew(random, 10, 1, 0.001, 0.01)
		slower(&hosts[0], 0, 1.05)
		for _, r := range compareHosts(hosts, measures, DefaultThreshold) {
			switch {
			case r.verdict == alike && r.host.name == "h00":
				wrong++
			case r.verdict == alike:
				right++
			}
		}
	}
	t.Logf("same: %d of %d, in error %d of %d", right, 9*runs, wrong, runs)
	if right < 8*runs || wrong > runs/15 {
		t.Error("too few, or too many")
	}
}

// What cannot be compared says why, and is no measure for the others.
func TestHostsThatCannotBeCompared(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 17))
	hosts, measures := crew(random, 8, 1, 0.01, 0.01)
	hosts[0].samples[0].why = "was not recorded"
	hosts[1].manners[0] = "waits from the last move on"
	hosts[2].samples[0].value = 0
	hosts[3].samples[0].counted = true
	hosts[4].samples[0].high = math.Inf(1)
	want := []string{"was not recorded", "recorded in another way than most: waits from the last move on", "there is none of it", "there are fewer than 10 of them", "what was lost may explain any difference"}
	rows := compareHosts(hosts, measures, DefaultThreshold)
	for i, reason := range want {
		if rows[i].verdict != hostOpen || rows[i].reason != reason {
			t.Errorf("host %d: %s, %q, want %q", i, rows[i].verdict, rows[i].reason, reason)
		}
	}
	for _, r := range rows[5:] {
		if math.Abs(r.typical-50) > 2 {
			t.Errorf("%s: the others have %g", r.host.name, r.typical)
		}
	}
}

// Captures of one host are added up: rates by how long they recorded, with the noise of
// the sum.
func TestCapturesOfOneHost(t *testing.T) {
	g := &hostSamples{measures: []*Measure{measure("cpu_percent"), measure("wait_p99_ns")}}
	one := func(index int, host string, awake, value, se float64) captured {
		return captured{index: index, host: host, awake: awake, manners: []string{"", ""}, use: &analyze.Use{}, samples: []sample{
			{value: value, low: value, high: 2 * value, noise: noise{se, 10}}, {counted: true, noise: unknown, why: "there are none"}}}
	}
	g.all = []captured{one(2, "a", 3e9, 20, 0.1), one(1, "b", 1e9, 7, 0.2), one(0, "a", 1e9, 60, 0.2)}
	hosts := g.hosts()
	if len(hosts) != 2 || hosts[0].name != "a" || hosts[0].captures != 2 || hosts[1].captures != 1 {
		t.Fatalf("%+v", hosts)
	}
	s := hosts[0].samples[0]
	// 3 s of 20 and 1 s of 60; errors of 2 and 12, of which 3 and 1 parts of 4 count.
	if want := math.Hypot(3*2, 12) / 4 / 30; s.value != 30 || s.low != 30 || s.high != 60 || math.Abs(s.noise.se-want) > 1e-12 {
		t.Errorf("%+v, want 30 within %g", s, want)
	}
	if s.noise.df < 10 || s.noise.df > 20 {
		t.Errorf("%g degrees of freedom of two samples of 10", s.noise.df)
	}
	if why := hosts[0].samples[1].why; why != "there are none" {
		t.Errorf("got %q", why)
	}
}
