// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// recording is what all checks must know of the capture at hand: which rows
// there can be, and which of them may be missing for a reason that it tells.
type recording struct {
	*format.Capture
	damage   []format.Damage
	narrowed string // how some rows were left out on purpose; empty: they were not
	missing  []string
	lost     *losses
	unseen   *replay.Unseen
	stopped  bool // reading ended at an error: there are more rows

	reordered uint64 // rows that carry another time than their own, as the summary says
}

// sliced is how the filter of a slice by process ends.
const sliced = "of the slice only process"

func newRecording(c *format.Capture, damage []format.Damage) (*recording, error) {
	r := &recording{Capture: c, damage: damage, missing: missingKinds(c)}
	m := c.Meta()
	switch {
	case m.Window != (format.Window{}):
		r.narrowed = "a slice of a recording"
	case len(r.missing) > 0:
		r.narrowed = "only some kinds of rows"
	case strings.Contains(m.Filter, sliced):
		r.narrowed = "only some processes"
	}
	var err error
	if r.lost, err = readLosses(c); err == nil {
		r.unseen, err = replay.ReadUnseen(c)
	}
	return r, err
}

// whole tells whether every row of the recording is there, so that rows can be
// held against totals.
func (r *recording) whole() bool {
	return r.Cut() == nil && len(r.damage) == 0 && r.Meta().Repair == nil && r.narrowed == "" && !r.stopped
}

// everybody tells whether the rows are about all tasks of the machine.
func (r *recording) everybody() bool { return r.Meta().Filter == "" }

// changing tells whether processes may come to the filter, or leave it, while
// they live.
func (r *recording) changing() bool {
	return replay.Changing(r.Meta())
}

// records tells whether a source was recorded and its rows are there.
func (r *recording) records(kind string) bool { return r.Kind(kind) != nil }

// hookless tells whether hooks that name tasks could not be attached.
func (r *recording) hookless() bool {
	return slices.ContainsFunc(r.Meta().Missing, func(m format.Missing) bool {
		return m.Source == "recording" || m.Source == "process"
	})
}
