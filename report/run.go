// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// section is an analysis in the page.
type section struct {
	id     string // in the page
	title  string // what people look for
	result *analyze.Result
}

// command is what ebrec is called with to print a section's tables.
func (s *section) command() string {
	switch {
	case s.id == "tree":
		return "analyze lifetimes --tree"
	case s.result.Analysis == "info", s.result.Analysis == "diff":
		return s.result.Analysis
	}
	return "analyze " + s.result.Analysis
}

// plan is a section to be.
type plan struct {
	id, title, analysis string
	options             analyze.Options
}

// plans are the sections in the order of the page. Two have an analysis in common:
// its tree of processes is asked for by itself.
var plans = []plan{
	{id: "cpu", title: "CPU time", analysis: "cputime"},
	{id: "runqueue", title: "Waits for a CPU", analysis: "runqlat"},
	{id: "offcpu", title: "Where threads' time went", analysis: "offcpu"},
	{id: "wakeups", title: "Who woke whom", analysis: "wakeups"},
	{id: "tree", title: "Process tree", analysis: "lifetimes", options: analyze.Options{Tree: true}},
	{id: "lives", title: "Lives of processes", analysis: "lifetimes"},
	{id: "tcp", title: "TCP", analysis: "tcplat"},
	{id: "retransmits", title: "TCP: sent again", analysis: "tcpretrans"},
	{id: "states", title: "TCP: states", analysis: "tcpstates"},
	{id: "opens", title: "Files opened", analysis: "opens"},
	{id: "audit", title: "How far the numbers can be trusted", analysis: "audit"},
}

// early are the analyses that say which processes the timeline shows.
func (p *plan) early() bool { return p.analysis == "cputime" || p.analysis == "offcpu" }

// analyze runs what the capture has rows for, several analyses at a time: each
// reads the capture by itself.
func (r *Report) analyze(ctx context.Context, c *format.Capture) error {
	results := make([]*analyze.Result, len(plans))
	absences := make([]*analyze.MissingError, len(plans))
	run := func(early bool) (jobs []job) {
		for i := range plans {
			if plans[i].early() == early {
				jobs = append(jobs, func(ctx context.Context) (err error) {
					results[i], err = plans[i].run(ctx, c)
					if errors.As(err, &absences[i]) {
						return nil
					}
					return err
				})
			}
		}
		return jobs
	}
	if err := together(ctx, run(true)); err != nil {
		return err
	}
	r.collect(results)
	late := append([]job{
		func(ctx context.Context) (err error) { r.timeline, err = r.follow(ctx, c); return err },
		func(ctx context.Context) (err error) { r.series, err = r.overTime(ctx, c); return err },
	}, run(false)...)
	if err := together(ctx, late); err != nil {
		return err
	}
	r.collect(results)
	for i, e := range absences {
		if e != nil {
			r.absent = append(r.absent, absent{plans[i].title, cutText(whyAbsent(e), mostText)})
		}
	}
	return nil
}

// absent is a section that the capture has no rows for.
type absent struct{ Title, Why string }

func whyAbsent(e *analyze.MissingError) string {
	switch {
	case e.Column != "":
		return "recorded by a version that had no " + e.Column
	case e.Reason != "":
		return "could not be recorded there: " + e.Reason
	}
	return "not recorded: it takes record -e " + e.Source
}

func (r *Report) collect(results []*analyze.Result) {
	r.sections = nil
	for i, result := range results {
		if result != nil {
			r.sections = append(r.sections, section{plans[i].id, plans[i].title, result})
		}
	}
}

// run is nil when nothing can be said of a span so short.
func (p *plan) run(ctx context.Context, c *format.Capture) (*analyze.Result, error) {
	a, err := analyze.Find(p.analysis)
	if err != nil {
		return nil, err
	}
	r, err := analyze.Run(ctx, c, a, p.options)
	if errors.As(err, new(*analyze.SpanError)) {
		return nil, nil
	}
	return r, err
}

// job is one reading of the capture.
type job func(context.Context) error

// mostTogether is how many readings go on at a time at most: each needs memory.
const mostTogether = 4

// together does jobs on as many CPUs as there are, and waits for all.
func together(ctx context.Context, jobs []job) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), mostTogether, len(jobs)) {
		workers.Go(func() {
			for j := range queue {
				if ctx.Err() != nil {
					return
				}
				if err := j(ctx); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// series is CPU time over time by process, for the chart and for lanes of a
// capture without switches.
type series struct {
	result     *analyze.Result
	intervalNS uint64
}

// Intervals of the series: as many as a chart can show, fewer when there are so
// many threads that cells would take much memory.
const (
	mostIntervals  = 240
	leastIntervals = 20
	mostCells      = 1 << 20
)

func (r *Report) overTime(ctx context.Context, c *format.Capture) (*series, error) {
	cpu := r.result("cputime")
	if cpu == nil {
		return nil, nil
	}
	threads := 1
	for i := range cpu.Tables {
		for _, row := range cpu.Tables[i].Rows {
			n, _ := cell(&cpu.Tables[i], row, "threads").(uint64)
			threads += int(n)
		}
	}
	count := min(max(mostCells/threads, leastIntervals), mostIntervals)
	interval := time.Duration(r.info.Capture.DurationNS/uint64(count)).Truncate(time.Microsecond) + time.Microsecond
	if c.Kind("sched_switch") == nil {
		interval = max(interval, time.Second) // sums are read so often
	}
	p := plan{analysis: "cputime", options: analyze.Options{Interval: interval}}
	result, err := p.run(ctx, c)
	if err != nil || result == nil { // there is no such span
		return nil, err
	}
	return &series{result, uint64(interval)}, nil
}

// cell is a row's value in a column; nil when there is none.
func cell(t *analyze.Table, row []analyze.Value, column string) analyze.Value {
	for i := range t.Columns {
		if t.Columns[i].Name == column {
			return row[i]
		}
	}
	return nil
}

// number is a value that counts or measures, 0 when there is none.
func number(v analyze.Value) uint64 {
	switch v := v.(type) {
	case uint64:
		return v
	case int64:
		return uint64(max(v, 0))
	}
	return 0
}

// busiest are the processes to have lanes: those that used or waited most, and
// how many others ran.
func (r *Report) busiest(most int) (chosen map[uint32]uint64, others int) {
	used := map[uint32]uint64{}
	for _, name := range []string{"offcpu", "cputime"} {
		result := r.result(name)
		if result == nil || len(used) > 0 {
			continue
		}
		for i := range result.Tables {
			t := &result.Tables[i]
			for _, row := range t.Rows {
				if pid := number(cell(t, row, "pid")); pid != 0 {
					used[uint32(pid)] += number(cell(t, row, "on_cpu_ns")) + number(cell(t, row, "runnable_ns")) + number(cell(t, row, "run_queue_ns"))
				}
			}
		}
	}
	top := largest(used, most, cmp.Compare[uint32])
	chosen = make(map[uint32]uint64, len(top))
	for _, pid := range top {
		chosen[pid] = used[pid]
	}
	return chosen, len(used) - len(chosen)
}

// largest are the keys with the largest values, largest first.
func largest[K comparable](of map[K]uint64, most int, order func(a, b K) int) []K {
	keys := slices.SortedFunc(maps.Keys(of), func(a, b K) int { return cmp.Or(cmp.Compare(of[b], of[a]), order(a, b)) })
	return keys[:min(len(keys), most)]
}
