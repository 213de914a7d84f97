// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// shell is a shell that runs the lines it is given and says when each is done.
type shell struct {
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Reader
}

func startShell(t *testing.T, name string, args ...string) *shell {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() {
		w.Close()
		_ = cmd.Wait() // a shell returns the status of its last command
	})
	return &shell{cmd, w, bufio.NewReader(out)}
}

func (s *shell) pid() int { return s.cmd.Process.Pid }

// do runs a line and returns the first line that it prints.
func (s *shell) do(t *testing.T, line string) string {
	t.Helper()
	if _, err := fmt.Fprintf(s.in, "%s\necho done\n", line); err != nil {
		t.Fatal(err)
	}
	var printed string
	for {
		got, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if got == "done\n" {
			return printed
		}
		printed = strings.TrimSpace(got)
	}
}

// child is the pid of a process that a line starts in the background.
func (s *shell) child(t *testing.T, line string) int {
	t.Helper()
	pid, err := strconv.Atoi(s.do(t, line+" >/dev/null & echo $!"))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// stopped ends a recording and returns its processes by pid.
func stopped(t *testing.T, cmd *exec.Cmd, path string) map[int64]row {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); status(t, err, path) != 0 {
		t.Fatal(err)
	}
	run(t, "check", path)
	all := map[int64]row{}
	for _, r := range analyze(t, "lifetimes", path).Rows {
		all[r.int(t, "pid")] = r
	}
	return all
}

// -p takes the descendants that are there, too, and theirs.
func TestPIDDescendants(t *testing.T) {
	top := startShell(t, "sh")
	other := startShell(t, "sh")
	begun := filepath.Join(t.TempDir(), "begun")
	top.do(t, "mkfifo "+begun)
	child := top.child(t, "(read -r line <"+begun+"; true & wait; sleep 60 & echo $! >"+begun+"; wait)")
	cmd, path := start(t, "-e", "cpu,process", "-p", fmt.Sprint(top.pid()))
	top.do(t, "echo >"+begun)
	mine := top.child(t, "sleep 60")
	theirs := other.child(t, "sleep 60")
	grandchild := top.do(t, "read -r line <"+begun+"; echo $line") // that the child has started last
	got := stopped(t, cmd, path)
	top.do(t, fmt.Sprintf("kill %s %d %d", grandchild, child, mine))
	other.do(t, fmt.Sprintf("kill %d", theirs))
	for _, pid := range []int{top.pid(), child, mine} {
		if got[int64(pid)] == nil {
			t.Errorf("process %d is not recorded", pid)
		}
	}
	grandchildren := 0
	for pid, r := range got {
		if r.int(t, "ppid") == int64(child) {
			grandchildren++
		} else if pid != int64(top.pid()) && r.int(t, "ppid") != int64(top.pid()) {
			t.Errorf("process %d, child of %d, does not belong to the filter", pid, r.int(t, "ppid"))
		}
	}
	if grandchildren < 2 {
		t.Errorf("%d grandchildren, want at least 2: sleep and true", grandchildren)
	}
}

// copyOf is a program under another name, which processes take.
func copyOf(t *testing.T, program, name string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

// --comm takes processes that have the name, and those that take it later, with
// their children.
func TestCommFilter(t *testing.T) {
	named := copyOf(t, "sh", "eb-named")
	before := startShell(t, named)
	other := startShell(t, "sh")
	cmd, path := start(t, "-e", "cpu,process,sched", "--comm", "eb-named")
	child := before.child(t, "sleep 60")
	later := other.child(t, named+" -c 'sleep 0.1; true'")
	theirs := other.child(t, "sleep 60")
	other.do(t, "wait "+fmt.Sprint(later))
	got := stopped(t, cmd, path)
	before.do(t, fmt.Sprintf("kill %d", child))
	other.do(t, fmt.Sprintf("kill %d", theirs))
	for _, pid := range []int{before.pid(), child, later} {
		if got[int64(pid)] == nil {
			t.Errorf("process %d is not recorded", pid)
		}
	}
	for _, pid := range []int{other.pid(), theirs} {
		if got[int64(pid)] != nil {
			t.Errorf("process %d is recorded", pid)
		}
	}
	if r := got[int64(later)]; r != nil && r.text("state") != "exited" {
		t.Errorf("the process that took the name is %s", r.text("state"))
	}
}

// cgroup makes a cgroup of version 2.
func cgroup(t *testing.T) (dir, name string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[2] == "cgroup2" {
			dir = f[1]
			break
		}
	}
	if dir == "" {
		dir = t.TempDir()
		if err := unix.Mount("cgroup2", dir, "cgroup2", 0, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	}
	dir, err = os.MkdirTemp(dir, "eb-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		below, _ := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs")) // of a test that failed
		for _, f := range below {
			_ = os.Remove(filepath.Dir(f))
		}
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir, filepath.Base(dir)
}

