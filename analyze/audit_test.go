// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/test/capturetest"
)

func verdict(t *testing.T, r *analyze.Result) string {
	t.Helper()
	for _, n := range r.Tables[0].Notes {
		if v, ok := strings.CutPrefix(n, "Verdict: "); ok {
			return v
		}
	}
	t.Fatalf("no verdict in %q", r.Tables[0].Notes)
	return ""
}

// audited are the shifts with the sums of a kernel program: 10 on_cpu 500 ms,
// 20 500, 21 300; CPU 0 idle 300, CPU 1 400. The sums of 10 are off by some ns.
func auditedShifts(off int64) []row {
	used := func(pid, tid, start int, ns, clock int64) row {
		return row{at: 999 * ms, kind: "task_sum", values: v{"pid": pid, "tid": tid, "start": start * ms, "on_cpu_ns": ns, "cpu_time_ns": clock}}
	}
	all := shifts()
	all = all[:len(all)-1]
	return append(all,
		row{at: 1000 * ms, kind: "task_sum", values: v{"pid": 10, "tid": 10, "start": -5000 * ms, "on_cpu_ns": 500*ms + off, "cpu_time_ns": 480 * ms}},
		row{at: 1000 * ms, kind: "task_sum", values: v{"pid": 20, "tid": 20, "start": -4000 * ms, "on_cpu_ns": 500 * ms, "cpu_time_ns": 501 * ms}},
		used(20, 21, 150, 300*ms, 300*ms),
		at(1000, "cpu_sum", v{"cpu": 0, "idle_ns": 300 * ms}), at(1000, "cpu_sum", v{"cpu": 1, "idle_ns": 400 * ms}),
		at(1000, "cpu_stat", v{"cpu": 1, "steal_ns": 20 * ms}),
		end)
}

func TestAudit(t *testing.T) {
	r := run(t, write(t, auditedShifts(0)...), "audit", analyze.Options{})
	want := []string{
		"10 10 cc 500000000 500000000 480000000 0 -20000000 20000000",
		"20 20 as 500000000 500000000 501000000 0 1000000 1000000",
		"20 21 ld 300000000 300000000 300000000 0 0 0",
	}
	if diff := cmp.Diff(want, rows(t, r, "pid", "tid", "comm", "switches_ns", "on_cpu_ns", "cpu_time_ns", "switches_off_ns", "clock_off_ns", "disagreement_ns")[:3]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v := verdict(t, r); !strings.HasPrefix(v, "exact.") {
		t.Errorf("verdict %q", v)
	}
	if steal := r.Tables[1].Rows[1][6]; steal != uint64(20*ms) {
		t.Errorf("steal %v, want 20 ms", steal)
	}
}

// Whatever is off is said.
func TestAuditFindsErrors(t *testing.T) {
	lost := auditedShifts(0)
	lost = append(lost[:len(lost)-1], at(999, "loss", v{"since": 0, "lost": 3, "loss_source": "tcp", "loss_reason": "ring_full"}), end)
	gap := slices.DeleteFunc(auditedShifts(0), func(r row) bool { return r.kind == "sched_switch" && r.at == 300*ms })
	for want, all := range map[string][]row{
		"not exact: time on a CPU and idle is +7 ns off the wall clock; of 1 of 3 threads switches and sums differ, by up to 7 ns.": auditedShifts(7),
		"not exact: events were lost.":                 lost,
		"not exact: switches are missing in 1 places.": gap,
	} {
		r := run(t, write(t, all...), "audit", analyze.Options{})
		if got := verdict(t, r); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Of every recorded fixture the switches and sums agree.
func TestAuditOfFixtures(t *testing.T) {
	exact := 0
	for _, path := range captures(t) {
		c := capturetest.Open(t, path)
		r, err := analyze.Run(t.Context(), c, find(t, "audit"), analyze.Options{})
		if c.Kind("task_sum") == nil {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		switch v := verdict(t, r); {
		case strings.HasPrefix(v, "exact."):
			exact++
		case !strings.HasPrefix(v, "nothing is wrong."):
			t.Errorf("%s: %s", path, v)
		}
	}
	if exact == 0 {
		t.Error("no fixture has switches")
	}
}
