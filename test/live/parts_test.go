// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/need"
)

// underway is "ebrec record" at work, with what it says.
type underway struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan error
}

func startRecorder(t *testing.T, args ...string) *underway {
	t.Helper()
	need.BPF(t)
	r := &underway{ended: make(chan error, 1)}
	r.cmd = exec.Command(ebrec, append([]string{"record"}, args...)...)
	r.cmd.Stderr = &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	go func() { r.ended <- r.cmd.Wait() }()
	return r
}

// stop ends the recording and wants it to succeed.
func (r *underway) stop(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.wait(t)
}

func (r *underway) wait(t *testing.T) {
	t.Helper()
	if err := <-r.ended; err != nil {
		t.Fatalf("%v: %s", err, r.stderr.String())
	}
}

// exits are the shells that ended in a capture's own time, by exit code.
func exits(t *testing.T, path string) (codes []int64) {
	t.Helper()
	checkWhole(t, path)
	for _, r := range analyze(t, "lifetimes", path).Rows {
		if r.text("comm") == "sh" && r.text("state") == "exited" {
			codes = append(codes, r.int(t, "exit_code"))
		}
	}
	slices.Sort(codes)
	return codes
}

// die has a shell exit with a code.
func die(code int) { _ = exec.Command("sh", "-c", fmt.Sprintf("exit %d", code)).Run() }

func exist(t *testing.T, path string) {
	t.Helper()
	waitUntil(t, path+" is complete", func() bool {
		c, err := format.Open(path)
		if err != nil {
			return false
		}
		defer c.Close()
		return c.Cut() == nil
	})
}

// A flight recorder writes its newest window when it is asked to, when a
// process ends as the trigger says, and when it ends: each a capture that needs
// no other.
func TestFlightRecorder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "trace.arrow")
	r := startRecorder(t, "-o", path, "--last", "3s", "--trigger", "exit=7")
	time.Sleep(2 * time.Second)
	die(3) // within the first window, and none of the later ones
	die(7)
	exist(t, filepath.Join(dir, "trace.1.arrow"))
	time.Sleep(4500 * time.Millisecond)
	die(4)
	if err := r.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	exist(t, filepath.Join(dir, "trace.2.arrow"))
	die(5)
	time.Sleep(100 * time.Millisecond)
	r.stop(t)
	for name, want := range map[string][]int64{"trace.1.arrow": {3, 7}, "trace.2.arrow": {4}, "trace.arrow": {4, 5}} {
		file := filepath.Join(dir, name)
		if got := exits(t, file); !slices.Equal(got, want) {
			t.Errorf("%s has exits %v, want %v", name, got, want)
		}
		tb := analyze(t, "cputime", file)
		if span := time.Duration(tb.Capture.DurationNS); span > 6*time.Second {
			t.Errorf("%s is of %v", name, span)
		}
		sum := int64(0)
		for _, row := range tb.Rows {
			sum += row.int(t, "on_cpu_ns")
		}
		if share := float64(sum) / float64(tb.Capture.DurationNS); share < 0.98 {
			t.Errorf("%s: rows add up to %.3f CPUs", name, share)
		}
	}
	if !strings.Contains(r.stderr.String(), "because trigger exit=7") || !strings.Contains(r.stderr.String(), "because asked to") {
		t.Errorf("it does not say what it wrote and why:\n%s", r.stderr.String())
	}
}

// Of the windows that a flight recorder wrote as many stay as it is told.
func TestFlightRecorderKeeps(t *testing.T) {
	dir := t.TempDir()
	r := startRecorder(t, "-o", filepath.Join(dir, "trace.arrow"), "--last", "1s", "--rotate", "2")
	time.Sleep(2 * time.Second)
	for i := range 3 {
		if err := r.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		exist(t, filepath.Join(dir, fmt.Sprintf("trace.%d.arrow", i+1)))
	}
	r.stop(t)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if want := []string{"trace.2.arrow", "trace.3.arrow", "trace.arrow"}; !slices.Equal(files, want) {
		t.Errorf("there are %v, want %v", files, want)
	}
}

// A window that does not fit into its memory is shorter.
func TestFlightRecorderIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.arrow")
	const most = 1 << 20
	r := startRecorder(t, "-o", path, "-e", "cpu,sched,process", "--last", "60s", "--max-size", fmt.Sprint(most), "-d", "25s")
	if err := echo(t, r.ended); err != nil {
		t.Fatalf("%v: %s", err, r.stderr.String())
	}
	exist(t, path)
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// The newest two segments stay whatever they have: each is 7.5 s here.
	if begun := analyze(t, "cputime", path).Capture.DurationNS; begun > 20e9 {
		t.Errorf("%d bytes of %v kept", st.Size(), time.Duration(begun))
	}
}

// Files that follow each other: none larger than allowed, the newest stay, and
// what each counts adds up.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	const most, keep, shells = 1 << 20, 100, 40
	r := startRecorder(t, "-o", filepath.Join(dir, "trace.arrow"), "-e", "cpu,process,sched", "--max-size", fmt.Sprint(most), "--rotate", fmt.Sprint(keep))
	exist1 := filepath.Join(dir, "trace.1.arrow")
	waitUntil(t, "the first file begins", func() bool {
		st, err := os.Stat(exist1)
		return err == nil && st.Size() > 0
	})
	var want []int64
	done := make(chan error)
	go func() {
		defer close(done)
		for i := range shells {
			die(i + 1)
			time.Sleep(200 * time.Millisecond)
		}
	}()
	for i := range shells {
		want = append(want, int64(i+1))
	}
	if err := echo(t, done); err != nil {
		t.Fatal(err)
	}
	r.stop(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.arrow"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v: %s", len(files), err, r.stderr.String())
	}
	var got []int64
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() > most {
			t.Errorf("%s has %d bytes, at most %d are allowed", filepath.Base(f), st.Size(), most)
		}
		if !regexp.MustCompile(`trace\.\d+\.arrow$`).MatchString(f) {
			t.Errorf("a file is named %s", f)
		}
		exist(t, f)
		for _, row := range analyze(t, "lifetimes", f).Rows {
			if row.text("comm") == "sh" && row.text("state") == "exited" {
				got = append(got, row.int(t, "exit_code"))
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("exits of all files: %v, want each of 1 to %d once", got, shells)
	}
}

// Of the files that follow each other, only the newest stay.
func TestRotateKeeps(t *testing.T) {
	dir := t.TempDir()
	r := startRecorder(t, "-o", filepath.Join(dir, "trace.arrow"), "-e", "cpu,sched", "--max-size", "256KiB", "--rotate", "2", "-d", "8s")
	if err := echo(t, r.ended); err != nil {
		t.Fatalf("%v: %s", err, r.stderr.String())
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.arrow"))
	if len(files) != 2 || slices.Contains(files, filepath.Join(dir, "trace.1.arrow")) {
		t.Errorf("files %v, want the two newest: %s", files, r.stderr.String())
	}
}
