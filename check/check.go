// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// Most findings that are kept of one check; the others are only counted.
const mostFindings = 5

// A Verdict is what one check found. Its text is safe to show.
type Verdict struct {
	Check    string   `json:"check"`
	Does     string   `json:"does"`     // what it checks
	Says     string   `json:"says"`     // what it saw, in numbers; empty when there is nothing to say
	Found    int      `json:"found"`    // findings
	Findings []string `json:"findings"` // the first ones
}

func (v *Verdict) find(shape string, values ...any) {
	if v.Found++; v.Found <= mostFindings {
		v.Findings = append(v.Findings, replay.Clean(fmt.Sprintf(shape, values...)))
	}
}

// says adds to what the check saw.
func (v *Verdict) says(shape string, values ...any) {
	if v.Says != "" {
		v.Says += "; "
	}
	v.Says += replay.Clean(fmt.Sprintf(shape, values...))
}

// A Report is the verdicts on one capture.
type Report struct {
	Path     string    `json:"path"`
	Cut      string    `json:"cut,omitempty"` // how the recording was cut short
	Lost     uint64    `json:"lost"`          // events that its loss rows tell of, but for those unseen
	Unseen   uint64    `json:"unseen"`        // events, at least, that the kernel did not hand to the recorder
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
	event(e replay.Event, kind string)
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
	order := newOrder(c)
	r, err := newRecording(c, damage)
	if order.stop(r, err) {
		return nil, err
	}
	if err := order.file(ctx, r); err != nil {
		return nil, err
	}
	identity := newIdentity(r)
	chain := newChain(r, identity)
	checkers := []checker{order, newAccount(r), identity, chain, newSums(r, chain)}
	if err := read(ctx, r, order, checkers); err != nil {
		return nil, err
	}
	report := &Report{Path: path, Lost: r.lost.total - r.lost.unseen, Unseen: r.lost.unseen, Verdicts: []Verdict{structure(r), metadata(r)}}
	if cut := c.Cut(); cut != nil {
		report.Cut = cut.Error()
	}
	for _, k := range checkers {
		report.Verdicts = append(report.Verdicts, k.verdict())
	}
	for i := range report.Verdicts {
		report.Verdicts[i].Findings = append([]string{}, report.Verdicts[i].Findings...) // a list, not null
	}
	return report, nil
}

// read gives the checkers every event. Rows that cannot be put in order are a
// finding: what was read up to there is judged.
func read(ctx context.Context, r *recording, order *order, checkers []checker) error {
	n := 0
	for e, err := range replay.New(r.Capture).Events(replay.Select{}) {
		if err != nil {
			if order.stop(r, err) {
				return err
			}
			break
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		kind := e.Kind().Name
		for _, k := range checkers {
			k.event(e, kind)
		}
	}
	return ctx.Err()
}

// corrupt tells whether an error is about what the file holds.
func corrupt(err error) bool {
	return errors.As(err, new(*format.CorruptError)) || errors.As(err, new(*replay.OrderError))
}

// at is a time as findings have it.
func at(t int64) string { return time.Unix(0, t).UTC().Format("15:04:05.000000000") }
