// SPDX-License-Identifier: Apache-2.0

package diff

import "github.com/ebrec/ebrec/analyze"

// A Verdict is what the captures prove of one measure.
type Verdict string

// The verdicts. The chance that noise makes any Changed in a whole report is at most
// 5%, and so is that of Same for each row that differs by the threshold or more.
const (
	Changed    Verdict = "changed"     // noise does not explain the difference, and it is the threshold or more
	Same       Verdict = "same"        // noise included the difference is less than the threshold
	CannotTell Verdict = "cannot tell" // neither is proven; the reason says why
)

// A Report is the comparison of two sides. It belongs to the caller, and holds
// nothing of the captures open.
type Report struct {
	Base, Head []Side
	Options    Options // as they were used: with the defaults
	// Tables are the processes, threads, branches and remotes, in this order.
	Tables []Table
	// Skipped are the measures that one side or both cannot have.
	Skipped []Skip
	// Whole is false when a capture is cut short or lost events.
	Whole bool
}

// A Side is one capture of a side.
type Side struct {
	Recording analyze.Recording
	Loss      []analyze.Loss
	Steps     int // intervals that the noise of CPU time is estimated from
}

// A Skip says why measures were not compared.
type Skip struct {
	Measures []string
	Reason   string
}

// A Table compares one kind of thing.
type Table struct {
	Title string
	What  string // process, thread, branch or remote
	Doc   string // what a row is of
	Rows  []Row
	// Lone are those that one side alone has, most CPU time first.
	Lone []Lone
	// LoneLeft is how many more there are: too many to be named.
	LoneLeft int
	// Small is how many are on both sides, and too small on both to be compared.
	Small int
	// Few is how many measures of things are left out because less than ten events
	// are of them on either side.
	Few int
	// Left is how many are left out because there are too many.
	Left int
}

// A Row is one measure of one thing.
type Row struct {
	// Name is the path of a process or branch from the root of the process tree; of
	// a thread with its name behind a colon; of a remote address and port, or the
	// local port of accepted connections.
	Name     string
	HeadName string // where it is in the tree at head, when that is another place; else empty
	Measure  *Measure
	// Base and Head are in the measure's unit, of several captures the mean.
	Base, Head float64
	// Change is head against base, in percent of base; Low and High are the bounds
	// of its 95% confidence interval, for this row alone, with what was lost. All
	// are NaN where base or head is 0, Low and High where noise is not known.
	Change, Low, High float64
	// P is the chance that noise alone makes such a difference, corrected for all
	// comparisons of the report (Holm), of which the CPU time of processes has one half
	// of what is allowed; NaN when it was not tested.
	P       float64
	Verdict Verdict
	Reason  string // why Verdict is CannotTell; else empty

	cpu   float64 // percent of a CPU that the thing uses, the larger side
	order int
	test  test
}

// A Lone is a thing of one side.
type Lone struct {
	Name string
	Head bool // it is only in head; else only in base
	// Sums over the side's captures.
	Processes, Switches, Connects, Responses uint64
	CPUTime                                  uint64  // ns
	CPUPercent                               float64 // of one CPU, mean of the captures
	Verdict                                  Verdict // Changed: it surely uses more than Options.MinCPU
	Reason                                   string

	test test
}

// Changed tells whether anything changed, came or went.
func (r *Report) Changed() bool {
	for i := range r.Tables {
		for j := range r.Tables[i].Rows {
			if r.Tables[i].Rows[j].Verdict == Changed {
				return true
			}
		}
		for j := range r.Tables[i].Lone {
			if r.Tables[i].Lone[j].Verdict == Changed {
				return true
			}
		}
	}
	return false
}
