// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/need"
)

// oddly is an environment that a shell would change.
var oddly = []string{
	"PATH=" + os.Getenv("PATH"), "OK=1", "EMPTY=", "a-b=1", "spring.datasource.url=jdbc:x",
	"BASH_FUNC_f%%=() {  echo\n}", "NL=a\nb", "TWICE=1", "TWICE=2", "no equals sign", "=no name", "", "SHLVL=7", "OLDPWD=/nowhere", "_=/x",
}

// A process started with these has what few have: each is something that a
// recorder could lose.
func setOddly(t *testing.T, tty *os.File) {
	runtime.LockOSThread() // for good: the thread is of no more use
	signal.Ignore(syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGQUIT, syscall.SIGTSTP)
	t.Cleanup(func() {
		signal.Reset(syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGQUIT, syscall.SIGTSTP)
	})
	var blocked unix.Sigset_t
	blocked.Val[0] = 1<<(unix.SIGUSR1-1) | 1<<(unix.SIGWINCH-1)
	for _, err := range []error{
		unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, nil),
		unix.Setpriority(unix.PRIO_PROCESS, 0, 5),
		unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: 5}, 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for limit, soft := range map[int]uint64{unix.RLIMIT_NOFILE: 256, unix.RLIMIT_CORE: 0, unix.RLIMIT_STACK: 4 << 20, unix.RLIMIT_MEMLOCK: 64 << 10} {
		var was unix.Rlimit
		if err := unix.Getrlimit(limit, &was); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(limit, &syscall.Rlimit{Cur: min(soft, was.Max), Max: was.Max}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Setrlimit(limit, &was) })
	}
	umask := syscall.Umask(0o027)
	t.Cleanup(func() { syscall.Umask(umask) })
	score, err := os.ReadFile("/proc/self/oom_score_adj")
	if err == nil {
		err = os.WriteFile("/proc/self/oom_score_adj", []byte("123"), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.WriteFile("/proc/self/oom_score_adj", score, 0) })
}

// surroundings is what cat, run by a program in a session of its own on a
// terminal, finds of itself in /proc.
func surroundings(t *testing.T, by []string, tty, note *os.File) map[string]string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	line := append(by, "cat")
	files := []string{"environ", "limits", "status", "stat", "oom_score_adj", "cgroup", "fdinfo/0", "fdinfo/3", "fdinfo/9"}
	for _, f := range files {
		line = append(line, "/proc/self/"+f)
	}
	path, err := exec.LookPath(line[0])
	if err != nil {
		t.Fatal(err)
	}
	no := ^uintptr(0)
	pid, err := syscall.ForkExec(path, line, &syscall.ProcAttr{
		Env:   oddly,
		Files: []uintptr{tty.Fd(), w.Fd(), 2, note.Fd(), no, no, no, no, no, note.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: true, Credential: &syscall.Credential{Groups: []uint32{7, 4242}}},
	})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil || ws.ExitStatus() != 0 && ws.ExitStatus() != lacksSwitches {
		t.Fatalf("%s: %v, status %d: %s", line[0], err, ws.ExitStatus(), out)
	}
	return told(t, string(out), pid)
}

// changing are the fields of status and fdinfo that differ from one process to
// the next.
var changing = strings.Fields("Pid Tgid PPid NSpid NStgid NSpgid NSsid FDSize State SigQ voluntary_ctxt_switches nonvoluntary_ctxt_switches pos ino mnt_id HugetlbPages")

// ofStat are fields of stat, by number.
var ofStat = map[int]string{5: "group", 6: "session", 7: "terminal", 8: "foreground", 18: "priority", 19: "nice", 20: "threads", 40: "real-time priority", 41: "policy"}

// told takes what cat printed apart, without what differs from one process to
// the next; leader is the one that was started.
func told(t *testing.T, text string, leader int) map[string]string {
	t.Helper()
	env, rest, ok := strings.Cut(text, "\x00Limit")
	if !ok {
		t.Fatalf("cat printed %q", text)
	}
	all := map[string]string{"environment": strings.ReplaceAll(env, "\x00", "\n")}
	for line := range strings.Lines("Limit" + rest) {
		fields := strings.Fields(line)
		name, value, isField := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case len(fields) > 40 && !isField:
			for i, name := range ofStat {
				all[name] = strings.ReplaceAll(fields[i-1], fmt.Sprint(leader), "leader")
			}
		case strings.HasPrefix(line, "Max "):
			all[strings.TrimSpace(line[:25])] = strings.Join(strings.Fields(line[25:]), " ")
		case !isField:
			all["oom score"] = name
		case slices.Contains(changing, name) || strings.HasPrefix(name, "Vm") || strings.HasPrefix(name, "Rss"):
		default:
			all[name] += strings.Join(strings.Fields(value), " ") // flags come once a descriptor
		}
	}
	return all
}

// lacksSwitches is the exit status of a recording that lacks switches: this machine hides
// threads.
const lacksSwitches = 3