// --cgroup takes who is in the cgroup, who is moved to it and who is in one that
// is made below it; and knows their paths.
func TestCgroupFilter(t *testing.T) {
	dir, name := cgroup(t)
	inside, outside, moved := startShell(t, "sh"), startShell(t, "sh"), startShell(t, "sh")
	inside.do(t, "echo $$ >"+dir+"/cgroup.procs")
	cmd, path := start(t, "-e", "cpu,process,sched", "--cgroup", name)
	child := inside.child(t, "sleep 60")
	moved.do(t, "mkdir "+dir+"/below; echo $$ >"+dir+"/below/cgroup.procs")
	movedChild := moved.child(t, "sleep 60")
	theirs := outside.child(t, "sleep 60")
	got := stopped(t, cmd, path)
	for s, pid := range map[*shell]int{inside: child, moved: movedChild, outside: theirs} {
		s.do(t, fmt.Sprintf("kill %d; wait %d", pid, pid))
		s.do(t, "echo $$ >"+filepath.Dir(dir)+"/cgroup.procs")
	}
	if err := os.Remove(dir + "/below"); err != nil {
		t.Error(err)
	}
	for _, pid := range []int{inside.pid(), child, moved.pid(), movedChild} {
		if got[int64(pid)] == nil {
			t.Errorf("process %d is not recorded", pid)
		}
	}
	for _, pid := range []int{outside.pid(), theirs} {
		if got[int64(pid)] != nil {
			t.Errorf("process %d is recorded", pid)
		}
	}
	var paths []string
	for _, r := range replayRows(t, path, "cgroup_path") {
		paths = append(paths, r.text("cgroup"))
	}
	for _, want := range []string{"/" + name, "/" + name + "/below"} {
		if !slices.Contains(paths, want) {
			t.Errorf("cgroups %v, want %s", paths, want)
		}
	}
}

// The recorder's own events are left out, and counted.
func TestSelfIsLeftOut(t *testing.T) {
	for _, include := range []bool{false, true} {
		t.Run(fmt.Sprintf("include=%t", include), func(t *testing.T) {
			args := []string{"-e", "cpu,process,file"}
			if include {
				args = append(args, "--include-self")
			}
			t.Parallel()
			path := filepath.Join(t.TempDir(), "trace.arrow")
			r := startRecorder(t, append(args, "-o", path, "-d", "2500ms")...) // it reads sums twice
			self := int64(r.cmd.Process.Pid)
			r.wait(t)
			own := 0
			for _, r := range replayRows(t, path, "open") {
				if r.int(t, "pid") == self {
					own++
				}
			}
			leftOut := replayRows(t, path, "summary")[0].int(t, "left_out")
			if include != (own > 0) || include == (leftOut > 0) {
				t.Errorf("%d opens of the recorder, %d events left out", own, leftOut)
			}
		})
	}
}

// Arguments are recorded when asked for, as a shell would need them.
func TestArgs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.arrow")
	long := strings.Repeat("x", 2000)
	run(t, "record", "-o", path, "--args", "--", "sh", "-c", `/bin/echo "two words" "" "it's" 'a
b' >/dev/null; /bin/echo `+long+` >/dev/null`)
	var got []string
	var cut []int64
	for _, r := range replayRows(t, path, "exec_args") {
		got, cut = append(got, r.text("args")), append(cut, r.int(t, "cut"))
	}
	if len(got) < 2 {
		t.Fatalf("arguments %q, want those of sh and echo", got)
	}
	n := len(got)
	if want := "/bin/echo 'two words' '' 'it'\\''s' 'a\nb'"; got[n-2] != want || cut[n-2] != 0 {
		t.Errorf("arguments %q (cut %d), want %q", got[n-2], cut[n-2], want)
	}
	if !strings.HasPrefix(got[n-1], "/bin/echo xxx") || len(got[n-1]) != 1023 || cut[n-1] != 1 {
		t.Errorf("long arguments: %d bytes, cut %d", len(got[n-1]), cut[n-1])
	}
	plain := filepath.Join(t.TempDir(), "trace.arrow")
	run(t, "record", "-o", plain, "-e", "all", "--", "true")
	if out := run(t, "info", plain); strings.Contains(string(out), "exec_args") {
		t.Error("-e all records arguments, which may hold secrets")
	}
}
