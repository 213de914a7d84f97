// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebrec/ebrec/test/truth"
)

// figures are what a program says of a process, or of all threads of a name.
type figures struct {
	onCPU            float64 // ms
	arrivals         float64 // on a CPU
	average, longest float64 // wait for one, ms
}

// sched has both record the same minute of some processes, and holds what they
// say of them against each other, and CPU time against what wait4 says.
func (b *bench) sched() error {
	build := exec.CommandContext(b.ctx, "go", "build", "-o", b.dir+"/", "./test/workload")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the workload: %w\n%s", err, out)
	}
	perf := b.command("perf", "record", "-q", "-m", "1024", "-a", "-e", "sched:sched_switch,sched:sched_wakeup,sched:sched_waking", "-o", "perf.data")
	ebrec := b.command("ebrec", "record", "-a", "-e", "cpu,sched,process,wakeups", "-o", "trace.arrow")
	if err := errors.Join(perf.Start(), ebrec.Start()); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // both are there
	_, err := b.output(b.path("workload"), "mixed", "--procs", "40", "--for", "10s", "--truth", b.path("truth.json"))
	time.Sleep(300 * time.Millisecond)
	if err := errors.Join(err, finish(ebrec), finish(perf)); err != nil {
		return err
	}
	stats, err := b.output("perf", "report", "-i", "perf.data", "--stats")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(stats)) {
		if strings.Contains(line, "LOST") {
			fmt.Printf("perf: %s", line)
		}
	}
	return errors.Join(b.onCPU(), b.delays(), b.cpuTime())
}

// table is the rows of an analysis.
func (b *bench) table(args ...string) ([]map[string]any, error) {
	out, err := b.output("ebrec", append([]string{"analyze", "--format", "json"}, args...)...)
	if err != nil {
		return nil, err
	}
	var doc struct{ Rows []map[string]any }
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, fmt.Errorf("%q: %w", args, err)
	}
	return doc.Rows, nil
}

func number(row map[string]any, name string) float64 {
	n, _ := row[name].(float64)
	return n
}

var summaryLine = regexp.MustCompile(`^\s*(\S.*)\[(\d+)(?:/(\d+))?\]\s+(-?\d+)\s+(\d+)\s+([\d.]+)\s`)

// onCPU compares time on a CPU and arrivals by process.
func (b *bench) onCPU() error {
	out, err := b.output("perf", "sched", "timehist", "-s", "-i", "perf.data")
	if err != nil {
		return err
	}
	theirs := map[string]*figures{}
	for line := range strings.Lines(string(out)) {
		m := summaryLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		pid := cmp.Or(m[3], m[2])
		f := theirs[pid]
		if f == nil {
			f = &figures{}
			theirs[pid] = f
		}
		in, _ := strconv.ParseFloat(m[5], 64)
		ms, _ := strconv.ParseFloat(m[6], 64)
		f.arrivals += in
		f.onCPU += ms
	}
	rows, err := b.table("cputime", b.path("trace.arrow"))
	if err != nil {
		return err
	}
	var off, count []float64
	for _, row := range rows {
		name, _ := row["comm"].(string)
		f := theirs[fmt.Sprint(number(row, "pid"))]
		if f == nil || !strings.HasPrefix(name, "eb-") {
			continue
		}
		ours := number(row, "on_cpu_ns") / 1e6
		off = append(off, within(ours, f.onCPU, 0.1))
		count = append(count, within(number(row, "switches"), f.arrivals, 2))
	}
	return report("time on a CPU, perf sched timehist -s", off, report("switches, of the same", count, nil))
}

// within is by how many percent a figure is off another; 0 where the difference
// is small.
func within(ours, theirs, small float64) float64 {
	if d := math.Abs(ours - theirs); d > small {
		return 100 * d / theirs
	}
	return 0
}

func report(what string, off []float64, before error) error {
	if len(off) == 0 {
		return errors.Join(before, fmt.Errorf("%s: nothing to compare", what))
	}
	slices.Sort(off)
	fmt.Printf("%s: %d processes, off by %.3f%% (median), %.3f%% (most)\n", what, len(off), off[len(off)/2], off[len(off)-1])
	return before
}

var latencyLine = regexp.MustCompile(`^\s*(\S+?):\(?\d+\)?\s*\|\s*[\d.]+ ms \|\s*(\d+) \| avg:\s*([\d.]+) ms \| max:\s*([\d.]+) ms`)

// delays compares waits by name.
func (b *bench) delays() error {
	out, err := b.output("perf", "sched", "latency", "-i", "perf.data")
	if err != nil {
		return err
	}
	theirs := map[string]figures{}
	for line := range strings.Lines(string(out)) {
		if m := latencyLine.FindStringSubmatch(line); m != nil {
			average, _ := strconv.ParseFloat(m[3], 64)
			longest, _ := strconv.ParseFloat(m[4], 64)
			theirs[m[1]] = figures{average: average, longest: longest}
		}
	}
	rows, err := b.table("runqlat", "--by", "comm", b.path("trace.arrow"))
	if err != nil {
		return err
	}
	var average, longest []float64
	for _, row := range rows {
		name, _ := row["comm"].(string)
		if f, ok := theirs[name]; ok && strings.HasPrefix(name, "eb-") {
			average = append(average, within(number(row, "average_ns")/1e6, f.average, 0.001))
			longest = append(longest, within(number(row, "max_ns")/1e6, f.longest, 0.1))
		}
	}
	return report("average wait, perf sched latency", average, report("longest wait, of the same", longest, nil))
}

// cpuTime compares CPU time with what wait4 said to the workload.
func (b *bench) cpuTime() error {
	t, err := truth.Read(b.path("truth.json"))
	if err != nil {
		return err
	}
	rows, err := b.table("cputime", b.path("trace.arrow"))
	if err != nil {
		return err
	}
	var off []float64
	for _, p := range t.Processes {
		for _, row := range rows {
			if int(number(row, "pid")) == p.PID {
				off = append(off, within(number(row, "cpu_time_ns")/1e6, float64(p.CPUNS)/1e6, 0.1))
			}
		}
	}
	return report("CPU time, wait4", off, nil)
}
