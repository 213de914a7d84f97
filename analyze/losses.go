// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// Losses add up what was lost, by source and reason.
type Losses struct {
	lost                  map[Loss]uint64 // with Lost zero in the key
	source, reason, count format.Col
}

// Unseen tells whether the recorder did not lose the events, but the kernel never
// handed them to it. Then the capture names each interval, and no number has
// more in it than is known.
func (l Loss) Unseen() bool { return l.Reason == replay.UnseenReason }

// words say what was lost.
func (l Loss) words() string {
	if l.Unseen() {
		return fmt.Sprintf("at least %d events of source %s went unseen: the kernel did not hand them to the recorder", l.Lost, replay.Clean(l.Source))
	}
	return fmt.Sprintf("%d events of source %s were lost (%s)", l.Lost, replay.Clean(l.Source), replay.Clean(l.Reason))
}

// Line is a sentence on what was lost.
func (l Loss) Line() string {
	if l.Unseen() {
		return fmt.Sprintf("Unseen: at least %d %s events that the kernel did not hand to the recorder.", l.Lost, replay.Clean(l.Source))
	}
	return fmt.Sprintf("Lost: %d %s events (%s).", l.Lost, replay.Clean(l.Source), replay.Clean(l.Reason))
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
