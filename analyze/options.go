// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ebrec/ebrec/format"
)

// Options says what to show of an analysis.
type Options struct {
	Top      int           // rows of each table; 0: all
	Sort     string        // column: numbers largest first, text and instants from the first; empty: the analysis's own order
	By       string        // what rows are of, one of Analysis.By; empty: the first of them
	From, To int64         // count only what happened between these instants, in Unix ns; 0: open
	PIDs     []uint32      // only rows of these processes; empty: all; only where Analysis.Picks says so
	Comms    []string      // only rows of these names
	Tree     bool          // a tree of processes; only where Analysis.Lives says so
	Failed   bool          // only what failed; only where Analysis.Lives says so
	Interval time.Duration // a series over time, in steps of this; only where Analysis.Series says so
	// Progress, when set, is called now and then with how many of all rows were
	// read.
	Progress    func(done, all int64)
	Other       *format.Capture // of the other side; only where Analysis.Ends says so
	Align       bool            // find what the clocks of the capture and Other differ by; only with Other
	MinDuration time.Duration   // leave out what lived shorter; only where Analysis.MinDuration says so
}

func (o *Options) check(a *Analysis) error {
	if o.Top < 0 {
		return fmt.Errorf("top %d: the number of rows cannot be negative", o.Top)
	}
	if o.By != "" && !slices.Contains(a.By, o.By) {
		return unknown("grouping", o.By, a.groupings())
	}
	if o.From != 0 && o.To != 0 && o.From >= o.To {
		return errors.New("the span to analyze ends before it begins")
	}
	if (o.Tree || o.Failed) && !a.Lives {
		return fmt.Errorf("%s is not about lives of processes: there is no tree, and none that failed", a.Name)
	}
	if o.Tree && (o.By == "thread" || o.Sort != "" || len(o.PIDs)+len(o.Comms) > 0) {
		return errors.New("a tree has an order of its own, and all processes")
	}
	if o.Interval < 0 || o.Interval > 0 && o.Interval < time.Microsecond {
		return errors.New("an interval of less than a microsecond")
	}
	if o.Interval > 0 && (!a.Series || o.By == "cpu" || o.Sort != "" || len(o.PIDs)+len(o.Comms) > 0 && o.By != "" && o.By != "process") {
		return fmt.Errorf("%s: there is no such series over time", a.Name)
	}
	if a.Whole && (o.From != 0 || o.To != 0) {
		return fmt.Errorf("%s is of a whole recording", a.Name)
	}
	if o.Other != nil && !a.Ends {
		return fmt.Errorf("%s is of one capture", a.Name)
	}
	if o.Align && o.Other == nil {
		return errors.New("clocks are aligned of two captures that have both ends of connections")
	}
	if o.MinDuration < 0 {
		return errors.New("the least duration cannot be negative")
	}
	if o.MinDuration != 0 && !a.MinDuration {
		return fmt.Errorf("%s does not take a least duration", a.Name)
	}
	if err := o.checkPicks(a); err != nil {
		return err
	}
	if o.Sort != "" {
		_, err := indexOf(a.Columns, o.Sort)
		return err
	}
	return nil
}

// checkPicks wants rows that processes and names can be told from.
func (o *Options) checkPicks(a *Analysis) error {
	by := cmp.Or(o.By, "process")
	switch {
	case len(o.PIDs) == 0 && len(o.Comms) == 0:
	case !a.Picks:
		return fmt.Errorf("%s cannot be limited to some processes", a.Name)
	case by == "thread" || by == "process" || by == "comm" && len(o.PIDs) == 0:
	default:
		return fmt.Errorf("rows by %s are of many processes: there are none to pick", by)
	}
	return nil
}

// pick leaves out the rows that were not asked for.
func (o *Options) pick(t *Table) error {
	if len(o.PIDs) == 0 && len(o.Comms) == 0 {
		return nil
	}
	pid, err := indexOf(t.Columns, "pid")
	if err != nil {
		return err
	}
	comm, err := indexOf(t.Columns, "comm")
	if err != nil {
		return err
	}
	t.Rows = slices.DeleteFunc(t.Rows, func(row []Value) bool {
		id, _ := row[pid].(uint64)
		name, _ := row[comm].(string)
		return !o.picks(uint32(id), name)
	})
	return nil
}

// picks tells whether a process was asked for.
func (o *Options) picks(pid uint32, comm string) bool {
	return (len(o.PIDs) == 0 || slices.Contains(o.PIDs, pid)) && (len(o.Comms) == 0 || slices.Contains(o.Comms, comm))
}
