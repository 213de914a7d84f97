// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/test/need"
)

// What the programs hold when the window has closed is final, also when they
// were told too late of its end; an opening that they were told of too late is
// an error.
func TestWindowEdges(t *testing.T) {
	need.BPF(t)
	p, err := bpf.Load(bpf.Config{Sources: []string{"cpu", "sched"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	if _, err := p.OpenWindow(0); !errors.Is(err, bpf.ErrLate) {
		t.Errorf("opened now: %v, want ErrLate", err)
	}
	opens, err := p.OpenWindow(20 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	bpf.SleepUntil(opens + uint64(100*time.Millisecond))
	asked := bpf.Now() - uint64(50*time.Millisecond)
	closed, err := p.CloseWindow(asked)
	if err != nil {
		t.Fatal(err)
	}
	if late := time.Duration(closed - asked); late < 50*time.Millisecond || bpf.Now() <= closed {
		t.Errorf("closed %v after the instant asked for, at %d of %d", late, closed, bpf.Now())
	}
	cpus := p.CPUs()
	time.Sleep(50 * time.Millisecond)
	for i, now := range p.CPUs() {
		was := cpus[i]
		if now.Since > closed {
			t.Errorf("CPU %d has a switch %d ns behind the window", i, now.Since-closed)
		}
		// Only these change behind it.
		now.Entered, now.Left, now.LastOut, now.LastOther = was.Entered, was.Left, was.LastOut, was.LastOther
		now.LastCPUTime, now.LastRunQueue = was.LastCPUTime, was.LastRunQueue
		if now != was {
			t.Errorf("CPU %d changed behind the window:\n%+v\n%+v", i, was, now)
		}
	}
	if i := slices.IndexFunc(p.CPUs(), func(c bpf.CPUNow) bool { return c.LastOut > asked }); i < 0 {
		t.Error("no CPU switched behind the window")
	}
}

// A recorder that is kept off its CPU, also as the recording begins or ends,
// still accounts for every nanosecond of every CPU.
func TestRecorderIsStopped(t *testing.T) {
	cpus := onlineCPUs(t)
	for i := range 12 {
		after := time.Duration(i) * 30 * time.Millisecond
		t.Run(fmt.Sprint(after, " after its start"), func(t *testing.T) {
			t.Parallel()
			stopRecorder(t, cpus, func(string) { time.Sleep(after) })
		})
		after /= 2
		t.Run(fmt.Sprint(after, " after its first rows"), func(t *testing.T) {
			t.Parallel()
			stopRecorder(t, cpus, func(path string) {
				waitUntil(t, "there are rows", func() bool { st, err := os.Stat(path); return err == nil && st.Size() > 0 })
				time.Sleep(after)
			})
		})
	}
}

// stopRecorder stops a recorder for a while when it has been waited for.
func stopRecorder(t *testing.T, cpus int, wait func(path string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.arrow")
	r := startRecorder(t, "-o", path, "-e", "cpu,sched,process", "-d", "150ms")
	wait(path)
	_ = r.cmd.Process.Signal(syscall.SIGSTOP) // it may have ended
	time.Sleep(60 * time.Millisecond)
	_ = r.cmd.Process.Signal(syscall.SIGCONT)
	r.wait(t)
	checkOnCPU(t, recording{trace: path}, cpus)
}
