// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ebrec/ebrec/test/need"
)

// soakSide is how many recordings are made at a time. Each is of the whole machine,
// the others included.
const soakSide = 4

// TestSoak makes as many recordings of three seconds as EBREC_SOAK says, beside two
// spinning programs and a storm of forks, each a session of its own. No thread may
// have more CPU time than its life has, every process what the kernel says, and
// check and audit find nothing but what the capture names.
func TestSoak(t *testing.T) {
	recordings, err := strconv.Atoi(os.Getenv("EBREC_SOAK"))
	if err != nil {
		t.Skip("EBREC_SOAK is not a number of recordings")
	}
	need.BPF(t)
	apart(t, workload, "child", "spin", "24h", "100")
	apart(t, workload, "child", "spin", "24h", "100")
	apart(t, "sh", "-c", "while :; do /bin/true; done")
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range recordings {
			next <- i + 1
		}
	}()
	t.Run("recordings", func(t *testing.T) {
		for side := range soakSide {
			t.Run(fmt.Sprint(side), func(t *testing.T) {
				t.Parallel()
				for i := range next {
					t.Run(fmt.Sprint("recording ", i), soak)
				}
			})
		}
	})
}

// apart starts a program in a session of its own, which ends with the test.
func apart(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
}

func soak(t *testing.T) {
	r := record(t, []string{"-a", "-e", "cpu,sched,process"}, "mixed", "--procs", "7", "--for", "3s")
	if n := checkCPUTime(t, r); n < 7 {
		t.Errorf("compared %d processes, want at least 7", n)
	}
	checkOnCPU(t, r, onlineCPUs(t))
	threads := checkLives(t, r.trace)
	off := checkAudit(t, r.trace)
	t.Logf("%s of %d threads; %d switches went unseen, and nobody is known to have had %v", filepath.Base(r.trace), threads, lostOf(t, r.trace, "cpu", "sched"), off)
}

// What two clocks of a machine may differ by: the one that CPU time goes by is not
// slewed, the wall clock is, by 500 millionths at most (adjtimex(2)); and they are
// read a little apart, at each end of a slice.
const (
	slew    = 500e-6
	apartNS = int64(200 * time.Microsecond)
)

// checkLives wants no thread to have had more CPU time than there was between its
// start, or that of the recording, and its last row. It reads the rows themselves,
// and returns how many threads there are.
func checkLives(t *testing.T, trace string) int {
	t.Helper()
	type thread struct{ tid, start int64 }
	begin := analyze(t, "cputime", trace).Capture.Start.UnixNano()
	all := map[thread]bool{}
	for _, r := range replayRows(t, trace, "task_sum") {
		id := thread{r.int(t, "tid"), r.int(t, "start_ns")}
		all[id] = true
		life := r.int(t, "time_ns") - max(begin, id.start)
		if on := r.int(t, "on_cpu_ns"); on > life {
			t.Errorf("thread %d, started at %d: %d ns on a CPU in a life of %d", id.tid, id.start, on, life)
		}
		if cpu := r.int(t, "cpu_time_ns"); cpu > life+int64(float64(life)*slew)+apartNS {
			t.Errorf("thread %d, started at %d: %d ns of CPU time in a life of %d", id.tid, id.start, cpu, life)
		}
	}
	return len(all)
}

// checkAudit wants sums and switches to be the same, and CPUs to have had all their
// time, but for what went unseen; it returns how much that is.
func checkAudit(t *testing.T, trace string) time.Duration {
	t.Helper()
	audit := analyze(t, "audit", trace)
	unseen := analyze(t, "cputime", trace).sum(t, "on_cpu_ns", row{"class": "unseen"})
	for _, r := range audit.Rows {
		if r["switches_off_ns"] != nil && r.int(t, "switches_off_ns") != 0 {
			t.Errorf("audit: sums and switches differ: %v", r)
		}
		if r["switches_off_ns"] == nil && !hidden(t, trace) {
			t.Errorf("audit: switches are missing, and none is told to have gone unseen: %v", r)
		}
	}
	return time.Duration(unseen)
}
