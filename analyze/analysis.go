// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// An Analysis is a documented way to make tables of a capture.
type Analysis struct {
	Name  string
	Doc   string // one sentence: a row for what, telling what
	Needs []Need
	// Columns define the columns of all its tables but those in Also.
	Columns []ColumnSpec
	Also    []Table  // tables with columns of their own, without rows
	By      []string // what Options.By can be; empty: rows are always of the same
	Sort    string   // the column that orders the rows unless Options.Sort does
	// Sums says that it is made of sums: a span of time begins and ends where
	// they were read.
	Sums bool
	// Exact are the further rows with which it can measure any span of time,
	// where they are all there.
	Exact []Need
	// Series says that Options.Interval applies.
	Series bool
	// Whole says that it is always of all that was recorded.
	Whole bool
	// Lives says that Options.Tree and Options.Failed apply.
	Lives bool
	// MinDuration says that Options.MinDuration applies.
	MinDuration bool
	// Picks says that Options.PIDs and Options.Comms apply: rows are of processes.
	Picks bool
	// Ends says that Options.Other applies: both ends of connections.
	Ends bool
	// New makes the state of one run.
	New func(*Env) Pass
}

// Shown are the columns of the main table that options give.
func (a *Analysis) Shown(o Options) []ColumnSpec {
	switch {
	case o.Tree:
		return treeColumns
	case o.Interval > 0:
		return seriesColumns
	}
	return a.Columns
}

// A Need is a kind of rows that an analysis reads.
type Need struct {
	Kind     string
	Columns  []string // beyond time, kind, cpu, pid and tid
	Newer    []string // further ones, which captures of older format versions lack
	Source   string   // the record -e source that gives it
	Optional bool     // the analysis says less without it, but works
}

// A Pass is one run of an analysis. It is given the events that the analysis
// needs in time order, and then asked once for its tables.
type Pass interface {
	Event(replay.Event) error
	Tables() []Table
}

// Env is what a pass may know besides the events.
type Env struct {
	Capture *format.Capture
	Options Options
	// Recording is complete when Tables is called; during the events its end
	// is not known yet.
	Recording *Recording
	// Missing says that the rows of an optional need are not in the capture.
	Missing func(kind string) bool

	asked  window     // 0: open
	window window     // what is counted: asked, or for sums where they were read
	sums   *sumWindow // of analyses made of sums; nil: the whole recording
	exact  bool       // the window is measured by switches
	losses func() []Loss
}

// All are the analyses, in the order in which they are listed.
var All = []*Analysis{&cputime, &lifetimes, &runqlat, &offcpu, &wakeups, &execs, &opens, &tcplat, &tcplife, &tcpconn, &tcptop, &tcpretrans, &tcpstates, &summary, &audit}

// Find returns the analysis of that name, else an *UnknownError.
func Find(name string) (*Analysis, error) {
	var names []string
	for _, a := range All {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	return nil, unknown("analysis", name, names)
}

var identityColumns = []string{"start", "ppid", "comm", "kernel_thread", "cgroup_id"}

// identity are the kinds that name tasks; rename rows and the snapshot come
// with every recording, the others with the source process. Who ends while tasks
// are listed is named by its exit alone.
func identity() []Need {
	return []Need{
		{Kind: "task", Columns: append(slices.Clip(identityColumns), "reason"), Source: "recording"},
		{Kind: "fork", Columns: identityColumns, Source: "process", Optional: true},
		{Kind: "exec", Columns: identityColumns, Source: "process", Optional: true},
		{Kind: "exit", Columns: identityColumns, Source: "process", Optional: true},
		{Kind: "thread_start", Columns: identityColumns, Source: "process", Optional: true},
		{Kind: "thread_exit", Columns: identityColumns, Source: "process", Optional: true},
	}
}

// titleBy is the title of a table with rows of what was asked for.
func titleBy(by string) string {
	switch by {
	case "thread":
		return "Threads"
	case "comm":
		return "Names"
	case "cpu":
		return "CPUs"
	case "cgroup":
		return "Cgroups"
	case "container":
		return "Containers"
	}
	return "Processes"
}
