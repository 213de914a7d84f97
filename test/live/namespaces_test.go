// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/need"
	"github.com/ebrec/ebrec/test/truth"
)

// inside runs a line in namespaces of its own.
func inside(t *testing.T, unshare string, line ...string) string {
	t.Helper()
	need.BPF(t)
	need.Program(t, "unshare")
	args := append(strings.Fields(unshare), line...)
	out, err := exec.Command("unshare", args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == lacksSwitches) {
		t.Fatalf("unshare %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A recorder whose clock is moved records as another does.
func TestTimeNamespace(t *testing.T) {
	if _, err := os.Stat("/proc/self/ns/time"); errors.Is(err, os.ErrNotExist) {
		t.Skip("the kernel has no time namespaces: there is no /proc/self/ns/time")
	}
	for _, moved := range []string{"1000", "-200"} {
		t.Run(moved, func(t *testing.T) {
			dir := t.TempDir()
			path, file := filepath.Join(dir, "trace.arrow"), filepath.Join(dir, "truth.json")
			cgroups, _ := cgroup(t)
			begun := time.Now()
			inside(t, "-T --fork --monotonic "+moved+" --boottime "+moved,
				ebrec, "record", "-e", "cpu,process,sched", "-o", path, "--", workload, "mixed", "--procs", "6", "--for", "1s", "--truth", file, "--cgroups", cgroups)
			ended := time.Now()
			tr, err := truth.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := tr.Settle(); err != nil {
				t.Fatal(err)
			}
			r := recording{trace: path, truth: tr}
			if checkCPUTime(t, r) < 3 || checkLifetimes(t, r) < 3 {
				t.Error("fewer than three processes were held to the truth")
			}
			for _, row := range replayRows(t, path, "exit") {
				at, err := time.Parse(time.RFC3339Nano, row.text("time"))
				if err != nil || at.Before(begun) || at.After(ended) {
					t.Errorf("an exit at %s (%v), not between %v and %v", row.text("time"), err, begun, ended)
				}
			}
		})
	}
}

// A recorder in a pid namespace of its own names those outside of it that are
// older, and takes the numbers that it knows processes by.
func TestPIDNamespace(t *testing.T) {
	older := startShell(t, copyOf(t, "sh", "eb-older"))
	path := filepath.Join(t.TempDir(), "trace.arrow")
	inside(t, "-pf --mount-proc", ebrec, "record", "-e", "cpu,process", "-d", "500ms", "-o", path)
	found := 0
	for _, r := range replayRows(t, path, "task") {
		if r.int(t, "pid") == int64(older.pid()) {
			found++
			if r.text("comm") != "eb-older" {
				t.Errorf("process %d is named %q", older.pid(), r.text("comm"))
			}
		}
	}
	if found != 1 {
		t.Errorf("process %d is listed %d times, want once", older.pid(), found)
	}
	out, _ := exec.Command("unshare", "-pf", "--mount-proc", ebrec, "doctor").Output() // 3: it is restricted
	if !strings.Contains(string(out), "pid: of processes outside of it, connections older") {
		t.Errorf("doctor does not say that it is in a pid namespace of its own:\n%s", out)
	}
}

// -p takes a process by the number that it has in the recorder's pid namespace,
// be it in that or in one below it.
func TestPIDInNamespace(t *testing.T) {
	for name, child := range map[string]string{
		"own":   `SLEEP 60 & p=$!`,
		"below": `unshare -pf --mount-proc SLEEP 60 & u=$!; p=; until [ "$p" ]; do for s in /proc/[0-9]*/stat; do read -r a b c d e <$s; [ "$d" = $u ] && [ "$b" = "(eb-slept)" ] && p=$a; done; done 2>/dev/null`,
	} {
		t.Run(name, func(t *testing.T) {
			sleep := copyOf(t, "sleep", "eb-slept")
			path := filepath.Join(t.TempDir(), "trace.arrow")
			script := strings.ReplaceAll(child, "SLEEP", sleep) + "; " + ebrec + " record -e cpu,process -d 300ms -o " + path + " -p $p; s=$?; kill -9 $p; exit $s"
			inside(t, "-pf --mount-proc", "sh", "-c", script)
			rows := replayRows(t, path, "task")
			if len(rows) != 1 || rows[0].text("comm") != "eb-slept" {
				t.Errorf("rows of tasks %v, want the one of the process", rows)
			}
		})
	}
}

// -p with the number of a thread says whose it is.
func TestPIDOfThread(t *testing.T) {
	need.BPF(t)
	tid, done := make(chan int), make(chan bool)
	defer close(done)
	n := os.Getpid()
	for n == os.Getpid() { // the process's first thread is not meant, and is held meanwhile
		go func() {
			runtime.LockOSThread()
			tid <- unix.Gettid()
			<-done
		}()
		n = <-tid
	}
	path := filepath.Join(t.TempDir(), "trace.arrow")
	out, err := exec.Command(ebrec, "record", "-o", path, "-d", "1s", "-p", strconv.Itoa(n)).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), fmt.Sprintf("ebrec: error: record process %d: it is a thread of process %d\n", n, os.Getpid())) {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left a file: %v", err)
	}
}

// In a cgroup namespace paths are those from the hierarchy's root, of cgroups
// that were there, inside and outside of the namespace, and of new ones.
func TestCgroupNamespace(t *testing.T) {
	need.BPF(t)
	need.Program(t, "unshare")
	dir, name := cgroup(t)
	other, otherName := cgroup(t)
	in, below, out := startShell(t, "sh"), startShell(t, "sh"), startShell(t, "sh")
	leave := func(s *shell) { s.do(t, "echo $$ >"+filepath.Dir(dir)+"/cgroup.procs") }
	in.do(t, "echo $$ >"+dir+"/cgroup.procs")
	below.do(t, "mkdir "+dir+"/app; echo $$ >"+dir+"/app/cgroup.procs")
	out.do(t, "echo $$ >"+other+"/cgroup.procs")
	path := filepath.Join(t.TempDir(), "trace.arrow")
	in.do(t, "unshare -C "+ebrec+" record -a -e cpu,process -o "+path+" -- sh -c 'mkdir "+dir+"/new; echo $$ >"+dir+"/new/cgroup.procs'")
	for _, s := range []*shell{in, below, out} {
		leave(s)
	}
	for _, d := range []string{"/new", "/app"} {
		if err := os.Remove(dir + d); err != nil {
			t.Error(err)
		}
	}
	got := map[string]string{}
	for _, r := range replayRows(t, path, "cgroup_path") {
		got[r.text("cgroup")] += r.text("cgroup_reason") + " "
	}
	for want, why := range map[string]string{"/" + name: "used ", "/" + name + "/app": "used ", "/" + otherName: "used ", "/" + name + "/new": "made entered "} {
		if got[want] != why {
			t.Errorf("cgroup %s is there as %q, want %q; all are %q", want, got[want], why, got)
		}
	}
}
