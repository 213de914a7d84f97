// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// moverSpell is what the mover of the workload knows of a time in a cgroup.
type moverSpell struct {
	Cgroup string `json:"cgroup"`
	Least  int64  `json:"least_ns"`
	Most   int64  `json:"most_ns"`
}

// spellsIn adds up by the cgroup's name.
func spellsIn(t *testing.T, out []byte) map[string]moverSpell {
	t.Helper()
	var spells []moverSpell
	if err := json.Unmarshal(out, &spells); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	all := map[string]moverSpell{}
	for _, s := range spells {
		name := filepath.Base(s.Cgroup)
		sum := all[name]
		all[name] = moverSpell{name, sum.Least + s.Least, sum.Most + s.Most}
	}
	return all
}

// tick is how late a thread's task clock may be that is read as it runs: a
// tick of a kernel with HZ=100.
const tick = int64(10 * time.Millisecond)

// CPU time belongs to the cgroup that a process was in when it had it.
func TestMovesAmongCgroups(t *testing.T) {
	a, nameA := cgroup(t)
	b, nameB := cgroup(t)
	for _, sources := range []string{"cpu,process", "cpu,sched,process"} {
		t.Run(sources, func(t *testing.T) {
			cmd, path := start(t, "-e", sources)
			out, err := exec.Command(workload, "child", "mover", a, b, a).Output()
			if err != nil {
				t.Fatal(err)
			}
			stopped(t, cmd, path)
			rows := map[string]row{}
			for _, r := range analyze(t, "cputime", path, "--by", "cgroup").Rows {
				rows[filepath.Base(r.text("comm"))] = r
			}
			for name, want := range spellsIn(t, out) {
				r := rows[name]
				if r == nil {
					t.Fatalf("no row for cgroup %s", name)
				}
				// The last spell ends with the process, a little after it looked.
				least, most := r.int(t, "cpu_time_min_ns"), r.int(t, "cpu_time_max_ns")
				if name == nameB && (most < want.Least || least > want.Most) {
					t.Errorf("cgroup b: %d to %d ns of CPU time, want %d to %d", least, most, want.Least, want.Most)
				}
				if got := r.int(t, "cpu_time_ns"); most-least < tick && (got < want.Least-tick || got > want.Most+3*tick) {
					t.Errorf("cgroup %s: %d ns of CPU time, want %d to %d", name, got, want.Least, want.Most)
				}
			}
			_ = nameA
		})
	}
}

// With --cgroup a process is recorded while it is in the cgroup: what it had before it
// came and after it left is not its, and it is told that it left.
func TestVisitOfCgroup(t *testing.T) {
	inside, name := cgroup(t)
	outside, _ := cgroup(t)
	cmd, path := start(t, "-e", "cpu,sched,process", "--cgroup", name)
	visitor := exec.Command(workload, "child", "mover", outside, inside, outside, inside, outside)
	out, err := visitor.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := stopped(t, cmd, path)[int64(visitor.Process.Pid)]
	if got == nil {
		t.Fatal("the process is not recorded")
	}
	if got.text("state") != "left" || got["exit_code"] != nil {
		t.Errorf("the process %s, exit code %v, want left and none", got.text("state"), got["exit_code"])
	}
	want, used := spellsIn(t, out)[name], int64(0)
	for _, r := range analyze(t, "cputime", path).Rows {
		if r.int(t, "pid") == int64(visitor.Process.Pid) {
			used += r.int(t, "cpu_time_ns")
		}
	}
	if used < want.Least-2*tick || used > want.Most+2*tick {
		t.Errorf("%d ns of CPU time in the cgroup, want %d to %d", used, want.Least, want.Most)
	}
}

// A process that has the number of one that ended a moment ago is recorded to its end,
// with a filter, too.
func TestNumbersComeBack(t *testing.T) {
	const times = 40
	pid := freeNumber(t)
	path := filepath.Join(t.TempDir(), "trace.arrow")
	run(t, "record", "-o", path, "-e", "cpu,sched,process", "--", workload, "child", "reuse", fmt.Sprint(pid), fmt.Sprint(times))
	run(t, "check", path)
	ended := map[int64]int{}
	for _, r := range analyze(t, "lifetimes", path, "--pid", fmt.Sprint(pid)).Rows {
		if r.text("state") != "exited" {
			t.Errorf("process %d that started at %v is %s", pid, r["start"], r.text("state"))
			continue
		}
		ended[r.int(t, "exit_code")]++
	}
	for i := range int64(times) {
		if ended[40+i] != 1 {
			t.Errorf("%d processes ended with %d, want 1", ended[40+i], 40+i)
		}
	}
	last := 0
	for _, r := range replayRows(t, path, "task_sum") {
		if r.int(t, "pid") == int64(pid) && r.int(t, "exited") == 1 {
			last++
		}
	}
	if last != times && !unseen(t, path) {
		t.Errorf("%d last rows of sums, want %d", last, times)
	}
}

