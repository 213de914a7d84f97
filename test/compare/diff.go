// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Pairs of captures that diff is tried on, how long each is, and how much of a CPU
// others may have meanwhile: more makes the same work dearer, now and then.
const (
	tried     = 20
	triedTook = 4 * time.Second
	mostOther = 0.5
	mostTries = 30
)

// diffRow is what diff says of a measure.
type diffRow struct {
	What, Name, Measure, Verdict string
	Change                       float64 `json:"change_percent"`
}

// diff has ebrec compare captures of one workload with each other, and with those
// in which one of its processes does 10% more work, and prints how often it was
// right. The three captures of a round are recorded at the same time, at a high
// priority, so that they have the same load, whatever else the machine does.
func (b *bench) diff() error {
	same, found := 0, 0
	for i := range tried {
		if err := b.recordTogether(map[string]int{"base.arrow": 0, "same.arrow": 0, "slower.arrow": 10}); err != nil {
			return err
		}
		quiet, err := b.changed("base.arrow", "same.arrow")
		if err != nil {
			return err
		}
		slower, err := b.changed("base.arrow", "slower.arrow")
		if err != nil {
			return err
		}
		same += boolInt(len(quiet) == 0)
		found += boolInt(slices.ContainsFunc(slower, func(r diffRow) bool {
			return strings.HasSuffix(r.Name, "/eb-work-2") && r.Measure == "cpu_percent" && r.Change > 0
		}))
		fmt.Printf("%2d: same: %v; slower: %v\n", i+1, quiet, slower)
	}
	fmt.Printf("nothing changed in %d of %d pairs of the same; the process of 10%% more work found in %d of %d\n", same, tried, found, tried)
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// recordTogether records workloads at the same time, each with one process that
// does so many percent more; again where others had too much of the CPUs.
func (b *bench) recordTogether(files map[string]int) error {
	for range mostTries {
		began, before := time.Now(), busy()
		own, err := b.recordOnce(files)
		if err != nil {
			return err
		}
		if others := busy() - before - own; others < time.Duration(mostOther*float64(time.Since(began))) {
			return nil
		}
	}
	return fmt.Errorf("others had more than %g of a CPU in each of %d recordings: try on a quiet machine", mostOther, mostTries)
}

// recordOnce returns the CPU time of all workloads and recorders. What processes do
// as they begin is not recorded.
func (b *bench) recordOnce(files map[string]int) (own time.Duration, err error) {
	var works, recorders []*exec.Cmd
	for _, file := range slices.Sorted(maps.Keys(files)) {
		work := b.command("nice", "-n", "-20", b.path("workload"), "work", "--for", (triedTook + 4*time.Second).String(), "--slower", strconv.Itoa(files[file]))
		if err := work.Start(); err != nil {
			return 0, err
		}
		works = append(works, work)
		recorders = append(recorders, b.command("nice", "-n", "-20", b.path("ebrec"), "record", "--force", "-o", file, "-e", "cpu,process,sched",
			"-p", strconv.Itoa(work.Process.Pid), "-d", triedTook.String()))
	}
	time.Sleep(time.Second)
	for _, cmd := range recorders {
		if err := cmd.Start(); err != nil {
			return 0, err
		}
	}
	var errs []error
	for _, cmd := range append(recorders, works...) {
		errs = append(errs, cmd.Wait())
		own += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return own, errors.Join(errs...)
}

// busy is the time that all CPUs did not idle since boot, as far as the kernel
// counts it: to 10 ms.
func busy() (all time.Duration) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, ticks := range strings.Fields(line)[1:9] { // without guests, which are in user time
		if n, err := strconv.Atoi(ticks); err == nil && i != 3 && i != 4 { // idle, iowait
			all += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return all
}

// changed are the measures of processes that diff calls changed.
func (b *bench) changed(base, head string) ([]diffRow, error) {
	out, err := b.output("ebrec", "diff", "--format", "json", base, head)
	if err != nil {
		return nil, err
	}
	var d struct{ Rows []diffRow }
	if err := json.Unmarshal(out, &d); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(d.Rows, func(r diffRow) bool { return r.What != "process" || r.Verdict != "changed" }), nil
}
