// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/need"
)

// TestSchedstat holds CPU time and run-queue wait against what the kernel tells of
// four processes that share a CPU: they read it themselves, a little before they
// end, and this test reads it again when the recording is over and nobody can add
// to it. For that they must not have been waited for: their parent leaves them to
// this process.
func TestSchedstat(t *testing.T) {
	need.BPF(t)
	adoptOrphans(t)
	const one = `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; read cpu wait _ </proc/self/schedstat; echo $$ $cpu $wait`
	trace := filepath.Join(t.TempDir(), "trace.arrow")
	all := "{ " + strings.Repeat("taskset 1 sh -c '"+one+"' & ", 4) + "} | cat" // cat ends with the last of them
	out := run(t, "record", "-o", trace, "-e", "cpu,process", "--", "sh", "-c", all)
	got := analyze(t, "cputime", trace)
	compared := 0
	for line := range strings.Lines(string(out)) {
		var pid int
		var said schedstat
		if _, err := fmt.Sscan(line, &pid, &said.cpu, &said.wait); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		last := bury(t, pid)
		r := got.find(t, row{"pid": pid, "comm": "sh"})
		if r == nil {
			continue
		}
		compared++
		if least, most := r.int(t, "cpu_time_min_ns"), r.int(t, "cpu_time_max_ns"); most < said.cpu || least > last.cpu {
			t.Errorf("pid %d: CPU time from %d to %d, /proc/%[1]d/schedstat said %[4]d, and %[5]d in the end", pid, least, most, said.cpu, last.cpu)
		}
		if wait := r.int(t, "run_queue_ns"); wait < said.wait || wait > last.wait {
			t.Errorf("pid %d: run_queue_ns %d, /proc/%[1]d/schedstat said %[3]d, and %[4]d in the end", pid, wait, said.wait, last.wait)
		}
	}
	if compared != 4 {
		t.Errorf("compared %d of 4 processes:\n%s", compared, out)
	}
}

// schedstat is what /proc/PID/schedstat says first, in ns: time on a CPU and in a
// run queue.
type schedstat struct{ cpu, wait int64 }

// adoptOrphans makes this process the parent of descendants whose parent ends.
func adoptOrphans(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

// bury waits for the end of a process that this one has adopted, and reads what it
// used.
func bury(t *testing.T, pid int) (last schedstat) {
	t.Helper()
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatalf("wait for process %d: %v", pid, err)
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(data), &last.cpu, &last.wait); err != nil {
		t.Fatalf("/proc/%d/schedstat: %q: %v", pid, data, err)
	}
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		t.Fatal(err)
	}
	return last
}