// freeNumber is a pid that nothing has.
func freeNumber(t *testing.T) int {
	t.Helper()
	for pid := 31999; pid > 20000; pid-- {
		if unix.Kill(pid, 0) == unix.ESRCH {
			return pid
		}
	}
	t.Fatal("no pid is free")
	return 0
}

// unseen tells whether a capture says that the kernel did not hand it everything.
func unseen(t *testing.T, path string) bool {
	t.Helper()
	for _, r := range replayRows(t, path, "loss") {
		if r.text("loss_reason") == "unseen" {
			return true
		}
	}
	return false
}

// freezers freeze a process and let it go again.
var freezers = map[string]func(t *testing.T, pid int) (freeze, thaw func()){
	"cgroup v2": func(t *testing.T, pid int) (freeze, thaw func()) {
		dir, _ := cgroup(t)
		put(t, filepath.Join(dir, "cgroup.procs"), fmt.Sprint(pid))
		return func() {
			put(t, filepath.Join(dir, "cgroup.freeze"), "1")
			waitUntil(t, "it is frozen", func() bool { return contains(dir+"/cgroup.events", "frozen 1") })
		}, func() { put(t, filepath.Join(dir, "cgroup.freeze"), "0") }
	},
	"cgroup v1": func(t *testing.T, pid int) (freeze, thaw func()) {
		dir, err := os.MkdirTemp(freezerMount(t), "eb-test-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			waitUntil(t, "the freezer is empty", func() bool { return os.Remove(dir) == nil })
		})
		put(t, filepath.Join(dir, "cgroup.procs"), fmt.Sprint(pid))
		return func() {
			put(t, filepath.Join(dir, "freezer.state"), "FROZEN")
			waitUntil(t, "it is frozen", func() bool { return contains(dir+"/freezer.state", "FROZEN") })
		}, func() { put(t, filepath.Join(dir, "freezer.state"), "THAWED") }
	},
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

func contains(path, text string) bool {
	data, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(data), text)
}

// freezerMount is where the freezer of version 1 is mounted; the test is left out
// where the kernel has none.
func freezerMount(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[2] == "cgroup" && strings.Contains(f[3], "freezer") {
			return f[1]
		}
	}
	dir := t.TempDir()
	if err := unix.Mount("cgroup", dir, "cgroup", 0, "freezer"); err != nil {
		t.Skipf("no freezer of version 1: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	return dir
}

// A busy process that is frozen is stopped in that time, and neither runnable nor
// asleep.
func TestFrozenProcess(t *testing.T) {
	for name, of := range freezers {
		t.Run(name, func(t *testing.T) {
			busy := exec.Command(workload, "child", "spin", "1h", "100")
			if err := busy.Start(); err != nil {
				t.Fatal(err)
			}
			freeze, thaw := of(t, busy.Process.Pid)
			t.Cleanup(func() { // before its cgroup is removed
				thaw()
				_ = busy.Process.Kill()
				_ = busy.Wait()
			})
			cmd, path := start(t, "-e", "cpu,sched,process", "-p", fmt.Sprint(busy.Process.Pid))
			before := time.Now()
			freeze()
			frozen := time.Now()
			for time.Since(frozen) < 300*time.Millisecond { // a length, nothing to wait for
				time.Sleep(10 * time.Millisecond)
			}
			held := time.Since(frozen)
			thaw()
			ran := cpuOf(t, busy.Process.Pid)
			waitUntil(t, "it runs again", func() bool { return cpuOf(t, busy.Process.Pid) > ran+time.Millisecond })
			most := time.Since(before)
			stopped(t, cmd, path)
			var stoppedNS, unknownNS int64
			for _, r := range analyze(t, "offcpu", path, "--by", "thread").Rows {
				// Any thread of it may be the one that spins: those that sleep stay asleep.
				if r.int(t, "pid") == int64(busy.Process.Pid) && r.int(t, "stopped_ns") >= stoppedNS {
					stoppedNS, unknownNS = r.int(t, "stopped_ns"), r.int(t, "unknown_ns")
				}
			}
			if stoppedNS+unknownNS < held.Nanoseconds() || stoppedNS > most.Nanoseconds() {
				t.Errorf("stopped for %d ns, unknown for %d, want %d to %d", stoppedNS, unknownNS, held, most)
			}
		})
	}
}

// cpuOf is the CPU time of a process.
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^uint32(pid)<<3|2), &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// Threads of the deadline class come before all others: the kernel has -1 for them,
// captures 255.
func TestDeadlinePriority(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.arrow")
	out := filepath.Join(t.TempDir(), "out")
	run(t, "record", "-o", path, "-e", "sched,process", "--", "sh", "-c", `exec "$0" child deadline 200ms >"$1"`, workload, out)
	var tid int64
	data, err := os.ReadFile(out)
	if err == nil {
		_, err = fmt.Sscan(string(data), &tid)
	}
	if err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	kept := 0
	for _, r := range replayRows(t, path, "sched_switch") {
		if r.int(t, "tid") == tid && r.int(t, "prev_prio") == 255 {
			kept++
		}
	}
	if kept == 0 && !unseen(t, path) {
		t.Error("no switch has the deadline class")
	}
	if text := string(run(t, "replay", "--kind", "sched_switch", path)); kept > 0 && !strings.Contains(text, fmt.Sprintf("/%d [-1]", tid)) {
		t.Error("no line of the text has priority -1")
	}
}

