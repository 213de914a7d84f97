// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ebrec/ebrec/format"
	recorder "github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/test/need"
)

// start runs "ebrec record -o FILE" and returns once the file has begun.
func start(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	need.BPF(t)
	path := filepath.Join(t.TempDir(), "trace.arrow")
	cmd := exec.Command(ebrec, append([]string{"record", "-o", path}, args...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	waitUntil(t, "the capture has rows", func() bool {
		c, err := format.Open(path)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	return cmd, path
}

// waitUntil polls for what another process does.
func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func TestSignalsFinishTheFile(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, path := start(t)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); status(t, err, path) != 0 {
				t.Errorf("after %v: %v", sig, err)
			}
			c, err := format.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.Cut() != nil {
				t.Errorf("the file says %v", c.Cut())
			}
		})
	}
}

// What was flushed before a kill -9 opens, and the end is said.
func TestKilledRecordingOpens(t *testing.T) {
	cmd, path := start(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	out, err := exec.Command(ebrec, "analyze", "cputime", path).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("analyze = %v, want exit status 3\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("cut short")) {
		t.Errorf("the end is not said:\n%s", out)
	}
}

// Recorders that are killed one after another, under load: each file opens and
// ends at most five seconds before; one more is for eight recorders on few CPUs.
func TestKilledAtAnyMoment(t *testing.T) {
	const n, apart = 8, 800 * time.Millisecond
	type victim struct {
		cmd  *exec.Cmd
		path string
	}
	var all []victim
	for range n {
		cmd, path := start(t, "-e", "cpu,process,sched")
		all = append(all, victim{cmd, path})
	}
	stop := busy(t)
	defer stop()
	for _, v := range all {
		time.Sleep(apart)
		_ = v.cmd.Process.Kill()
		_ = v.cmd.Wait() // it was killed
		if err := opensUpTo(v.path, time.Now().Add(-6*time.Second)); err != nil {
			t.Error(err)
		}
	}
}

// opensUpTo tells whether a capture holds everything up to an instant.
func opensUpTo(path string, until time.Time) error {
	c, err := format.Open(path)
	if err != nil {
		return err
	}
	defer c.Close()
	var cut *format.CutError
	if !errors.As(c.Cut(), &cut) {
		return fmt.Errorf("%s does not say that it was cut short", path)
	}
	if until.After(c.Meta().Start) && cut.End.Before(until) {
		return fmt.Errorf("%s ends at %v, %v before it had to", path, cut.End, until.Sub(cut.End))
	}
	return nil
}

func TestCommandStatusIsReturned(t *testing.T) {
	need.BPF(t)
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 128 + 15} {
		path := filepath.Join(t.TempDir(), "trace.arrow")
		err := exec.Command(ebrec, "record", "-o", path, "--", "sh", "-c", script).Run()
		if got := status(t, err, path); got != want {
			t.Errorf("record -- sh -c %q: status %d, want %d", script, got, want)
		}
	}
}

// A recording ends at its size, complete, and not much before.
func TestMaxSize(t *testing.T) {
	const most = 1 << 20
	cmd, path := start(t, "-e", "cpu,process,sched", "--max-size", "1MiB", "-d", "60s")
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := echo(t, ended); status(t, err, path) != 0 {
		t.Fatal(err)
	}
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Cut() != nil || c.Size() > most || c.Size() < most/3 {
		t.Errorf("%d bytes of %d, cut %v", c.Size(), most, c.Cut())
	}
}

// The command runs as the user behind sudo, unless told otherwise.
func TestCommandRunsAsCaller(t *testing.T) {
	need.BPF(t)
	for want, flags := range map[string][]string{"65534 65534\n": nil, "0 0\n": {"--as-root"}} {
		path := filepath.Join(t.TempDir(), "trace.arrow")
		args := append([]string{"record", "-o", path}, flags...)
		cmd := exec.Command(ebrec, append(args, "--", "sh", "-c", `echo "$(id -u) $(id -g)"`)...)
		cmd.Env = append(os.Environ(), "SUDO_UID=65534", "SUDO_GID=65534")
		out, err := cmd.Output()
		if status(t, err, path) != 0 || string(out) != want {
			t.Errorf("with %q the command ran as %q, want %q: %v", flags, out, want, err)
		}
		if st, err := os.Stat(path); err != nil || st.Sys().(*syscall.Stat_t).Uid != 65534 {
			t.Errorf("the capture does not belong to the user behind sudo: %v", err)
		}
	}
}

// -p records a process and its children, and no one else.
func TestPIDFilter(t *testing.T) {
	need.BPF(t)
	sleeper := exec.Command("sh", "-c", "while read -r line; do sh -c 'exit 9'; done")
	in, err := sleeper.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd, path := start(t, "-p", fmt.Sprint(sleeper.Process.Pid))
	for range 3 {
		if _, err := in.Write([]byte("go\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec.Command("true").Run(); err != nil { // someone else
		t.Fatal(err)
	}
	in.Close()
	_ = sleeper.Wait() // a shell returns the status of its last command
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); status(t, err, path) != 0 {
		t.Fatal(err)
	}
	children := 0
	for _, r := range analyze(t, "lifetimes", path).Rows {
		pid, ppid := r.int(t, "pid"), r.int(t, "ppid")
		switch int64(sleeper.Process.Pid) {
		case pid:
		case ppid:
			children++
			if code := r.int(t, "exit_code"); code != 9 {
				t.Errorf("child %d: exit code %d, want 9", pid, code)
			}
		default:
			t.Errorf("process %d, child of %d, does not belong to the filter", pid, ppid)
		}
	}
	if children != 3 {
		t.Errorf("%d children, want 3", children)
	}
}

// A pipe gets the Arrow stream format.
func TestStream(t *testing.T) {
	need.BPF(t)
	out, recorded := exec.Command(ebrec, "record", "-o", "-", "-d", "300ms").Output()
	path := filepath.Join(t.TempDir(), "stream.arrow")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	if status(t, recorded, path) != 0 {
		t.Error(recorded)
	}
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Cut() != nil {
		t.Errorf("a finished stream says %v", c.Cut())
	}
	run(t, "analyze", "cputime", path)
}

// More threads than the map of sums holds: loss, counted and in the file.
func TestFullMapIsLoss(t *testing.T) {
	need.BPF(t)
	path := filepath.Join(t.TempDir(), "trace.arrow")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	res, err := recorder.Run(ctx, recorder.Options{Output: path, MaxTasks: 2, Sources: []string{"cpu"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Lost == 0 {
		t.Fatal("a map of two threads lost nothing")
	}
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var lost, full uint64
	for b, err := range c.Batches(format.Scan{Kinds: []string{"loss"}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			n := b.Uint(c.Col("lost"), i)
			if b.Str(c.Col("loss_reason"), i) == "map_full" { // others are of the machine
				full += n
			}
			lost += n
		}
	}
	if lost != res.Lost+res.Unseen || full == 0 {
		t.Errorf("the file has %d lost, %d of them for want of room; the recorder counted %d, and %d unseen", lost, full, res.Lost, res.Unseen)
	}
	if out, _ := exec.Command(ebrec, "check", path).Output(); !bytes.Contains(out, []byte("account     ok")) {
		t.Errorf("what was seen is not what was written and lost:\n%s", out)
	}
}
