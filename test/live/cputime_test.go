// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ebrec/ebrec/test/need"
	"github.com/ebrec/ebrec/test/truth"
)

const (
	// cpuFloorNS is the CPU time under which a process is too short to hold
	// to 1%: wait4 misses the last microseconds of its exit.
	cpuFloorNS   = int64(50 * time.Millisecond)
	cpuTolerance = 0.01
)

func TestCPUTimeOfSpinner(t *testing.T) {
	r := record(t, []string{"-a"}, "spin", "--for", "2s")
	if n := checkCPUTime(t, r, 0); n != 1 {
		t.Errorf("compared %d processes, want 1", n)
	}
}

func TestCPUTimeOfMixedProcesses(t *testing.T) {
	r := record(t, []string{"-a"}, "mixed", "--procs", "50", "--for", "3s")
	if n := checkCPUTime(t, r, 0); n < 25 {
		t.Errorf("compared %d processes over %v, want at least 25", n, time.Duration(cpuFloorNS))
	}
	checkSwitches(t, r)
}

// TestCPUTimeOfCommandOnly records the workload alone: the same figures, and
// nobody else's.
func TestCPUTimeOfCommandOnly(t *testing.T) {
	r := record(t, nil, "mixed", "--procs", "10", "--for", "2s")
	if n := checkCPUTime(t, r, 0); n < 5 {
		t.Errorf("compared %d processes, want at least 5", n)
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

// clockGrain is what rusage rounds to, in ns, once for user and system time.
const clockGrain = 2000

// checkCPUTime compares cpu_time_ns of every process over the floor with
// wait4 and returns how many it compared. perExit is what a thread's exit may
// take where everything is slow, on top of the tolerance: wait4 misses it.
func checkCPUTime(t *testing.T, r recording, perExit time.Duration) int {
	t.Helper()
	got := analyze(t, "cputime", r.trace)
	n := 0
	for _, want := range r.truth.Processes {
		if want.CPUNS < cpuFloorNS {
			continue
		}
		row := got.find(t, row{"pid": want.PID})
		if row == nil {
			continue
		}
		n++
		cpu := row.int(t, "cpu_time_ns")
		exits := min(max(0, cpu-want.CPUNS), int64(perExit)*int64(want.Threads))
		if off := float64(cpu-exits-want.CPUNS) / float64(want.CPUNS); math.Abs(off) > cpuTolerance {
			t.Errorf("pid %d %s: cpu_time_ns %d, wait4 %d: off by %.2f%%", want.PID, want.Comm, cpu, want.CPUNS, 100*off)
		}
		// The task clock is the kernel's own: wait4 only misses a thread's exit.
		if cpu < want.CPUNS-clockGrain {
			t.Errorf("pid %d %s: cpu_time_ns %d is below wait4's %d", want.PID, want.Comm, cpu, want.CPUNS)
		}
		if row.text("comm") != want.Comm {
			t.Errorf("pid %d: comm %q, want %q", want.PID, row.text("comm"), want.Comm)
		}
	}
	return n
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
	got := analyze(t, "cputime", r.trace)
	for _, want := range r.truth.Processes {
		row := got.find(t, row{"pid": want.PID})
		if row == nil {
			continue
		}
		threads := row.int(t, "threads")
		if threads < int64(want.Threads) {
			t.Errorf("pid %d %s: %d threads, had %d at its end", want.PID, want.Comm, threads, want.Threads)
		}
		checkEdge(t, want, "voluntary", row.int(t, "voluntary"), want.Voluntary, threads)
		checkEdge(t, want, "involuntary", row.int(t, "involuntary"), want.Involuntary, preemptedAtEnd*threads)
	}
}

// checkEdge wants got in [want, want+edge].
func checkEdge(t *testing.T, p truth.Process, column string, got, want, edge int64) {
	t.Helper()
	if got < want || got > want+edge {
		t.Errorf("pid %d %s: %s %d, wait4 %d: want %d to %d", p.PID, p.Comm, column, got, want, want, want+edge)
	}
}

// checkOnCPU wants on_cpu_ns of all rows, idle ones included, to be the time
// that the CPUs had, to the nanosecond.
func checkOnCPU(t *testing.T, r recording, cpus int) {
	t.Helper()
	got := analyze(t, "cputime", r.trace)
	var sum, idle int64
	for _, row := range got.Rows {
		sum += row.int(t, "on_cpu_ns")
		if row.text("class") == "idle" {
			idle++
		}
	}
	if want := int64(cpus) * got.Capture.DurationNS; sum != want {
		t.Errorf("on_cpu_ns adds up to %d, %d CPUs had %d: off by %+d", sum, cpus, want, sum-want)
	}
	if idle == 0 {
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

// TestSchedstat holds CPU time and run-queue wait against what the kernel tells
// processes of themselves, four of which share two CPUs or fewer.
func TestSchedstat(t *testing.T) {
	need.BPF(t)
	const one = `i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; read cpu wait _ </proc/self/schedstat; echo $$ $cpu $wait`
	trace := filepath.Join(t.TempDir(), "trace.arrow")
	all := strings.Repeat("taskset 1 sh -c '"+one+"' & ", 4) + "wait"
	out := run(t, "record", "-o", trace, "-e", "cpu,process", "--", "sh", "-c", all)
	got := analyze(t, "cputime", trace)
	compared := 0
	for line := range strings.Lines(string(out)) {
		var pid int
		var cpu, wait int64
		if _, err := fmt.Sscan(line, &pid, &cpu, &wait); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		r := got.find(t, row{"pid": pid})
		if r == nil {
			continue
		}
		compared++
		for name, want := range map[string]int64{"cpu_time_ns": cpu, "run_queue_ns": wait} {
			// The process lives on a little after it looked.
			if n := r.int(t, name); n < want-want/1000 || n > want+want/100+int64(2*time.Millisecond) {
				t.Errorf("pid %d: %s is %d, /proc/%[1]d/schedstat said %[4]d", pid, name, n, want)
			}
		}
	}
	if compared != 4 {
		t.Errorf("compared %d of 4 processes:\n%s", compared, out)
	}
}
