// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
)

func waking(atMS int64, cpu, tid, woken int) row {
	return at(atMS, "sched_waking", v{"cpu": cpu, "tid": tid, "woken_tid": woken})
}

// alarms are the shifts with wakeups: an interrupt wakes as at 560, although the
// kernel says that it had waited 50 ms before 600; as wakes cc at 690; cc is woken
// at 380, while it is on a CPU, and the last wakeup has no end.
func alarms() []row {
	all := shifts()
	woken := []row{waking(150, 0, 20, 21), waking(380, 1, 21, 10), waking(560, 1, 0, 20), waking(690, 0, 20, 10), waking(950, 1, 10, 20)}
	var merged []row
	for _, r := range all {
		for len(woken) > 0 && woken[0].at < r.at {
			merged, woken = append(merged, woken[0]), woken[1:]
		}
		merged = append(merged, r)
	}
	return merged
}

func TestWakeups(t *testing.T) {
	for by, want := range map[string][]string{
		"process": {
			"10 <nil> cc 20 <nil> as 1 <nil> <nil> <nil>",
			"20 <nil> as 10 <nil> cc 2 1 10000000 10000000",
			"20 <nil> as 20 <nil> as 1 1 50000000 50000000",
			"<nil> <nil> idle 20 <nil> as 1 1 40000000 40000000",
		},
		"thread": {
			"10 10 cc 20 20 as 1 <nil> <nil> <nil>",
			"20 20 as 10 10 cc 1 1 10000000 10000000",
			"20 20 as 20 21 ld 1 1 50000000 50000000",
			"20 21 ld 10 10 cc 1 <nil> <nil> <nil>",
			"<nil> <nil> idle 20 20 as 1 1 40000000 40000000",
		},
		"comm": {
			"<nil> <nil> as <nil> <nil> as 1 1 50000000 50000000",
			"<nil> <nil> as <nil> <nil> cc 2 1 10000000 10000000",
			"<nil> <nil> cc <nil> <nil> as 1 <nil> <nil> <nil>",
			"<nil> <nil> idle <nil> <nil> as 1 1 40000000 40000000",
		},
	} {
		t.Run(by, func(t *testing.T) {
			r := run(t, write(t, alarms()...), "wakeups", analyze.Options{By: by, Sort: "pid"})
			got := rows(t, r, "pid", "tid", "comm", "woken_pid", "woken_tid", "woken_comm", "wakeups", "measured", "latency_average_ns", "latency_max_ns")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Only wakeups of the window count.
func TestWakeupsOfWindow(t *testing.T) {
	c := write(t, alarms()...)
	from := c.Meta().Start.UnixNano() + 600*ms
	r := run(t, c, "wakeups", analyze.Options{From: from, To: from + 200*ms})
	if diff := cmp.Diff([]string{"as cc 1 10000000"}, rows(t, r, "comm", "woken_comm", "wakeups", "latency_max_ns")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A wait is no longer than the time since the wakeup, and the longest waits say
// who woke the thread.
func TestWaitsAfterWakeups(t *testing.T) {
	r := run(t, write(t, alarms()...), "runqlat", analyze.Options{})
	longest := r.Tables[3]
	var got []string
	for _, row := range longest.Rows {
		got = append(got, strings.TrimSpace(fmt.Sprintln(row[1], row[3], row[7], row[8])))
	}
	want := []string{"200000000 cc <nil> <nil>", "50000000 ld 20 as", "40000000 as <nil> <nil>", "40000000 as 0 idle"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
