// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/analyze"
)

// HostColumns are those of the comparison of hosts.
var HostColumns = []analyze.ColumnSpec{
	{Name: "host", Text: true, Doc: "host that was recorded; with the first digits of its boot id where several machines have that name"},
	{Name: "captures", Unit: "count", Doc: "how many captures there are of the host"},
	{Name: "measure", Text: true, Doc: "what is compared, as ebrec diff has it; the unit is part of the name"},
	{Name: "value", Doc: "the measure of the host, in its unit: rates of all its recorded time, percentiles of the durations of all its captures"},
	{Name: "typical", Doc: "geometric mean of the other hosts, without those that differ"},
	{Name: "times", Doc: "value by typical"},
	{Name: "p", Doc: "chance that a host like the others is so far off, corrected for all hosts and measures, and for how many may differ (Bonferroni); none when it was not tested"},
	{Name: "verdict", Text: true, Doc: "differs: it is further off than hosts vary, and than its own captures do, and more than the threshold; same: noise included it is within the threshold of the typical value; cannot tell: neither is proven"},
	{Name: "reason", Text: true, Some: true, Doc: "why it cannot be told"},
}

// hostResult makes the table.
func hostResult(r *analyze.Result, rows []*hostRow, o HostOptions) *analyze.Result {
	order := map[*Measure]int{}
	found := map[string]bool{}
	for _, row := range rows {
		if _, ok := order[row.measure]; !ok {
			order[row.measure] = len(order)
		}
		if row.verdict == differs {
			found[row.host.name] = true
		}
	}
	slices.SortStableFunc(rows, func(a, b *hostRow) int {
		c := cmp.Compare(a.verdict.rank(), b.verdict.rank())
		if c == 0 && a.verdict == differs {
			c = cmp.Compare(a.p, b.p)
		}
		return cmp.Or(c, cmp.Compare(order[a.measure], order[b.measure]), strings.Compare(a.host.name, b.host.name))
	})
	t := analyze.Table{Title: "Hosts", Columns: HostColumns, Notes: []string{
		fmt.Sprintf("%d of the hosts differ in something. Differs: by %g%% or more, further than the others vary and than a host's own captures do; the chance that any host is named without differing is at most 5%%.", len(found), o.Threshold),
		"More than a fifth of the hosts (of few hosts three, and less than half) that differ in one measure hide each other.",
	}}
	for _, row := range rows {
		t.Rows = append(t.Rows, row.values())
	}
	t.Cut(o.Top)
	r.Doc, r.Columns, r.Tables = "Hosts that differ from the others in what "+o.Analysis.Name+" measures", HostColumns, []analyze.Table{t}
	return r
}

// rank puts what differs first.
func (v hostVerdict) rank() int { return slices.Index([]hostVerdict{differs, hostOpen, alike}, v) }

func (r *hostRow) values() []analyze.Value {
	amount := func(x float64, unit string) analyze.Value {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return analyze.Amount{Value: rounded(x), Unit: unit}
	}
	var reason analyze.Value
	if r.reason != "" {
		reason = r.reason
	}
	return []analyze.Value{r.host.name, uint64(r.host.captures), r.measure.Name, amount(r.value, r.measure.Unit), amount(r.typical, r.measure.Unit),
		amount(r.value/r.typical, "times"), amount(r.p, "chance"), string(r.verdict), reason}
}