// A recorded command cannot tell that it is recorded.
func TestCommandSurroundings(t *testing.T) {
	need.BPF(t)
	tty := terminal(t)
	note, err := os.CreateTemp(t.TempDir(), "note")
	if err != nil {
		t.Fatal(err)
	}
	defer note.Close()
	done := make(chan [2]map[string]string)
	t.Run("both", func(t *testing.T) {
		go func() {
			defer close(done)
			setOddly(t, tty)
			direct := surroundings(t, nil, tty, note)
			recorded := surroundings(t, []string{ebrec, "record", "-e", "cpu", "-o", filepath.Join(t.TempDir(), "trace.arrow"), "--"}, tty, note)
			done <- [2]map[string]string{direct, recorded}
		}()
		got, ok := <-done
		if !ok {
			return
		}
		for name, want := range map[string]string{
			"environment": strings.Join(oddly, "\n"), "nice": "5", "policy": "3", "group": "leader", "session": "leader", "Groups": "7 4242", "Umask": "0027", "threads": "1", "oom score": "123",
			"Max open files": "256", "Max core file size": "0",
			"SigBlk": "0000000008000200",
		} {
			if !strings.HasPrefix(got[0][name], want) {
				t.Errorf("%s is %q run directly: the test does not set what it means to, %q", name, got[0][name], want)
			}
		}
		// Whoever started the test may ignore others, too.
		const ignored = 0x81804
		if mask, err := strconv.ParseUint(got[0]["SigIgn"], 16, 64); err != nil || mask&ignored != ignored {
			t.Errorf("run directly it ignores %q, which lacks some of %#x", got[0]["SigIgn"], ignored)
		}
		if got[0]["terminal"] == "0" || len(got[0]) < 50 {
			t.Errorf("run directly it finds only %q", got[0])
		}
		if d := cmp.Diff(got[0], got[1]); d != "" {
			t.Errorf("the command can tell that it is recorded (-run directly +recorded):\n%s", d)
		}
	})
}

// terminal is a new terminal, as a process on it sees it.
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return tty
}

// A command has no descriptors but those that the recorder was given.
func TestCommandDescriptors(t *testing.T) {
	need.BPF(t)
	path := filepath.Join(t.TempDir(), "trace.arrow")
	note, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer note.Close()
	list := func(line ...string) string {
		cmd := exec.Command(line[0], line[1:]...)
		cmd.ExtraFiles = []*os.File{note, nil, note}
		out, err := cmd.Output()
		if err != nil && cmd.ProcessState.ExitCode() != lacksSwitches {
			t.Fatalf("%q: %v", line, err)
		}
		return string(out)
	}
	direct := list("ls", "/proc/self/fd")
	if recorded := list(ebrec, "record", "-e", "all", "-o", path, "--", "ls", "/proc/self/fd"); direct != recorded {
		t.Errorf("descriptors %q, want %q", recorded, direct)
	}
}

// What a command says does not end up in a capture that goes to standard output.
func TestCommandOutputApart(t *testing.T) {
	need.BPF(t)
	path := filepath.Join(t.TempDir(), "trace.arrow")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var said strings.Builder
	cmd := exec.Command(ebrec, "record", "-e", "cpu,process", "-o", "-", "--", "sh", "-c", "echo to standard output")
	cmd.Stdout, cmd.Stderr = file, &said
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != lacksSwitches {
		t.Fatalf("%v: %s", err, said.String())
	}
	run(t, "check", path)
	if !strings.Contains(said.String(), "to standard output\n") {
		t.Errorf("on standard error is %q, want what the command printed", said.String())
	}
}

// A command that cannot start is an error, with a shell's status for it, and
// leaves no capture; an older one stays.
func TestCommandNotStarted(t *testing.T) {
	need.BPF(t)
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	script := write("plain", "exit $(($1 + 1))\n", 0o755)
	for _, c := range []struct {
		name, command string
		status        int
		says          string
	}{
		{"none", "eb-no-such-program", 127, "executable file not found"},
		{"no file", filepath.Join(dir, "none"), 127, "no such file"},
		{"not executable", write("data", "x", 0o644), 126, "permission denied"},
		{"directory", dir, 126, "is a directory"},
		{"no interpreter", write("lost", "#!"+dir+"/none\n", 0o755), 127, "interprets"},
		{"not of this machine", write("odd", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 100), 0o755), 126, ""},
		{"a script without #!", script, 42, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "trace.arrow")
			for _, old := range []bool{false, true} {
				if old {
					path = write("old.arrow", "older", 0o600)
				}
				out, err := exec.Command(ebrec, "record", "--force", "-e", "cpu", "-o", path, "--", c.command, "41").CombinedOutput()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != c.status && c.says != "" {
					t.Fatalf("%v, want status %d: %s", err, c.status, out)
				}
				if c.says == "" { // a shell ran it
					if exit.ExitCode() != c.status && c.status == 42 {
						t.Errorf("status %d, want %d", exit.ExitCode(), c.status)
					}
					continue
				}
				if n := strings.Count(string(out), "ebrec: error: run "); n != 1 || !strings.Contains(string(out), c.says) || strings.Contains(string(out), "recorded") {
					t.Errorf("it says:\n%s", out)
				}
				data, err := os.ReadFile(path)
				if old && string(data) != "older" || !old && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("there is a file of %d bytes (%v)", len(data), err)
				}
				if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
					t.Errorf("it left %q", left)
				}
			}
		})
	}
}
