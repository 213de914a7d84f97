// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math"
	"slices"
)

// A sum is what a capture, or a host, did in one analysis, all of its rows together.
type sum interface {
	add(sum) // one of the same type, of another capture
	values(recordedNS uint64) []Value
}

// A summer is a pass of an analysis whose rows can be added up. It is asked for the
// sum instead of its tables, and for what that does not cover.
type summer interface {
	whole(*Options) (sum, []string)
}

// whole says what the sum of an analysis has: its columns, and the one that orders
// the rows.
type whole struct {
	columns []ColumnSpec
	sort    string
}

// wholes are the analyses whose rows can be added up, by name.
var wholes = map[string]whole{
	"cputime":   {cpuWhole, "on_cpu_ns"},
	"runqlat":   {waitWhole, "total_ns"},
	"offcpu":    {offcpu.Columns[slices.IndexFunc(offcpu.Columns, named("threads")):], "runnable_ns"},
	"tcplat":    {tcpWhole, "response_p99_ns"},
	"tcptop":    {slices.Concat(connectionsWhole, tcptop.Columns[slices.IndexFunc(tcptop.Columns, named("total_bytes")):]), "total_bytes"},
	"lifetimes": {livesWhole, "processes"},
	"execs":     {execsWhole, "execs"},
	"opens":     {opensWhole, "opens"},
	"summary":   {summaryWhole, "on_cpu_ns"},
}

// Adds tells whether the rows of an analysis can be added up, as Many.By has them.
func (a *Analysis) Adds() bool {
	_, ok := wholes[a.Name]
	return ok
}

// groupings are what rows can be of, of one capture or of many.
func (a *Analysis) groupings() []string {
	if a.Adds() {
		return slices.Concat(a.By, ManyBy)
	}
	return a.By
}

func named(name string) func(ColumnSpec) bool {
	return func(c ColumnSpec) bool { return c.Name == name }
}

// perSecond is how many of something there were in a second, with three decimals.
func perSecond(n, recordedNS uint64) Value {
	if recordedNS == 0 {
		return nil
	}
	return math.Round(float64(n)*1e12/float64(recordedNS)) / 1000
}
