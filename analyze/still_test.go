// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// still is one second of four CPUs: cc 10 has CPU 0 from before to after it, CPU 1 is
// idle, as 20 leaves CPU 2 at 600 ms, and CPU 3 is nobody's, as far as is known.
func still() []row {
	stayed := sum(1000, 10, 10, -5000, 1000, 1000, 0, 0, false)
	return []row{
		at(0, "task", id(10, 10, 1, -5000, "cc"), v{"reason": "snapshot"}),
		at(0, "task", id(20, 20, 1, -4000, "as"), v{"reason": "snapshot"}),
		hop(600, 2, 20, 0, 0, "S"),
		at(1000, "loss", v{"cpu": 3, "since": 0, "lost": 1, "loss_source": "sched", "loss_reason": "unseen"}),
		stayed,
		sum(1000, 20, 20, -4000, 600, 600, 1, 0, false),
		at(1000, "cpu_sum", v{"cpu": 0}),
		at(1000, "cpu_sum", v{"cpu": 1, "idle_ns": 1000 * ms}),
		at(1000, "cpu_sum", v{"cpu": 2, "idle_ns": 400 * ms, "switches": 1}),
		at(1000, "cpu_sum", v{"cpu": 3, "unseen_ns": 1000 * ms}),
		end,
	}
}

var fourCPUs = capture{meta: func(m *format.Metadata) { m.CPUs = 4 }}

// A span in which a CPU does not switch has the time of who is there, and so does a
// slice of it.
func TestCPUThatNeverSwitches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.arrow")
	data, err := fourCPUs.build(still())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, span := range [][2]int64{{0, 300}, {200, 500}, {400, 700}, {700, 900}, {800, 1000}} {
		from, to := begin.Add(time.Duration(span[0])*time.Millisecond).UnixNano(), begin.Add(time.Duration(span[1])*time.Millisecond).UnixNano()
		length := span[1] - span[0]
		worked := max(0, min(span[1], 600)-span[0])
		want := []string{fmt.Sprintf("cc %d", length*ms)}
		if worked > 0 {
			want = append(want, fmt.Sprintf("as %d", worked*ms))
		}
		want = append(want, "idle/0 0", fmt.Sprintf("idle/1 %d", length*ms), fmt.Sprintf("idle/2 %d", (length-worked)*ms), "idle/3 0", fmt.Sprintf("unseen/3 %d", length*ms))
		c, err := format.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		o := analyze.Options{From: from, To: to, Sort: "pid"}
		for name, got := range map[string]*analyze.Result{
			"span":  run(t, c, "cputime", o),
			"slice": run(t, sliced(t, path, replay.Slice{From: from, To: to}), "cputime", analyze.Options{Sort: "pid"}),
		} {
			all := map[string]bool{}
			for _, r := range rows(t, got, "comm", "on_cpu_ns") {
				all[r] = true
			}
			wanted := map[string]bool{}
			for _, r := range want {
				wanted[r] = true
			}
			if diff := cmp.Diff(wanted, all); diff != "" {
				t.Errorf("%s from %d to %d ms (-want +got):\n%s", name, span[0], span[1], diff)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAuditOfCPUThatNeverSwitches(t *testing.T) {
	if got := verdict(t, run(t, fourCPUs.write(t, still()...), "audit", analyze.Options{})); got != "exact. Switches and sums agree to the nanosecond for 2 threads, and with the wall clock." {
		t.Error(got)
	}
}
