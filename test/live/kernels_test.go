// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	recorder "github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/test/guest"
	"github.com/ebrec/ebrec/test/truth"
)

const guestCPUs = 2

// guestWork is what a guest records: options of record, and the workload.
var guestWork = map[string][2]string{
	"mixed":       {"-a", "mixed --procs 8 --for 2s --cgroups /sys/fs/cgroup"},
	"forkstorm":   {"-a", "forkstorm --procs 100"},
	"failing":     {"", "failing"},
	"tcp":         {"-e cpu,process,tcp,tcpturns", "tcp --requests 10 --connections 2 --refused 2"},
	"fastopen":    {"-e process,tcp,tcpturns", "tcp --fast-open --requests 4 --connections 5 --refused 0"},
	"zerocopy":    {"-e process,tcp,tcpturns", "zerocopy"},
	"loss":        {"-e process,tcp", "tcp --rtt 5ms --requests 30 --connections 2 --refused 0 --drop-every 9"},
	"owners":      {"-e process,tcp", "owners --connections 60"},
	"manyconns":   {"-e process,tcp", "manyconns --connections 8000"},
	"unsent":      {"-e process,tcp", "unsent"},
	"odd":         {"-e process,tcp,tcpturns,tcpstates", "odd"},
	"opens":       {"-e file", "opens"},
	"args":        {"--args", "failing"},
	"switches":    {"-a -e cpu,sched,process,wakeups", "mixed --procs 6 --for 1s"},
	"interrupted": {"-e file", "interrupted"},
	"names":       {"-e process --args", "names"},
}

// guestScripts are recordings of what a machine of one's own allows: each is
// shell commands that leave captures. begun waits until a recording has begun.
// What follows a suspension has its effects on clocks and timers.
var guestScripts = []string{
	`(begun suspend; sleep 2; echo +4 >/sys/class/rtc/rtc0/wakealarm; echo mem >/sys/power/state) &
ebrec record -o suspend.arrow -e cpu,sched,process -d 5s; wait`,
	`ebrec record -a -o hotplug.arrow -e cpu,sched,process -- sh -c 'sleep 1; for off in 0.2 1; do echo 0 >$cpu1; sleep $off; echo 1 >$cpu1; sleep 0.2; done'`,
	`echo 0 >$cpu1
ebrec record -a -o late.arrow -e cpu,sched,process -- sh -c 'sleep 1; echo 1 >$cpu1; sleep 1'`,
	`(begun clock; sleep 1; date -s '2030-01-02 03:04:05' >/dev/null) &
ebrec record -o clock.arrow -d 3s; wait`,
	// Another may take the number: then once more.
	`ebrec record -a -o reuse.arrow -- sh -c 'for i in 1 2 3; do
until echo 5000 >/proc/sys/kernel/ns_last_pid; sh -c "test \$\$ = 5001 || exit 99; exit $i"; test $? = $i; do :; done
done'`,
	`workload older --truth older.json -- ebrec record -a -o older.arrow -e process,tcp,tcpturns -- workload nudge`,
	`mkdir /sys/fs/cgroup/eb
(begun cgroup; echo -n eb-left >/proc/self/comm; echo 0 >/sys/fs/cgroup/eb/cgroup.procs; sleep 0.3; echo 0 >/sys/fs/cgroup/cgroup.procs; sleep 4) &
(begun cgroup; echo 0 >/sys/fs/cgroup/eb/cgroup.procs; sleep 1; mkdir /sys/fs/cgroup/eb/below; sleep 0.5) &
ebrec record -o cgroup.arrow -e cpu,sched,process --cgroup eb -d 3s; wait`,
	`mkdir -p /sys/fs/cgroup/ice /tmp/ice; mount -t cgroup -o freezer freezer /tmp/ice; mkdir /tmp/ice/a
(echo -n eb-ice1 >/proc/self/comm; while :; do :; done) & one=$!
(echo -n eb-ice2 >/proc/self/comm; while :; do :; done) & two=$!
echo $one >/tmp/ice/a/cgroup.procs; echo $two >/sys/fs/cgroup/ice/cgroup.procs
(begun frozen; sleep 0.5
echo FROZEN >/tmp/ice/a/freezer.state; echo 1 >/sys/fs/cgroup/ice/cgroup.freeze; sleep 1
echo THAWED >/tmp/ice/a/freezer.state; echo 0 >/sys/fs/cgroup/ice/cgroup.freeze; sleep 0.5; kill $one $two) &
ebrec record -o frozen.arrow -e cpu,sched,process -d 6s; wait`,
	// What a command is given, once without the recorder and once with it.
	`ulimit -Sn 99; trap '' USR2 PIPE; export 'odd=a
b'; f=/proc/self; cat $f/limits $f/environ >given.direct; grep -E '^(Sig[BI]|Cap|Groups|NoNew)' $f/status >>given.direct
ebrec record -e cpu -o given.arrow -- cat $f/limits $f/environ >given.recorded
ebrec record --force -e cpu -o given.arrow -- grep -E '^(Sig[BI]|Cap|Groups|NoNew)' $f/status >>given.recorded
cmp given.direct given.recorded`,
	`mkdir -p /sys/fs/cgroup/deep/er
(echo -n eb-older >/proc/self/comm; echo 0 >/sys/fs/cgroup/deep/er/cgroup.procs; sleep 600; true) & p=$!
until grep -q $p /sys/fs/cgroup/deep/er/cgroup.procs; do sleep 0.1; done
unshare -p -f -m sh -c 'mount -t proc proc /proc; ebrec record -o elsewhere.arrow -e cpu,process -d 1s'; kill $p`,
}

