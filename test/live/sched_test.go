// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"strings"
	"testing"
)

// checkSwitchesAgree is for guests only: on other machines threads may be hidden
// from tracing, and then switches are missing.
//
// What the switches say one by one is what the kernel summed up: time on a CPU
// to the nanosecond; and all places together are the life of each.
func checkSwitchesAgree(t *testing.T, r recording) {
	t.Helper()
	sums := analyze(t, "cputime", r.trace)
	off := analyze(t, "offcpu", r.trace)
	waits := analyze(t, "runqlat", r.trace)
	countsSleep := strings.HasPrefix(sums.Capture.Kernel, "6.12.")
	compared := 0
	for _, sum := range sums.Rows {
		if sum.text("class") != "user" {
			continue
		}
		pid := int(sum.int(t, "pid"))
		o, w := off.find(t, row{"pid": pid}), waits.find(t, row{"pid": pid})
		if o == nil || w == nil {
			continue
		}
		compared++
		if got, want := o.int(t, "on_cpu_ns"), sum.int(t, "on_cpu_ns"); got != want {
			t.Errorf("pid %d: on a CPU for %d ns by its switches, %d by its sums", pid, got, want)
		}
		if got, want := o.int(t, "voluntary"), sum.int(t, "voluntary"); got != want {
			t.Errorf("pid %d: %d voluntary switches, its sums count %d", pid, got, want)
		}
		if got, want := o.int(t, "preempted"), sum.int(t, "involuntary"); got != want {
			t.Errorf("pid %d: preempted %d times, its sums count %d", pid, got, want)
		}
		// A wakeup bounds the wait behind it, which the kernel's counter may exceed:
		// 6.12 counts the sleep of threads that it moves before it dequeues them. That
		// the rows have what the counter says, check looks for.
		if total, queue := w.int(t, "total_ns"), sum.int(t, "run_queue_ns"); total > queue || total < queue/2 && !countsSleep {
			t.Errorf("pid %d: waited %d ns by its switches, %d by its sums", pid, total, queue)
		}
		places := int64(0)
		for _, name := range []string{"on_cpu_ns", "runnable_ns", "sleeping_ns", "uninterruptible_ns", "stopped_ns", "other_ns", "unknown_ns"} {
			places += o.int(t, name)
		}
		if wall := o.int(t, "wall_ns"); places != wall {
			t.Errorf("pid %d: places add up to %d, its life is %d", pid, places, wall)
		}
	}
	if compared < 5 {
		t.Errorf("compared %d processes", compared)
	}
}
