// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// Losses add up what was lost, by source and reason.
type Losses struct {
	lost                  map[Loss]uint64 // with Lost zero in the key
	source, reason, count format.Col
}

// NewLosses is for the losses of a capture.
func NewLosses(c *format.Capture) Losses {
	return Losses{map[Loss]uint64{}, c.Col("loss_source"), c.Col("loss_reason"), c.Col("lost")}
}

// Add takes a row of kind loss.
func (l *Losses) Add(e replay.Event) {
	if n := e.Uint(l.count); n > 0 {
		l.lost[Loss{Source: e.Str(l.source), Reason: e.Str(l.reason)}] += n
	}
}

// All are the losses, by source and reason.
func (l *Losses) All() (all []Loss) {
	for loss, n := range l.lost {
		loss.Lost = n
		all = append(all, loss)
	}
	slices.SortFunc(all, func(a, b Loss) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}