const guestShell = `export cpu1=/sys/devices/system/cpu/cpu1/online
begun() { until [ -s $1.arrow ]; do sleep 0.1; done; }`

// TestKernels records on other kernels and holds the captures, read here, to
// the truth. It runs for the kernels named in EBREC_TEST_KERNELS.
func TestKernels(t *testing.T) {
	names := strings.Fields(os.Getenv("EBREC_TEST_KERNELS"))
	if len(names) == 0 {
		t.Skip("EBREC_TEST_KERNELS names no kernel; there are " + strings.Join(guest.Kernels(), ", "))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir := bootAndRecord(t, name)
			t.Run("cputime", func(t *testing.T) {
				r := brought(t, dir, "mixed")
				checkCPUTime(t, r)
				checkSwitches(t, r)
				checkOnCPU(t, r, guestCPUs)
			})
			t.Run("lifetimes", func(t *testing.T) {
				checkLifetimes(t, brought(t, dir, "forkstorm"))
				checkLifetimes(t, brought(t, dir, "failing"))
			})
			t.Run("tcplat", func(t *testing.T) { checkConns(t, brought(t, dir, "tcp")) })
			t.Run("fastopen", func(t *testing.T) {
				r := brought(t, dir, "fastopen")
				checkConns(t, r)
				checkFastOpened(t, r)
			})
			t.Run("zerocopy", func(t *testing.T) { checkZeroCopy(t, brought(t, dir, "zerocopy")) })
			t.Run("older", func(t *testing.T) { checkOlder(t, brought(t, dir, "older")) })
			t.Run("loss", func(t *testing.T) { checkSentAgain(t, brought(t, dir, "loss"), true) })
			t.Run("owners", func(t *testing.T) { checkOwners(t, brought(t, dir, "owners"), 60) })
			t.Run("manyconns", func(t *testing.T) { checkManyConns(t, brought(t, dir, "manyconns"), 8000) })
			t.Run("unsent", func(t *testing.T) { checkUnsent(t, brought(t, dir, "unsent"), true) })
			t.Run("odd", func(t *testing.T) { checkOdd(t, brought(t, dir, "odd")) })
			t.Run("doctor", func(t *testing.T) {
				out, err := os.ReadFile(filepath.Join(dir, "doctor.json"))
				if err != nil {
					t.Fatal(err)
				}
				for name, f := range findings(t, out) {
					if f.State == recorder.Missing {
						t.Errorf("%s: %+v", name, f)
					}
				}
			})
			t.Run("opens", func(t *testing.T) { checkOpens(t, brought(t, dir, "opens")) })
			t.Run("interrupted", func(t *testing.T) { checkInterrupted(t, brought(t, dir, "interrupted")) })
			t.Run("names", func(t *testing.T) { checkNames(t, brought(t, dir, "names")) })
			t.Run("switches", func(t *testing.T) { checkSwitchesAgree(t, brought(t, dir, "switches")) })
			t.Run("args", func(t *testing.T) {
				if n := len(replayRows(t, brought(t, dir, "args").trace, "exec_args")); n < 3 {
					t.Errorf("%d rows of arguments", n)
				}
			})
			t.Run("hotplug", func(t *testing.T) { checkHotplug(t, dir) })
			t.Run("clock", func(t *testing.T) { checkClock(t, filepath.Join(dir, "clock.arrow")) })
			t.Run("reuse", func(t *testing.T) { checkReuse(t, filepath.Join(dir, "reuse.arrow")) })
			t.Run("suspend", func(t *testing.T) { checkSuspend(t, filepath.Join(dir, "suspend.arrow")) })
			t.Run("frozen", func(t *testing.T) { checkFrozen(t, filepath.Join(dir, "frozen.arrow")) })
			t.Run("cgroup", func(t *testing.T) { checkGuestCgroup(t, filepath.Join(dir, "cgroup.arrow")) })
			t.Run("elsewhere", func(t *testing.T) { checkElsewhere(t, filepath.Join(dir, "elsewhere.arrow")) })
			t.Run("table", func(t *testing.T) { checkKernelTable(t, name, filepath.Join(dir, "doctor.json")) })
		})
	}
}

