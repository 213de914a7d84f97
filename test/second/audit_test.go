// SPDX-License-Identifier: Apache-2.0

package second

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// audits are second ones of the tables of an audit.
var audits = map[string]func(r *recording, by string) [][]any{
	"Threads": audited, "CPUs": auditedCPUs, "Largest disagreements of an interval": disagreements,
	"Longest intervals in which switches went unseen": longestUnseen,
}

// compareAudit holds an audit, which is of all that was recorded, against the second one.
func compareAudit(t *testing.T, c *format.Capture, r *recording) {
	t.Helper()
	a, err := analyze.Find("audit")
	if err != nil {
		t.Fatal(err)
	}
	got, err := analyze.Run(t.Context(), c, a, analyze.Options{})
	if err != nil {
		t.Error(err)
		return
	}
	if len(got.Tables) != len(audits) {
		t.Errorf("an audit has %d tables, the second one %d", len(got.Tables), len(audits))
	}
	for i := range got.Tables {
		table := &got.Tables[i]
		second := audits[table.Title]
		if second == nil {
			t.Errorf("audit has no second table %q", table.Title)
			continue
		}
		if diff := lacking(second(r, ""), table); diff != "" {
			t.Errorf("audit: %s (-second +analyze):\n%s", table.Title, diff)
		}
	}
	compareLines(t, r.verdict(), got.Tables[0].Notes)
}

// lasting is a duration as people read it.
var lasting = regexp.MustCompile(`([+-]?\d+)(\.\d+)? (ns|us|ms|s)\b`)

// compareLines holds lines against others with durations in ns.
func compareLines(t *testing.T, want, got []string) {
	t.Helper()
	words := func(lines []string) string { return lasting.ReplaceAllString(strings.Join(lines, "\n"), "# ns") }
	if diff := cmp.Diff(words(want), words(got)); diff != "" {
		t.Errorf("verdict (-second +analyze):\n%s", diff)
		return
	}
	all := lasting.FindAllStringSubmatch(strings.Join(want, "\n"), -1)
	for i, d := range lasting.FindAllStringSubmatch(strings.Join(got, "\n"), -1) {
		unit := map[string]float64{"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[d[3]]
		exact, _ := strconv.ParseFloat(all[i][1], 64)
		if number := strconv.FormatFloat(exact/unit, 'f', max(0, len(d[2])-1), 64); strings.TrimPrefix(d[1], "+")+d[2] != number {
			t.Errorf("verdict: second %s, analyze %s in %q", all[i][0], d[0], got)
		}
	}
}
