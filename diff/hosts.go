// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// HostOptions say which hosts are compared in what.
type HostOptions struct {
	Analysis  *analyze.Analysis // whose measures are compared
	Comms     []string          // only of processes of these names; empty: of all
	Threshold float64           // by how many percent a host may differ and be the same; 0: DefaultThreshold
	Top       int               // rows of the table; 0: all
	SkipBad   bool              // go on without captures that cannot be analyzed
	Progress  func(done, all int64)
}

// leastHosts is how many hosts a comparison takes: of two nobody can tell which one
// differs.
const leastHosts = 3

// comparedBy are the measures that are compared of an analysis.
var comparedBy = map[string][]string{
	"cputime":   {"cpu_percent", "run_queue_ns_per_s", "switches_per_s", "involuntary_per_s"},
	"runqlat":   {"wait_p50_ns", "wait_p99_ns"},
	"lifetimes": {"processes", "starts_per_s"},
	"tcplat":    {"connect_p50_ns", "connect_p99_ns", "responses_per_s", "response_p50_ns", "response_p99_ns", "retransmits_per_s"},
	"summary":   {"cpu_percent", "run_queue_ns_per_s", "wait_p99_ns", "processes", "starts_per_s", "connects_per_s", "failures_per_s", "responses_per_s", "response_p99_ns", "retransmits_per_s"},
}

// Compares tells whether hosts are compared in what an analysis measures.
func Compares(a *analyze.Analysis) bool { return comparedBy[a.Name] != nil }

// hostMeasures are the measures that are compared.
func (o *HostOptions) hostMeasures() (all []*Measure, err error) {
	names, ok := comparedBy[o.Analysis.Name]
	if !ok {
		return nil, fmt.Errorf("%s has nothing that hosts are compared in; there are %s", o.Analysis.Name, strings.Join(slices.Sorted(maps.Keys(comparedBy)), ", "))
	}
	for _, name := range names {
		all = append(all, measure(name))
	}
	if len(o.Comms) == 0 {
		return all, nil
	}
	if all = slices.DeleteFunc(all, func(m *Measure) bool { return m.Source == "tcp" }); len(all) == 0 {
		return nil, fmt.Errorf("%s compares connections: they cannot be limited to some processes", o.Analysis.Name)
	}
	return all, nil
}

// Hosts names the hosts that differ from the others in what an analysis measures: a
// row for each host and measure.
func Hosts(ctx context.Context, paths []string, o HostOptions) (*analyze.Result, error) {
	measures, err := o.hostMeasures()
	if err != nil {
		return nil, err
	}
	limits := Options{Threshold: o.Threshold}
	if err := limits.check(); err != nil {
		return nil, err
	}
	if o.Threshold = limits.Threshold; o.Top < 0 {
		return nil, errors.New("the number of rows cannot be negative")
	}
	g := &hostSamples{options: o, measures: measures}
	r, err := analyze.VisitMany(ctx, paths, o.Analysis, analyze.Many{SkipBad: o.SkipBad, Progress: o.Progress}, g.visit)
	if err != nil {
		return nil, err
	}
	hosts := g.hosts()
	if len(hosts) < leastHosts {
		return nil, fmt.Errorf("compare hosts: there are %d, it takes %d at least", len(hosts), leastHosts)
	}
	rows := compareHosts(hosts, measures, o.Threshold)
	return hostResult(r, rows, o), nil
}

// hostSamples gathers what captures say.
type hostSamples struct {
	options  HostOptions
	measures []*Measure
	mu       sync.Mutex
	all      []captured
}

// captured is what one capture says.
type captured struct {
	index   int
	host    string
	awake   float64 // ns
	samples []sample
	manners []string // in which the measures' sources were recorded
	use     *analyze.Use
}

func (g *hostSamples) visit(ctx context.Context, c *format.Capture, m *analyze.Member) error {
	p, err := analyze.NewProfile(ctx, c, analyze.Options{})
	if err != nil {
		return err
	}
	places := g.places(p)
	for _, at := range places {
		for ; at != nil; at = at.Parent {
			at.Keep = true
		}
	}
	if err := p.Measure(ctx, analyze.Options{}); err != nil {
		return err
	}
	m.Capture, m.Loss = p.Recording, append([]analyze.Loss{}, p.Loss...)
	one := captured{index: m.Index, host: m.Host, awake: awake(p), use: g.use(p, places)}
	remotes := &analyze.Use{}
	for _, name := range slices.Sorted(maps.Keys(p.Remotes)) {
		remotes.Add(p.Remotes[name])
	}
	for _, measure := range g.measures {
		u := one.use
		if measure.Source == "tcp" {
			u = remotes
		}
		s := measure.sampleOf(p, u)
		if why := p.Lacks[measure.Source]; why != "" {
			s = sample{why: why, noise: unknown}
		}
		one.samples, one.manners = append(one.samples, s), append(one.manners, p.Manner(measure.Source))
		m.Lossy = m.Lossy || p.Lost(measure.Source) > 0
	}
	one.use.Times[analyze.Connect], one.use.Times[analyze.Response], one.use.Parts = remotes.Times[analyze.Connect], remotes.Times[analyze.Response], nil
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, one)
	return nil
}

// places are those of the processes that are compared: the root, or those of the
// names asked for.
func (g *hostSamples) places(p *analyze.Profile) (some []*analyze.Place) {
	if len(g.options.Comms) == 0 {
		return []*analyze.Place{p.Root}
	}
	var look func(*analyze.Place)
	look = func(at *analyze.Place) {
		if slices.Contains(g.options.Comms, at.Name) {
			some = append(some, at)
		}
		for _, name := range slices.Sorted(maps.Keys(at.Children)) {
			look(at.Children[name])
		}
	}
	look(p.Root)
	return some
}

// use is what the processes used that are compared.
func (g *hostSamples) use(p *analyze.Profile, places []*analyze.Place) *analyze.Use {
	if len(g.options.Comms) == 0 {
		return p.Root.Whole()
	}
	all := &analyze.Use{}
	for _, at := range places {
		all.Add(at.Use())
	}
	return all
}