// bootAndRecord runs every workload in one guest and returns where its files are.
func bootAndRecord(t *testing.T, kernel string) string {
	t.Helper()
	cache, err := guest.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	o := guest.Options{
		Kernel:   kernel,
		Programs: map[string]string{"ebrec": ebrec, "workload": workload},
		Out:      t.TempDir(),
		CPUs:     guestCPUs,
		Timeout:  15 * time.Minute, // it takes three, where nothing else runs
	}
	for name, w := range guestWork {
		o.Commands = append(o.Commands, fmt.Sprintf(
			"ebrec record -o %s.arrow %s -- workload %s --truth %s.json || test $? = 3\nworkload settle --truth %[4]s.json", name, w[0], w[1], name))
	}
	o.Commands = append(o.Commands, guestShell)
	o.Commands = append(o.Commands, guestScripts...)
	o.Commands = append(o.Commands, "ebrec doctor --format json >doctor.json || test $? = 3")
	r, err := cache.Boot(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != 0 {
		t.Fatalf("a command ended with %d:\n%s", r.Status, r.Console)
	}
	return o.Out
}

// brought is a recording that a guest made.
func brought(t *testing.T, dir, name string) recording {
	t.Helper()
	tr, err := truth.Read(filepath.Join(dir, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	r := recording{trace: filepath.Join(dir, name+".arrow"), truth: tr}
	run(t, "check", r.trace)
	checkSeen(t, r.trace)
	return r
}

// checkSeen wants every switch to have been seen: a guest hides no thread.
func checkSeen(t *testing.T, trace string) {
	t.Helper()
	if hidden(t, trace) {
		t.Errorf("%s: switches went unseen", filepath.Base(trace))
	}
}

// checkHotplug wants recordings in which a CPU went offline and came, or came
// later, to add up and to have no gaps.
func checkHotplug(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"hotplug.arrow", "late.arrow"} {
		path := filepath.Join(dir, name)
		run(t, "check", path)
		checkSeen(t, path)
		checkOnCPU(t, recording{trace: path}, guestCPUs)
		cpus := map[int64]bool{}
		for _, r := range replayRows(t, path, "cpu_sum") {
			cpus[r.int(t, "cpu")] = true
		}
		want := map[string]string{"hotplug.arrow": "0 1 0 1", "late.arrow": "1"}[name]
		if got := onlineStates(t, path); got != want {
			t.Errorf("%s: the CPU is online %q, want %q", name, got, want)
		}
		if len(cpus) != guestCPUs {
			t.Errorf("%s has sums of %d CPUs", name, len(cpus))
		}
	}
}

// checkElsewhere wants a recorder in a pid namespace of its own to have listed,
// once, a process outside of it and the path of its cgroup.
func checkElsewhere(t *testing.T, path string) {
	t.Helper()
	run(t, "check", path)
	paths := map[string]string{}
	for _, r := range replayRows(t, path, "cgroup_path") {
		paths[fmt.Sprint(r.int(t, "cgroup_id"))] = r.text("cgroup")
	}
	found := 0
	for _, r := range replayRows(t, path, "task") {
		if r.text("comm") != "eb-older" {
			continue
		}
		found++
		if got := paths[fmt.Sprint(r.int(t, "cgroup_id"))]; got != "/deep/er" {
			t.Errorf("the process is in cgroup %q, want /deep/er", got)
		}
	}
	if found != 1 {
		t.Errorf("the process is listed %d times, want once", found)
	}
}

// onlineStates are those that CPUs went to, in order: 0 for offline.
func onlineStates(t *testing.T, path string) string {
	t.Helper()
	var states []string
	for _, r := range replayRows(t, path, "cpu_online") {
		states = append(states, fmt.Sprint(r.int(t, "online")))
	}
	return strings.Join(states, " ")
}

// checkClock wants a clock that was set to another year to be noted, and to
// change nothing else.
func checkClock(t *testing.T, path string) {
	t.Helper()
	run(t, "check", path)
	readings := replayRows(t, path, "clock")
	if len(readings) < 3 {
		t.Fatalf("%d readings of the clock", len(readings))
	}
	first, last := readings[0].int(t, "wall_offset_ns"), readings[len(readings)-1].int(t, "wall_offset_ns")
	if moved := time.Duration(last - first); moved < 24*time.Hour {
		t.Errorf("the clock moved by %v", moved)
	}
	if d := time.Duration(analyze(t, "cputime", path).Capture.DurationNS); d < 2900*time.Millisecond || d > 4*time.Second {
		t.Errorf("the recording took %v, want 3 s", d)
	}
}

// checkReuse wants processes that had one number one after the other to be
// several, each with its own end. Another process may have come in between.
func checkReuse(t *testing.T, path string) {
	t.Helper()
	run(t, "check", path)
	same, ends := 0, map[int64]bool{}
	for _, r := range analyze(t, "lifetimes", path).Rows {
		if pid := r.int(t, "pid"); pid > 5000 && pid < 5004 && r.text("state") == "exited" {
			ends[r.int(t, "exit_code")] = true
			if pid == 5001 {
				same++
			}
		}
	}
	if same < 2 || !ends[1] || !ends[2] || !ends[3] {
		t.Errorf("%d processes had number 5001; exit codes %v", same, ends)
	}
}

// checkSuspend wants the time that a machine was suspended to be told, and all
// CPUs to add up nevertheless. The clock that wakes it has seconds.
func checkSuspend(t *testing.T, path string) {
	t.Helper()
	run(t, "check", path)
	checkOnCPU(t, recording{trace: path}, guestCPUs)
	if got := onlineStates(t, path); got != "0 1" {
		t.Errorf("the CPU that does not resume the machine is online %q, want \"0 1\"", got)
	}
	slept := int64(0)
	for _, r := range replayRows(t, path, "suspended") {
		slept += r.int(t, "suspended_ns")
	}
	if d := time.Duration(slept); d < 2*time.Second || d > 6*time.Second {
		t.Errorf("suspended for %v, want 3 to 4 s", d)
	}
	if d := time.Duration(analyze(t, "cputime", path).Capture.DurationNS); d < 4990*time.Millisecond+time.Duration(slept) || d > 8*time.Second+time.Duration(slept) {
		t.Errorf("the recording took %v, want 5 s awake and %v suspended", d, time.Duration(slept))
	}
}

// checkGuestCgroup wants the process of the cgroup with its children, and the
// cgroup's path.
func checkGuestCgroup(t *testing.T, path string) {
	t.Helper()
	run(t, "check", path)
	sleeps, left := 0, ""
	for _, r := range analyze(t, "lifetimes", path).Rows {
		switch r.text("comm") {
		case "sleep":
			sleeps++
		case "eb-left":
			left = r.text("state")
		}
	}
	if left != "left" {
		t.Errorf("the process that left is %q", left)
	}
	var paths []string
	for _, r := range replayRows(t, path, "cgroup_path") {
		paths = append(paths, r.text("cgroup"))
	}
	if sleeps == 0 || !slices.Contains(paths, "/eb") || !slices.Contains(paths, "/eb/below") {
		t.Errorf("%d children, cgroups %v", sleeps, paths)
	}
}

// checkFrozen wants two busy processes to have been frozen for a second, one by a
// cgroup of each version.
func checkFrozen(t *testing.T, path string) {
	t.Helper()
	run(t, "check", path)
	found := 0
	for _, r := range analyze(t, "offcpu", path).Rows {
		if !strings.HasPrefix(r.text("comm"), "eb-ice") {
			continue
		}
		found++
		if ns := time.Duration(r.int(t, "stopped_ns")); ns < 900*time.Millisecond || ns > 5*time.Second {
			t.Errorf("%s was stopped for %v, want about a second", r.text("comm"), ns)
		}
	}
	if found != 2 {
		t.Errorf("%d of 2 processes are there", found)
	}
}
