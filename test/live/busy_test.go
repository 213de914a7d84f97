// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/need"
)

// All threads of the recorder come first, unless it is told otherwise; what it
// records has the nice value from before.
func TestRecorderComesFirst(t *testing.T) {
	need.BPF(t)
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	own = 20 - own
	for _, tt := range []struct {
		args []string
		want int
	}{{nil, -20}, {[]string{"--nice", "3"}, 3}, {[]string{"--nice", "0"}, own}} {
		dir := t.TempDir()
		said := filepath.Join(dir, "nice")
		args := append(tt.args, "-o", filepath.Join(dir, "trace.arrow"), "--", "sh", "-c", "nice >"+said+".new; mv "+said+".new "+said+"; exec sleep 60")
		r := startRecorder(t, args...)
		waitUntil(t, "the command runs", func() bool { _, err := os.Stat(said); return err == nil })
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", r.cmd.Process.Pid))
		if err != nil || len(threads) < 2 {
			t.Fatalf("%d threads, %v", len(threads), err)
		}
		for _, th := range threads {
			tid, _ := strconv.Atoi(th.Name())
			if raw, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil && 20-raw != tt.want {
				t.Errorf("%q: thread %d has nice %d, want %d", tt.args, tid, 20-raw, tt.want)
			}
		}
		out, err := os.ReadFile(said)
		if got := strings.TrimSpace(string(out)); err != nil || got != strconv.Itoa(own) {
			t.Errorf("%q: the command has nice %q, want %d", tt.args, got, own)
		}
		_ = r.cmd.Process.Signal(syscall.SIGINT)
		<-r.ended // with the status of the command
	}
}

// A program that waits for one byte after the other is woken as often as the
// kernel counts that it went to sleep.
func TestWakeups(t *testing.T) {
	need.BPF(t)
	const rounds = 500
	cat := exec.Command("cat")
	in, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cat.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cat.Process.Kill(); _ = cat.Wait() }()
	r := startRecorder(t, "-o", filepath.Join(t.TempDir(), "trace.arrow"), "-e", "sched,wakeups", "-p", strconv.Itoa(cat.Process.Pid))
	path := r.cmd.Args[3]
	waitUntil(t, "the recording has begun", func() bool {
		st, err := os.Stat(path)
		return err == nil && st.Size() > 0
	})
	slept := func() int64 {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cat.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "\nvoluntary_ctxt_switches:")
		n, err := strconv.ParseInt(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := slept()
	for i := range rounds {
		b := []byte{byte(i)}
		if _, err := in.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, b); err != nil || b[0] != byte(i) {
			t.Fatal(b, err)
		}
	}
	want := slept() - before
	r.stop(t)
	got, lost := analyze(t, "wakeups", path), lostOf(t, path, "cpu", "sched")
	woken, measured := got.sum(t, "wakeups", row{"woken_pid": cat.Process.Pid}), got.sum(t, "measured", row{"woken_pid": cat.Process.Pid})
	woke := got.sum(t, "wakeups", row{"pid": cat.Process.Pid})
	// Its last sleep may be uncounted yet, and one of those counted may last. A byte
	// that comes as it falls asleep wakes it, too, before it has gone to sleep.
	if least := want - 2 - lost; woken < least || woken > rounds || measured < least || woke == 0 {
		t.Errorf("cat was woken %d times, %d measured, and woke others %d times; it went to sleep %d times for %d bytes, and %d events were lost", woken, measured, woke, want, rounds, lost)
	}
}
