// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"fmt"

	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
)

// compared is what changed since other captures.
type compared struct {
	section
	diff *diff.Report
}

// compare fills in what changed since the captures of the options.
func (r *Report) compare(ctx context.Context, c *format.Capture, o Options) error {
	if len(o.Base) == 0 {
		return nil
	}
	d, err := diff.Run(ctx, o.Base, []*format.Capture{c}, diff.Options{})
	if err != nil {
		return err
	}
	r.compared = &compared{section{"diff", "What changed", d.Result(0)}, d}
	r.whole = r.whole && d.Whole
	return nil
}

// shown are the sections of the page, in its order: what changed comes first.
func (r *Report) shown() []section {
	if r.compared == nil {
		return r.sections
	}
	return append([]section{r.compared.section}, r.sections...)
}

// told counts the verdicts.
func (d *compared) told() string {
	n := map[diff.Verdict]int{}
	for i := range d.diff.Tables {
		for j := range d.diff.Tables[i].Rows {
			n[d.diff.Tables[i].Rows[j].Verdict]++
		}
	}
	return fmt.Sprintf("Compared with what was before: %d numbers changed, %d are the same, of %d it cannot be told.", n[diff.Changed], n[diff.Same], n[diff.CannotTell])
}

// facts are the captures that this one is compared with.
func (d *compared) facts() (facts []fact) {
	for i := range d.diff.Base {
		c := &d.diff.Base[i].Recording
		facts = append(facts, fact{"Compared with", fmt.Sprintf("%s (%s) for %s, from %s", c.Host, c.Kernel, duration(c.DurationNS), c.Start.Format("2006-01-02 15:04:05 -0700"))})
	}
	return facts
}
