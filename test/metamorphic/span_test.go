// SPDX-License-Identifier: Apache-2.0

package metamorphic

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/test/capturetest"
)

// Two spans that meet: what is counted is counted in one of them.
func TestSpansAddUp(t *testing.T) {
	onFixtures(t, func(t *testing.T, path string) {
		c := capturetest.Open(t, path)
		tried := 0
		for _, at := range cuts(t, c) {
			for _, a := range analyze.All {
				if a.Whole {
					continue
				}
				for _, by := range groupings(a) {
					whole := run(t, c, a, analyze.Options{By: by})
					one, two := run(t, c, a, analyze.Options{To: at, By: by}), run(t, c, a, analyze.Options{From: at, By: by})
					if whole == nil || one == nil || two == nil {
						continue
					}
					tried++
					addUp(t, fmt.Sprintf("%s by %s cut at %d", a.Name, by, at), a, whole, one, two)
				}
			}
		}
		if tried < 20 {
			t.Errorf("only %d spans", tried)
		}
	})
}

// notAdditive are columns whose names do not say that they are no sums over time.
var notAdditive = regexp.MustCompile(`\bp[0-9]+_|_p[0-9]+_|average|max_|min_|largest_|^(threads|connections|lifetime_ns|duration_ns|connect_ns|accept_ns|srtt_ns|from_ns|to_ns)$`)

// edges are further columns that are no sums, by analysis, and why.
var edges = map[string]map[string]string{
	"cputime":   {"cpu_time_ns": "within bounds, where switches measure a span", "run_queue_ns": "a wait before the cut for a time on a CPU behind it is in neither", "migrations": "sums have the moves that the scheduler counts, switches those after which the thread ran there"},
	"summary":   {"cpu_time_ns": "begins and ends where sums were read", "on_cpu_ns": "the same", "run_queue_ns": "the same", "switches": "the same", "requests": "those of connections that ended", "failed": "processes that ended", "retransmits": "since connections began", "tx_bytes": "the same", "rx_bytes": "the same"},
	"lifetimes": {"cpu_time_ns": "since the process started", "processes": "short ones, and the ten most", "failed": "the same"},
	"offcpu":    {"runnable_ns": "a wait open at the cut counts as the sleep before it", "sleeping_ns": "the same", "uninterruptible_ns": "the same", "stopped_ns": "the same", "other_ns": "the same", "unknown_ns": "the same", "wall_ns": "who was on no CPU has no row"},
	"wakeups":   {"measured": "the wakeup before the cut, the latency behind it"},
	"tcplat":    {"tx_bytes": "since the connection began", "rx_bytes": "the same", "retransmits": "the same"},
	"tcptop":    {"total_bytes": "known when connections were listed or closed", "tx_bytes": "the same", "rx_bytes": "the same", "sends": "the same", "receives": "the same", "segments_out": "the same", "segments_in": "the same", "retransmits": "the same"},
	"tcplife":   {"tx_bytes": "since the connection began", "rx_bytes": "the same", "retransmits": "the same"},
}

// additive tells whether a column counts what happened in a span.
func additive(a *analyze.Analysis, c *analyze.ColumnSpec) bool {
	_, edge := edges[a.Name][c.Name]
	return !edge && (c.Unit == "ns" || c.Unit == "bytes" || c.Unit == "count") && !notAdditive.MatchString(c.Name)
}

func addUp(t *testing.T, where string, a *analyze.Analysis, whole, one, two *analyze.Result) {
	t.Helper()
	unknown := map[string]bool{}
	want, got := totals(a, whole, unknown), totals(a, one, unknown)
	for k, n := range totals(a, two, unknown) {
		got[k] += n
	}
	for k := range unknown {
		delete(want, k)
		delete(got, k)
	}
	if a.Sums && !exact(whole, one, two) { // both have less than a reading's worth at the cut
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-whole +added up):\n%s", where, diff)
	}
	if a.Sort != "time" {
		return
	}
	if diff := cmp.Diff(listed(whole), append(listed(one), listed(two)...)); diff != "" {
		t.Errorf("%s, rows (-whole +one after the other):\n%s", where, diff)
	}
}

// totals adds additive columns up, by table and by what names a row, and notes
// which of them are not known.
func totals(a *analyze.Analysis, r *analyze.Result, unknown map[string]bool) map[string]int64 {
	all := map[string]int64{}
	for _, table := range r.Tables {
		if table.Own || table.Hidden > 0 {
			continue
		}
		for _, row := range table.Rows {
			key := ""
			for _, name := range []string{"pid", "tid", "woken_pid", "woken_tid", "laddr", "lport", "raddr", "rport"} {
				if i := column(table.Columns, name); i >= 0 {
					key += fmt.Sprint(name, "=", row[i], " ")
				}
			}
			if key == "" || a.By != nil && row[0] == nil { // rows of names
				key += fmt.Sprint(row[column(table.Columns, "comm")])
			}
			for i := range table.Columns {
				c := &table.Columns[i]
				if k := table.Title + ": " + key + c.Name; row[i] == nil {
					unknown[k] = true
				} else if n, ok := row[i].(uint64); ok && n > 0 && additive(a, c) {
					all[k] += int64(n)
				}
			}
		}
	}
	return all
}

// listed are the instants of a list of what happened, and what it says besides
// names, which may become known later.
func listed(r *analyze.Result) (all []string) {
	table := r.Tables[0]
	at := column(table.Columns, "time")
	for _, row := range table.Rows {
		line := fmt.Sprint(row[at])
		for i, c := range table.Columns {
			if c.Unit != "" && i != at {
				line += fmt.Sprint(" ", c.Name, "=", row[i])
			}
		}
		all = append(all, line)
	}
	return all
}

// exact tells whether spans were measured to the nanosecond, or cut where sums
// were read.
func exact(whole, one, two *analyze.Result) bool {
	return one.Capture.DurationNS+two.Capture.DurationNS == whole.Capture.DurationNS
}

// Edges name columns that there are.
func TestEdges(t *testing.T) {
	for name, columns := range edges {
		a, err := analyze.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Clone(a.Columns)
		for _, table := range a.Also {
			all = append(all, table.Columns...)
		}
		for c := range columns {
			if column(all, c) < 0 {
				t.Errorf("%s has no column %s", name, c)
			}
		}
	}
}
