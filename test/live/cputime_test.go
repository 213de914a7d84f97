// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/ebrec/ebrec/test/truth"
)

func TestCPUTimeOfSpinner(t *testing.T) {
	r := record(t, []string{"-a"}, "spin", "--for", "2s")
	if n := checkCPUTime(t, r); n != 1 {
		t.Errorf("compared %d processes, want 1", n)
	}
}

func TestCPUTimeOfMixedProcesses(t *testing.T) {
	r := record(t, []string{"-a"}, "mixed", "--procs", "50", "--for", "3s")
	if n := checkCPUTime(t, r); n < 50 {
		t.Errorf("compared %d processes, want at least 50", n)
	}
	checkSwitches(t, r)
}

// TestCPUTimeOfCommandOnly records the workload alone: the same figures, and
// nobody else's.
func TestCPUTimeOfCommandOnly(t *testing.T) {
	r := record(t, nil, "mixed", "--procs", "10", "--for", "2s")
	if n := checkCPUTime(t, r); n < 10 {
		t.Errorf("compared %d processes, want at least 10", n)
	}
	for _, row := range analyze(t, "cputime", r.trace).Rows {
		if row.text("class") == "user" && row.int(t, "pid") == int64(os.Getpid()) {
			t.Errorf("row of this test, which is not the command: %v", row)
		}
	}
}

// TestOnCPUAddsUp checks that each CPU's time is given to somebody.
func TestOnCPUAddsUp(t *testing.T) {
	r := record(t, []string{"-a"}, "mixed", "--procs", "20", "--for", "2s")
	checkOnCPU(t, r, onlineCPUs(t))
}

// What the kernel's figures of CPU time are rounded down to, in ns: those of
// rusage twice, as user and as system time, those of a cgroup once.
const rusageGrain, cgroupGrain = 2 * 1000, 1000

// checkCPUTime holds the CPU time of every process between two figures of the
// kernel, and returns how many it compared. wait4 misses what a thread takes for
// its end, the process's own cgroup misses nothing: the figure is between them
// however much a machine slows such an end down, and needs no tolerance but for
// what both are rounded to. Where the capture says that it does not know all, its
// bounds must allow for such a figure.
func checkCPUTime(t *testing.T, r recording) int {
	t.Helper()
	got := analyze(t, "cputime", r.trace)
	for _, want := range r.truth.Processes {
		row := got.process(t, want)
		if row == nil {
			continue
		}
		cpu, least, most := row.int(t, "cpu_time_ns"), row.int(t, "cpu_time_min_ns"), row.int(t, "cpu_time_max_ns")
		if cpu < least || cpu > most || least < most && len(got.Loss) == 0 {
			t.Errorf("pid %d %s: cpu_time_ns %d, from %d to %d, of a capture that lacks nothing", want.PID, want.Comm, cpu, least, most)
		}
		if most < want.CPUNS-rusageGrain {
			t.Errorf("pid %d %s: CPU time %d at most, wait4 %d", want.PID, want.Comm, most, want.CPUNS)
		}
		if least > want.CgroupCPUNS+cgroupGrain {
			t.Errorf("pid %d %s: CPU time %d at least, its cgroup %d, wait4 %d", want.PID, want.Comm, least, want.CgroupCPUNS, want.CPUNS)
		}
	}
	return len(r.truth.Processes)
}

// preemptedAtEnd is how often a thread may be preempted in its last moments;
// on an emulated machine they last milliseconds.
const preemptedAtEnd = 3

// checkSwitches compares switch counts with wait4. The edge: wait4 takes its
// figures before a thread leaves its CPU for the last time, which is a
// voluntary switch, and so misses one per thread; in those last moments a
// thread may also be preempted.
func checkSwitches(t *testing.T, r recording) {
	t.Helper()
	got, unseen := analyze(t, "cputime", r.trace), lostOf(t, r.trace, "cpu")
	for _, want := range r.truth.Processes {
		row := got.process(t, want)
		if row == nil {
			continue
		}
		threads := row.int(t, "threads")
		if threads < int64(want.Threads) {
			t.Errorf("pid %d %s: %d threads, had %d at its end", want.PID, want.Comm, threads, want.Threads)
		}
		checkEdge(t, want, "voluntary", row.int(t, "voluntary"), want.Voluntary, threads, unseen)
		checkEdge(t, want, "involuntary", row.int(t, "involuntary"), want.Involuntary, preemptedAtEnd*threads, unseen)
	}
}

// checkEdge wants got in [want, want+edge], and less by as many switches as the
// program did not see.
func checkEdge(t *testing.T, p truth.Process, column string, got, want, edge, unseen int64) {
	t.Helper()
	if got < want-unseen || got > want+edge {
		t.Errorf("pid %d %s: %s %d, wait4 %d: want %d to %d, and %d were not seen", p.PID, p.Comm, column, got, want, want, want+edge, unseen)
	}
}

// checkOnCPU wants on_cpu_ns of all rows, those of idle CPUs and of nobody
// included, to be the time that the CPUs had, to the nanosecond. Nobody has any
// where the capture says that no switch went unseen.
func checkOnCPU(t *testing.T, r recording, cpus int) {
	t.Helper()
	got := analyze(t, "cputime", r.trace)
	if sum, want := got.sum(t, "on_cpu_ns", nil), int64(cpus)*got.Capture.DurationNS; sum != want {
		t.Errorf("on_cpu_ns adds up to %d, %d CPUs had %d: off by %+d", sum, cpus, want, sum-want)
	}
	if nobody := got.sum(t, "on_cpu_ns", row{"class": "unseen"}); nobody != 0 && !hidden(t, r.trace) {
		t.Errorf("nobody is known to have had %d ns, and no switch is told to have gone unseen", nobody)
	}
	if !slices.ContainsFunc(got.Rows, func(r row) bool { return r.text("class") == "idle" }) {
		t.Error("no idle row")
	}
}

// onlineCPUs counts the CPUs of the machine, not those of this process.
func onlineCPUs(t *testing.T) int {
	t.Helper()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	return len(regexp.MustCompile(`(?m)^cpu\d+ `).FindAll(bytes.TrimSpace(stat), -1))
}
