// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	recorder "github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/test/need"
	"github.com/ebrec/ebrec/test/truth"
)

// child starts a role of the workload on CPU 0, which ends with the test, and
// returns its process id.
func child(t *testing.T, role ...string) int {
	t.Helper()
	cmd := exec.Command("taskset", append([]string{"-c", "0", workload, "child"}, role...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // which is its end
	})
	return cmd.Process.Pid
}

// TestUnseenSwitches records beside a process whose switches the programs do not
// see. It shares a CPU with a process that runs since before the recording, and
// with one whose CPU time wait4 tells.
func TestUnseenSwitches(t *testing.T) {
	need.BPF(t)
	spinner := child(t, "spin", "1h", "100")
	hidden := child(t, "spin", "1h", "30")
	dir := t.TempDir()
	keepIfFailed(t, dir)
	r := recording{trace: filepath.Join(dir, "trace.arrow")}
	file := filepath.Join(dir, "truth.json")
	cgroups, _ := cgroup(t)
	began, spinnerHad, hiddenHad := time.Now(), cpuClock(t, spinner), cpuClock(t, hidden)
	res, err := recorder.Run(t.Context(), recorder.Options{
		Output: r.trace, Sources: []string{"cpu", "sched", "process"}, All: true, BlindTo: uint32(hidden),
		Command: []string{"taskset", "-c", "0", workload, "spin", "--for", "3s", "--truth", file, "--cgroups", cgroups},
	})
	if err != nil {
		t.Fatal(err)
	}
	spinnerHad, hiddenHad = cpuClock(t, spinner)-spinnerHad, cpuClock(t, hidden)-hiddenHad
	around := time.Since(began)
	if res.Lost != 0 || res.Unseen < 10 { // some hundred where it need not wait for the CPU
		t.Errorf("%d events lost and %d unseen, want 0 and at least 10", res.Lost, res.Unseen)
	}
	run(t, "check", r.trace)
	if r.truth, err = truth.Read(file); err != nil {
		t.Fatal(err)
	}
	if err := r.truth.Settle(); err != nil {
		t.Fatal(err)
	}
	if n := checkCPUTime(t, r); n != 1 {
		t.Errorf("compared %d processes, want 1", n)
	}
	checkOnCPU(t, r, onlineCPUs(t))
	cputime := analyze(t, "cputime", r.trace)
	row := cputime.find(t, row{"pid": spinner})
	if row == nil {
		t.Fatalf("no row of process %d", spinner)
	}
	// What both had within the recording is what they had around it, less what can
	// lie outside.
	outside := int64(around - res.Duration)
	most := spinnerHad
	least := most - outside - most/100 // the two clocks
	unseen := cputime.sum(t, "on_cpu_ns", map[string]any{"class": "unseen"})
	low, high := row.int(t, "cpu_time_min_ns"), row.int(t, "cpu_time_max_ns")
	if low > most || high < least || high > int64(res.Duration) {
		t.Errorf("the process that ran before had from %d to %d ns, its own clock says %d to %d", low, high, least, most)
	}
	if ns := row.int(t, "cpu_time_ns"); ns < low || ns > high {
		t.Errorf("its cpu_time_ns is %d", ns)
	}
	if least := hiddenHad - outside - hiddenHad/50; unseen < least || unseen > int64(res.Duration)*int64(onlineCPUs(t)) {
		t.Errorf("nobody is known to have had %d ns, but the hidden process had at least %d", unseen, least)
	}
}

// TestUnseenEnds records processes that run, and end, beside one whose switches the
// programs do not see: what a thread had when nobody saw it come, or leave for good, is
// within the bounds of its CPU time. How many end unseen depends on who else runs.
func TestUnseenEnds(t *testing.T) {
	need.BPF(t)
	hidden := child(t, "spin", "1h", "100")
	const enough, most = 3, 50 // processes, recordings
	open := 0
	for i := 0; i < 2 || open < enough && i < most; i++ {
		open += endUnseen(t, uint32(hidden))
	}
	if open < enough {
		t.Errorf("%d processes of %d recordings ran unseen, want %d: that proves nothing", open, most, enough)
	}
}

// endUnseen records processes on CPU 0 without the switches of one, and returns how many
// had more CPU time than was seen.
func endUnseen(t *testing.T, hidden uint32) (open int) {
	t.Helper()
	dir := t.TempDir()
	keepIfFailed(t, dir)
	path, file := filepath.Join(dir, "trace.arrow"), filepath.Join(dir, "truth.json")
	res, err := recorder.Run(t.Context(), recorder.Options{
		Output: path, Sources: []string{"cpu", "process"}, All: true, BlindTo: hidden,
		Command: []string{"taskset", "-c", "0", workload, "forkstorm", "--procs", "60", "--truth", file},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Lost != 0 {
		t.Errorf("%d events lost", res.Lost)
	}
	run(t, "check", path)
	all, err := truth.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	got, parents := analyze(t, "cputime", path), map[int]bool{}
	for _, p := range all.Processes {
		parents[p.PPID] = true
	}
	for _, want := range all.Processes {
		row := got.process(t, want)
		if row == nil || parents[want.PID] { // wait4 tells what its children had, too
			continue
		}
		least, most := row.int(t, "cpu_time_min_ns"), row.int(t, "cpu_time_max_ns")
		if most < want.CPUNS-rusageGrain {
			t.Errorf("pid %d: CPU time %d at most, wait4 %d", want.PID, most, want.CPUNS)
		}
		if least < want.CPUNS-rusageGrain {
			open++
		}
	}
	return open
}

// cpuClock is the CPU time of a process, in ns.
func cpuClock(t *testing.T, pid int) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil { // its clock id, see clock_getcpuclockid(3)
		t.Fatal(err)
	}
	return ts.Nano()
}

// TestUnseenAtTheEnd ends recordings, some of them while a process is on its CPU whose
// switches the programs do not see: whoever was seen to come there last is not taken
// for the one who has it, by no analysis. It shares the CPU with two others, whose
// switches with each other are seen: alone it would not leave the CPU, and was there.
func TestUnseenAtTheEnd(t *testing.T) {
	need.BPF(t)
	hidden := child(t, "spin", "1h", "100")
	child(t, "spin", "1h", "100")
	child(t, "spin", "1h", "30")
	const enough, most = 10, 200 // recordings
	open := 0
	for i := 0; i < enough || open == 0 && i < most; i++ {
		path := filepath.Join(t.TempDir(), "trace.arrow")
		res, err := recorder.Run(t.Context(), recorder.Options{
			Output: path, Sources: []string{"cpu", "sched", "process"}, All: true, BlindTo: uint32(hidden), Duration: time.Duration(30+i%enough) * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		run(t, "check", path)
		checkOnCPU(t, recording{trace: path}, onlineCPUs(t))
		const late = 10 * time.Millisecond
		end := res.Start.Add(res.Duration)
		span := analyze(t, "cputime", path, "--from", end.Add(-late).Format(time.RFC3339Nano))
		nobodys := span.sum(t, "on_cpu_ns", map[string]any{"class": "unseen"})
		for _, loss := range replayRows(t, path, "loss") {
			if loss["loss_reason"] != "unseen" || loss.int(t, "time_ns") != end.UnixNano() || loss.int(t, "cpu") != 0 {
				continue
			}
			open++
			if want := min(int64(late), end.UnixNano()-loss.int(t, "since_ns")); nobodys < want {
				t.Errorf("of the last %v nobody had %d ns, want at least %d", late, nobodys, want)
			}
		}
	}
	if open == 0 {
		t.Errorf("none of %d recordings ended while nobody is known to have had CPU 0", most)
	}
}