// A thread other than the first that executes a file takes the process's number. What
// all its threads had is the process's.
func TestExecByAnotherThread(t *testing.T) {
	sh, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	cmd, path := start(t, "-e", "cpu,process")
	swap := exec.Command(workload, "child", "swap", sh)
	if err := swap.Run(); err != nil {
		t.Fatal(err)
	}
	life := stopped(t, cmd, path)[int64(swap.Process.Pid)]
	usage := swap.ProcessState.SysUsage().(*syscall.Rusage)
	want := usage.Utime.Nano() + usage.Stime.Nano()
	for _, r := range analyze(t, "cputime", path, "--pid", fmt.Sprint(swap.Process.Pid)).Rows {
		least, most := r.int(t, "cpu_time_min_ns"), r.int(t, "cpu_time_max_ns")
		if want < least-tick || want > most+tick {
			t.Errorf("CPU time %d to %d ns, by wait4 %d", least, most, want)
		}
	}
	if life == nil || life.text("filename") != sh || life.int(t, "exit_code") != 0 {
		t.Errorf("the process is %v, want one that executed %s and ended with 0", life, sh)
	}
}

// What a process had before the recording is not its own in it, also when another
// thread takes the number of the first.
func TestExecByAnotherThreadOfOlderProcess(t *testing.T) {
	file, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	wait, begin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	swap := exec.Command(workload, "child", "swap-later", file)
	swap.ExtraFiles = []*os.File{wait}
	out, err := swap.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := swap.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = swap.Process.Kill() })
	wait.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "waiting\n" {
		t.Fatalf("it says %q, %v", line, err)
	}
	var before int64
	waitUntil(t, "it has used its CPU time, and waits", func() bool {
		last := before
		before = cpuClock(t, swap.Process.Pid)
		return before > int64(70*time.Millisecond) && before == last
	})
	cmd, path := start(t, "-e", "cpu,process")
	begin.Close()
	if err := swap.Wait(); err != nil {
		t.Fatal(err)
	}
	stopped(t, cmd, path)
	usage := swap.ProcessState.SysUsage().(*syscall.Rusage)
	want := usage.Utime.Nano() + usage.Stime.Nano() - before
	rows := analyze(t, "cputime", path, "--pid", fmt.Sprint(swap.Process.Pid)).Rows
	for _, r := range rows {
		least, most := r.int(t, "cpu_time_min_ns"), r.int(t, "cpu_time_max_ns")
		if want < least-tick || want > most+tick {
			t.Errorf("CPU time %d to %d ns, by its own clocks %d", least, most, want)
		}
	}
	if len(rows) != 1 {
		t.Errorf("%d rows of process %d, want 1", len(rows), swap.Process.Pid)
	}
}
