// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// Options say what counts as a difference. The zero value has the defaults.
type Options struct {
	// Threshold is by how many percent a measure may differ and be the same;
	// 0: DefaultThreshold.
	Threshold float64
	// MinCPU leaves out what uses less than so many percent of one CPU on both
	// sides; 0: DefaultMinCPU.
	MinCPU float64
	// Progress, when set, is called now and then with how many of all rows of a
	// capture were read.
	Progress func(done, all int64)
}

// The defaults of Options.
const (
	DefaultThreshold = 5.0
	DefaultMinCPU    = 1.0
)

func (o *Options) check() error {
	o.Threshold, o.MinCPU = cmp.Or(o.Threshold, DefaultThreshold), cmp.Or(o.MinCPU, DefaultMinCPU)
	if !(o.Threshold > 0 && o.Threshold <= 1000) {
		return errors.New("the threshold must be more than 0 and at most 1000 percent")
	}
	if !(o.MinCPU > 0) {
		return errors.New("the least CPU time must be more than 0 percent")
	}
	return nil
}

// Run compares the captures of two sides, of which each has one or more: with one
// a side noise is estimated from their intervals, with several from what captures
// of a side differ by. It reads each capture a few times.
func Run(ctx context.Context, base, head []*format.Capture, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(base) == 0 || len(head) == 0 {
		return nil, errors.New("each side needs a capture")
	}
	c := &comparison{options: o}
	for side, captures := range [sides][]*format.Capture{base, head} {
		for _, capture := range captures {
			p, err := analyze.NewProfile(ctx, capture, analyze.Options{Progress: o.Progress})
			if err != nil {
				return nil, err
			}
			c.profiles[side] = append(c.profiles[side], p)
		}
	}
	c.sources()
	c.choose()
	for _, all := range c.profiles {
		for _, p := range all {
			if err := p.Measure(ctx, analyze.Options{Progress: o.Progress}); err != nil {
				return nil, err
			}
		}
	}
	return c.report(), nil
}

// comparison is one run.
type comparison struct {
	options  Options
	profiles [sides][]*analyze.Profile
	root     *node
	kept     []*node           // that are compared, or branches are; those further up first
	left     int               // processes that were too many
	missing  map[string]bool   // sources that a capture lacks
	manners  map[string]string // of sources that were recorded in different ways, in which
}

// sources finds what captures lack, and what they recorded in different ways.
func (c *comparison) sources() {
	c.missing, c.manners = map[string]bool{}, map[string]string{}
	first := c.profiles[atBase][0]
	for side, all := range c.profiles {
		for i, p := range all {
			for source := range p.Lacks {
				c.missing[source] = true
			}
			for _, source := range sourceNames {
				if a, b := first.Manner(source), p.Manner(source); a != b {
					c.manners[source] = fmt.Sprintf("recorded in different ways: %s %s, %s %s", SideName(false, 0, len(c.profiles[atBase])), cmp.Or(a, "as usual"),
						SideName(side == atHead, i, len(all)), cmp.Or(b, "as usual"))
				}
			}
		}
	}
}

// sourceNames are the sources that something is compared of.
var sourceNames = []string{"cpu", "sched", "process", "tcp"}

// mostKept is how many places of the process tree are compared at most: those
// that use the most CPU time.
const mostKept = 1000

// choose keeps what is not too small on both sides.
func (c *comparison) choose() {
	c.root = match(c.profiles)
	c.root.each(func(n *node) {
		n.own, n.whole = c.most(n, (*analyze.Place).Use), c.most(n, (*analyze.Place).Whole)
		if n.whole >= c.options.MinCPU || c.unknown() {
			c.kept = append(c.kept, n)
		}
	})
	slices.SortStableFunc(c.kept, func(a, b *node) int { return cmp.Compare(b.whole, a.whole) })
	if len(c.kept) > mostKept {
		c.left = len(c.kept) - mostKept
		c.kept = c.kept[:mostKept]
	}
	for _, n := range c.kept {
		c.keep(n)
	}
}

// unknown tells that no capture says what uses how much.
func (c *comparison) unknown() bool {
	for _, all := range c.profiles {
		for _, p := range all {
			if p.Lacks["cpu"] == "" {
				return false
			}
		}
	}
	return true
}

// keep has a place and its threads measured in all captures.
func (c *comparison) keep(n *node) {
	names := map[string]bool{}
	for side := range n.places {
		for i, p := range n.places[side] {
			if p == nil {
				continue
			}
			for name, u := range p.Threads {
				if c.percent(side, i, u) >= c.options.MinCPU || c.unknown() {
					names[name] = true
				}
			}
			for ; p != nil; p = p.Parent {
				p.Keep = true
			}
		}
	}
	for side := range n.places {
		for _, p := range n.places[side] {
			for name := range names {
				if p != nil && p.Threads[name] != nil {
					p.Threads[name].Keep = true
				}
			}
		}
	}
}

// percent is the CPU time of something as a share of one CPU.
func (c *comparison) percent(side, i int, u *analyze.Use) float64 {
	return 100 * float64(u.Total[analyze.CPUTime]) / awake(c.profiles[side][i])
}

// most is the largest share of a CPU that a place has in any capture.
func (c *comparison) most(n *node, of func(*analyze.Place) *analyze.Use) (percent float64) {
	for side := range n.places {
		for i, p := range n.places[side] {
			if p != nil {
				percent = max(percent, c.percent(side, i, of(p)))
			}
		}
	}
	return percent
}
