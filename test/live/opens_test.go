// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/truth"
)

func TestOpens(t *testing.T) {
	r := record(t, []string{"-e", "file"}, "opens")
	checkOpens(t, r)
}

// opened is what an open event and the truth both hold.
type opened struct {
	PID   int
	Path  string
	Cut   bool
	Flags int
	Error int
	Call  string
}

// largeFile is what the kernel adds to the flags of io_uring (O_LARGEFILE), by
// architecture; of others it is what they give.
var largeFile = map[string]int{"x86_64": 0o100000, "aarch64": 0o400000}

// checkOpens wants every open of the truth, in order, among the opens of its
// process; the Go runtime opens files of its own.
func checkOpens(t *testing.T, r recording) {
	t.Helper()
	ringless := lacks(t, r.trace, "opens by io_uring")
	mine := map[opened]bool{}
	var want []opened
	for _, o := range r.truth.Opens {
		w := opened{PID: o.PID, Path: o.Path, Cut: o.Cut, Flags: o.Flags, Error: o.Errno, Call: o.Syscall}
		if w.Call == "io_uring" && ringless {
			continue
		}
		want, mine[w] = append(want, w), true
	}
	var got []opened
	for _, o := range replayOpens(t, r.trace) {
		if mine[o] {
			got = append(got, o)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("opens (-truth +recorded):\n%s", diff)
	}
}

// lacks tells whether a capture says that it lacks something, as it must on kernels
// before 6.0 and on no other.
func lacks(t *testing.T, trace, what string) bool {
	t.Helper()
	c, err := format.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	missing := slices.ContainsFunc(c.Meta().Missing, func(m format.Missing) bool { return m.Loses == what })
	if old := strings.HasPrefix(c.Meta().Kernel, "5."); missing != old {
		t.Errorf("kernel %s: the capture lacks %s: %v, want %v", c.Meta().Kernel, what, missing, old)
	}
	return missing
}

// replayOpens reads the open events of a capture.
func replayOpens(t *testing.T, trace string) (all []opened) {
	t.Helper()
	c, err := format.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, r := range replayRows(t, trace, "open") {
		o := opened{
			PID: int(r.int(t, "pid")), Path: r.text("path"), Cut: r.int(t, "cut") != 0, Flags: int(r.int(t, "flags")),
			Error: int(r.int(t, "error")), Call: r.text("open_call"),
		}
		if o.Call == "io_uring" {
			o.Flags &^= largeFile[c.Meta().Arch]
		}
		all = append(all, o)
	}
	return all
}

// An open into which signals come is one, with all of its time, whatever it comes to.
func TestInterruptedOpens(t *testing.T) {
	checkInterrupted(t, record(t, []string{"-e", "file"}, "interrupted"))
}

func checkInterrupted(t *testing.T, r recording) {
	t.Helper()
	rows := replayRows(t, r.trace, "open")
	if len(r.truth.Interrupted) != 4 {
		t.Fatalf("the workload tells of %d opens", len(r.truth.Interrupted))
	}
	for _, want := range r.truth.Interrupted {
		var mine []row
		for _, o := range rows {
			if o.int(t, "pid") == int64(want.PID) && o.text("path") == want.Path {
				mine = append(mine, o)
			}
		}
		checkOneOpen(t, want, mine)
	}
}

func checkOneOpen(t *testing.T, want truth.Interrupted, rows []row) {
	t.Helper()
	if want.Killed {
		if len(rows) > 0 {
			t.Errorf("%s never returned: %v", want.Path, rows)
		}
		return
	}
	if len(rows) != 1 {
		t.Errorf("%s: %d rows, want 1: %v", want.Path, len(rows), rows)
		return
	}
	took := rows[0].int(t, "open_ns")
	if errno := rows[0].int(t, "error"); errno != int64(want.Errno) || took > want.AtMostNS {
		t.Errorf("%s: errno %d after %d ns, want %d after at most %d", want.Path, errno, took, want.Errno, want.AtMostNS)
	}
	if want.Errno == 0 && took < want.AtLeastNS {
		t.Errorf("%s took %d ns, waited for %d", want.Path, took, want.AtLeastNS)
	}
}

// Threads that are killed in an open leave nothing in the recorder's maps.
func TestKilledOpens(t *testing.T) {
	cmd, path := start(t, "-e", "file")
	var pids []int
	for range 20 {
		pids = append(pids, killInOpen(t))
	}
	left := underWay(t, cmd.Process.Pid)
	for _, pid := range pids {
		if slices.Contains(left, pid) {
			t.Errorf("process %d was killed, its call is under way", pid)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	run(t, "check", path)
}

// killInOpen kills a process that opens a FIFO, and returns its number.
func killInOpen(t *testing.T) int {
	t.Helper()
	fifo := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(workload, "child", "fifo", fifo, "kill")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "a thread waits in an open", func() bool {
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", child.Process.Pid))
		return slices.ContainsFunc(tasks, func(task os.DirEntry) bool {
			call, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/syscall", child.Process.Pid, task.Name()))
			return strings.HasPrefix(string(call), fmt.Sprintf("%d ", unix.SYS_OPENAT))
		})
	})
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil || child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatal(child.ProcessState)
	}
	return child.Process.Pid
}

// underWay are the processes that a recorder's maps have calls of.
func underWay(t *testing.T, recorder int) []int {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fdinfo", recorder))
	if err != nil {
		t.Fatal(err)
	}
	pids, seen := map[int]bool{}, map[string]bool{}
	for _, fd := range fds {
		info, _ := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", recorder, fd.Name()))
		_, rest, found := strings.Cut(string(info), "map_id:")
		if !found {
			continue
		}
		var id uint32
		if _, err := fmt.Sscan(rest, &id); err != nil {
			t.Fatal(err)
		}
		seen[callsOf(t, ebpf.MapID(id), pids)] = true
	}
	if !seen["calls"] || !seen["interrupted"] {
		t.Fatalf("the recorder has no maps of calls: %v", seen)
	}
	return slices.Collect(maps.Keys(pids))
}

// callsOf adds the processes of a map of calls, and returns the map's name.
func callsOf(t *testing.T, id ebpf.MapID, pids map[int]bool) string {
	t.Helper()
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		return "" // gone
	}
	defer m.Close()
	info, err := m.Info()
	if err != nil {
		t.Fatal(err)
	}
	if info.Name != "calls" && info.Name != "interrupted" {
		return ""
	}
	key, value := make([]byte, m.KeySize()), make([]byte, m.ValueSize())
	for all := m.Iterate(); all.Next(&key, &value); {
		pids[int(key[4])|int(key[5])<<8|int(key[6])<<16|int(key[7])<<24] = true
	}
	return info.Name
}
