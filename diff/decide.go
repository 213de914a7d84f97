// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// mostLone is how many things of one side are named.
const mostLone = 1000

// level is the chance of a wrong verdict that is allowed.
const level = 0.05

// decide gives all rows their verdicts. Each comparison is a chance for noise to
// look like a change, so the chances are corrected for how many there are: one
// half of the level is for the CPU time of processes, the other for all else. Only
// what differs in truth can be called the same in error, so that is not corrected.
func (r *Report) decide() {
	var first, others []*float64
	for i := range r.Tables {
		t := &r.Tables[i]
		for j := range t.Rows {
			if p := &t.Rows[j].test.differs; i == 0 && t.Rows[j].Measure == &Measures[0] {
				first = append(first, p)
			} else {
				others = append(others, p)
			}
		}
		for j := range t.Lone {
			first = append(first, &t.Lone[j].test.differs)
		}
	}
	tests := 0
	for _, family := range [][]*float64{first, others} {
		tests += holm(family, 2)
	}
	for i := range r.Tables {
		r.Tables[i].decide(r.Options.Threshold, tests)
	}
}

// holm corrects the chances of several tests for how many there are, so that the
// chance of any wrong verdict among all of them stays below the level, however they
// depend on each other (Holm 1979); of so many families each has an equal part of
// the level. NaN are no tests. It returns how many are.
func holm(all []*float64, families float64) int {
	all = slices.DeleteFunc(all, func(p *float64) bool { return math.IsNaN(*p) })
	slices.SortStableFunc(all, func(a, b *float64) int { return cmp.Compare(*a, *b) })
	least := 0.0
	for i, p := range all {
		least = max(least, min(1, *p*families*float64(len(all)-i)))
		*p = least
	}
	return len(all)
}

func (t *Table) decide(threshold float64, tests int) {
	for i := range t.Rows {
		t.Rows[i].decide(threshold, tests)
	}
	for i := range t.Lone {
		l := &t.Lone[i]
		if l.Verdict, l.Reason = CannotTell, l.test.why; l.test.differs < level {
			l.Verdict, l.Reason = Changed, ""
		}
	}
	slices.SortStableFunc(t.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.cpu, a.cpu), strings.Compare(a.Name, b.Name), cmp.Compare(a.order, b.order))
	})
	slices.SortStableFunc(t.Lone, func(a, b Lone) int {
		return cmp.Or(cmp.Compare(rank(a.Verdict), rank(b.Verdict)), cmp.Compare(b.CPUTime, a.CPUTime), cmp.Compare(b.Connects+b.Responses, a.Connects+a.Responses), strings.Compare(a.Name, b.Name))
	})
	t.LoneLeft = max(0, len(t.Lone)-mostLone)
	t.Lone = t.Lone[:len(t.Lone)-t.LoneLeft]
}

// rank puts what changed first, then what differs all the same, and what is the
// same last.
func (r *Row) rank() int {
	if r.Verdict == CannotTell && r.test.differs >= level {
		return 2*rank(CannotTell) + 1
	}
	return 2 * rank(r.Verdict)
}

func rank(v Verdict) int { return slices.Index([]Verdict{Changed, CannotTell, Same}, v) }

// decide gives a verdict by the corrected chances.
func (r *Row) decide(threshold float64, tests int) {
	t := &r.test
	r.P = t.differs
	switch {
	case t.differs < level && !t.small && !t.varies:
		r.Verdict = Changed
	case t.same < level:
		r.Verdict = Same
	default:
		r.Verdict, r.Reason = CannotTell, t.why
		if t.why == "" {
			r.Reason = r.doubt(threshold, tests)
		}
	}
}

// doubt says why neither is proven.
func (r *Row) doubt(threshold float64, tests int) string {
	t := &r.test
	switch {
	case math.IsInf(t.half, 0):
		return "what was lost may explain any difference"
	case t.differs < level && t.varies && !t.small:
		return "it differs, and may from run to run: compare several captures a side"
	case t.differs < level:
		return fmt.Sprintf("it differs, but not surely by more than %g%%, nor by less", threshold)
	case (r.Low > 0 || r.High < 0) && !t.small:
		return fmt.Sprintf("it would be told alone, but not among %d", tests)
	}
	return fmt.Sprintf("noise: it is true within %.1f%% only", percent(t.half))
}
