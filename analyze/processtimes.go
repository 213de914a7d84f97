// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// A ProcessTime is where the time of a process went, for those who draw it.
type ProcessTime struct {
	PID, PPID uint32
	Start     int64 // Unix ns; with PID it identifies the process
	Comm      string
	CPUTimeNS uint64      // cpu_time_ns of cputime
	OffCPU    []PlaceTime // of offcpu, where there was any
}

// A PlaceTime is the time that threads were in one place off the CPU.
type PlaceTime struct {
	Place string // the column of offcpu without _ns
	NS    uint64
}

// CPUTimes are the processes of cputime, and those that are known without having
// run, by PID and Start. The result has no rows: it tells of losses.
func CPUTimes(ctx context.Context, c *format.Capture) ([]ProcessTime, *Result, error) {
	s, p, err := pass(ctx, c, &cputime, Options{})
	if err != nil {
		return nil, nil, err
	}
	l := p.(*cpuTimePass).ledger
	all := map[processID]*ProcessTime{}
	for id, leader := range l.leaders {
		all[id] = &ProcessTime{PID: id.pid, PPID: leader.PPID, Start: id.start, Comm: leader.Comm}
	}
	for id, q := range l.processes() {
		if all[id] == nil {
			all[id] = &ProcessTime{PID: id.pid, Start: id.start, Comm: "?"}
		}
		all[id].CPUTimeNS = q.used.cpuTime
	}
	return sortedTimes(all), s.result(&cputime, nil), nil
}

// OffCPUTimes are the processes of offcpu, and those that are known without having
// run, by PID and Start. The result has no rows: it tells of losses.
func OffCPUTimes(ctx context.Context, c *format.Capture) ([]ProcessTime, *Result, error) {
	s, pass, err := pass(ctx, c, &offcpu, Options{})
	if err != nil {
		return nil, nil, err
	}
	p := pass.(*offCPUPass)
	p.end()
	all, spent := map[processID]*ProcessTime{}, map[processID]*[places]int64{}
	for _, w := range p.threads {
		leader := leaderOf(p.tasks, w.task)
		if w.task.TID == w.task.PID {
			leader = w.task
		}
		id := processID{w.task.PID, leader.Start}
		if all[id] == nil {
			all[id], spent[id] = &ProcessTime{PID: id.pid, PPID: leader.PPID, Start: id.start, Comm: leader.Comm}, &[places]int64{}
		}
		for place, ns := range w.spent {
			if w.ran {
				spent[id][place] += ns
			}
		}
	}
	for id, t := range all {
		for place := placeCPU + 1; place < places; place++ {
			if ns := spent[id][place]; ns > 0 {
				t.OffCPU = append(t.OffCPU, PlaceTime{placeNames[place], uint64(ns)})
			}
		}
	}
	return sortedTimes(all), s.result(&offcpu, nil), nil
}

// placeNames are the places by their columns.
var placeNames = [places]string{"on_cpu", "runnable", "sleeping", "uninterruptible", "stopped", "other", "unknown"}

func sortedTimes(all map[processID]*ProcessTime) (times []ProcessTime) {
	for _, t := range all {
		times = append(times, *t)
	}
	slices.SortFunc(times, func(a, b ProcessTime) int { return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Start, b.Start)) })
	return times
}
