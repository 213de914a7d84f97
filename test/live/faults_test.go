// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/need"
)

// While it records, every thread of the recorder has but the capabilities that
// it still needs, and can gain none.
func TestPrivilegesAreDropped(t *testing.T) {
	const kill, bpf, dacOverride, chown, fowner = 1 << 5, 1 << 39, 1 << 1, 1 << 0, 1 << 3
	for name, tt := range map[string]struct {
		args []string
		want uint64
	}{
		"one file":  {nil, bpf},
		"a command": {[]string{"--", "sleep", "60"}, bpf | kill},
		"more":      {[]string{"--last", "5s"}, bpf | dacOverride | chown | fowner},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRecorder(t, append([]string{"-o", filepath.Join(t.TempDir(), "trace.arrow")}, tt.args...)...)
			r.begun(t)
			dir := fmt.Sprintf("/proc/%d/task/", r.cmd.Process.Pid)
			time.Sleep(1200 * time.Millisecond) // it reads sums without them
			for _, field := range []string{"CapEff", "CapPrm"} {
				for i, got := range statusField(t, dir, field) {
					if got != tt.want {
						t.Errorf("thread %d: %s is %x, want %x", i, field, got, tt.want)
					}
				}
			}
			for i, got := range statusField(t, dir, "NoNewPrivs") {
				if got != 1 {
					t.Errorf("thread %d may gain privileges", i)
				}
			}
			_ = r.cmd.Process.Signal(syscall.SIGINT)
			<-r.ended // with the status of the command
		})
	}
}

// statusField reads a field of every thread's status, a hexadecimal number.
func statusField(t *testing.T, dir, field string) (values []uint64) {
	t.Helper()
	threads, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, th := range threads {
		data, err := os.ReadFile(dir + th.Name() + "/status")
		if err != nil {
			continue // it ended
		}
		m := regexp.MustCompile(field + `:\s*([0-9a-f]+)`).FindSubmatch(data)
		n, err := strconv.ParseUint(string(m[1]), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, n)
	}
	return values
}

// A second Ctrl-C ends the recorder at once; what was flushed opens.
func TestSecondInterrupt(t *testing.T) {
	cmd, path := start(t, "-e", "cpu,sched,process")
	for range 2 {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	_ = cmd.Wait() // it ended in time, or at once
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// The directory of the output is removed while it is written: the capture is
// saved elsewhere, and that is said.
func TestDirectoryRemoved(t *testing.T) {
	saved := t.TempDir()
	t.Setenv("TMPDIR", saved)
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "trace.arrow")
	r := startRecorder(t, "-o", path)
	waitUntil(t, "the capture has rows", func() bool {
		st, err := os.Stat(path)
		return err == nil && st.Size() > 0
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Process.Signal(os.Interrupt)
	if <-r.ended; r.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("the recorder ends with %v, want status 1", r.cmd.ProcessState)
	}
	files, _ := filepath.Glob(filepath.Join(saved, "*-trace.arrow"))
	if len(files) != 1 || !strings.Contains(r.stderr.String(), files[0]) {
		t.Fatalf("saved: %v; it says %s", files, r.stderr.String())
	}
	exist(t, files[0])
	run(t, "analyze", "cputime", files[0])
}

// Whoever reads a stream slowly has the recorder wait: memory stays bounded,
// what the ring has no room for is counted, and the balance is exact.
func TestSlowReader(t *testing.T) {
	const more = 500_000 // round trips: a million switches, which neither the ring nor the recorder has room for
	need.BPF(t)
	cmd := exec.Command(ebrec, "record", "-o", "-", "-e", "cpu,sched,process")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "stream.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, out, 40_000); err != nil {
		t.Fatal(err)
	}
	if err := echoTimes(more); err != nil { // nobody reads
		t.Fatal(err)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	if _, err := io.Copy(f, out); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the status tells that events were lost
	if cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("status %d, want 3, for loss: %s", cmd.ProcessState.ExitCode(), stderr.String())
	}
	summary := replayRows(t, path, "summary")[0]
	lost := map[string]uint64{}
	if addLosses(t, path, lost); lost["ring_full"] == 0 {
		t.Error("nothing was lost: the reader was not slow")
	}
	if rss := summary.int(t, "max_rss_bytes"); rss > 96<<20 { // 64 MiB and the ring, twice mapped
		t.Errorf("the recorder had %d bytes", rss)
	}
	out2, _ := exec.Command(ebrec, "check", path).Output()
	if !bytes.Contains(out2, []byte("account     ok")) {
		t.Errorf("the balance does not hold:\n%s", out2)
	}
}

// Switches are counted and not recorded while recording costs more than allowed,
// and recorded again when it does not.
func TestMaxOverhead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.arrow")
	r := startRecorder(t, "-o", path, "-e", "cpu,sched,process", "--max-overhead", fmt.Sprintf("%.3f%%", 3/float64(runtime.NumCPU())))
	r.begun(t)
	stop := busy(t)
	time.Sleep(6 * time.Second)
	trips := stop()
	calm := time.Now()
	time.Sleep(6 * time.Second)
	_ = r.cmd.Process.Signal(os.Interrupt)
	<-r.ended
	if code := r.cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("status %d, want 3, for what was left out: %s", code, r.stderr.String())
	}
	shed := int64(0)
	for _, l := range replayRows(t, path, "loss") {
		if l.text("loss_source") != "sched" || l.text("loss_reason") != "shed" {
			continue
		}
		n := l.int(t, "lost")
		shed += n
		since, last := time.Unix(0, l.int(t, "since_ns")), time.Unix(0, l.int(t, "time_ns"))
		if late := since.Sub(calm); late > 5*time.Second && float64(n)/last.Sub(since).Seconds() < leastToShed {
			t.Errorf("%v after the load ended it shed the %d switches of %v, which cost less than allowed", late, n, last.Sub(since))
		}
	}
	if shed < trips/4 { // most of the load's, once a second has passed
		t.Errorf("%d switches were shed of at least %d", shed, 2*trips)
	}
	out, _ := exec.Command(ebrec, "check", path).Output()
	if !bytes.Contains(out, []byte("account     ok")) || !strings.Contains(r.stderr.String(), "counted and not recorded") {
		t.Errorf("it says %s\n%s", r.stderr.String(), out)
	}
}

// leastToShed are the switches a second that others may cause for which shedding
// may go on: 2.4% of a CPU at 5 us each, which no machine takes.
const leastToShed = 4800

// CAP_BPF and CAP_PERFMON are enough for scheduling, without root.
func TestTwoCapabilities(t *testing.T) {
	need.BPF(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "trace.arrow")
	program := filepath.Join(dir, "ebrec")
	if data, err := os.ReadFile(ebrec); err != nil || os.WriteFile(program, data, 0o755) != nil {
		t.Fatal("copy the program:", err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the user must reach it
		t.Fatal(err)
	}
	cmd := exec.Command(program, "record", "-o", path, "-e", "cpu,sched,process,tcp", "-d", "1s")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
		AmbientCaps: []uintptr{unix.CAP_BPF, unix.CAP_PERFMON},
	}
	out, err := cmd.CombinedOutput()
	if status(t, err, path) != 0 {
		t.Fatalf("%v: %s", err, out)
	}
	run(t, "analyze", "cputime", path)
	if n := len(replayRows(t, path, "sched_switch")); n == 0 {
		t.Error("no switches")
	}
}
