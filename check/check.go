// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"time"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// Most findings that are kept of one check; the others are only counted.
const mostFindings = 5

// A Verdict is what one check found.
type Verdict struct {
	Check    string   `json:"check"`
	Does     string   `json:"does"`     // what it checks
	Says     string   `json:"says"`     // what it saw, in numbers; empty when there is nothing to say
	Found    int      `json:"found"`    // findings
	Findings []string `json:"findings"` // the first ones
}

func (v *Verdict) find(shape string, values ...any) {
	if v.Found++; v.Found <= mostFindings {
		v.Findings = append(v.Findings, fmt.Sprintf(shape, values...))
	}
}

// A Report is the verdicts on one capture.
type Report struct {
	Path     string    `json:"path"`
	Cut      string    `json:"cut,omitempty"` // how the recording was cut short
	Lost     uint64    `json:"lost"`          // events that its loss rows tell of
	Verdicts []Verdict `json:"verdicts"`
}

// Found counts the findings of all checks.
func (r *Report) Found() (n int) {
	for i := range r.Verdicts {
		n += r.Verdicts[i].Found
	}
	return n
}

// Whole tells whether the recording is complete and lost nothing.
func (r *Report) Whole() bool { return r.Cut == "" && r.Lost == 0 }

// checker is one check. It is given every event in time order.
type checker interface {
	event(replay.Event)
	verdict() Verdict
}

// Run checks a capture. It fails when the file cannot be opened or the context
// ends.
func Run(ctx context.Context, path string) (*Report, error) {
	c, damage, err := format.Salvage(path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	report := &Report{Path: path, Verdicts: []Verdict{structure(c, damage), metadata(c)}}
	if cut := c.Cut(); cut != nil {
		report.Cut = cut.Error()
	}
	complete := c.Cut() == nil && len(damage) == 0
	account := newAccount(c)
	chain := newChain(c)
	checkers := []checker{newOrder(c), account, newIdentity(c), chain, newSums(c, chain, complete)}
	n := 0
	for e, err := range replay.New(c).Events(replay.Select{}) {
		if err != nil {
			return nil, err
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		for _, k := range checkers {
			k.event(e)
		}
	}
	for _, k := range checkers {
		report.Verdicts = append(report.Verdicts, k.verdict())
	}
	report.Lost = account.lost
	return report, ctx.Err()
}

// at is a time as findings have it.
func at(t int64) string { return time.Unix(0, t).UTC().Format("15:04:05.000000000") }
