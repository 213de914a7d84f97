// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// A MissingError says that a capture lacks what an analysis needs.
type MissingError struct {
	Path     string
	Analysis string
	Source   string // the source that gives it
	Column   string // empty when the source as a whole was not recorded
	Reason   string // why it could not be recorded; empty when nobody asked for it
}

func (e *MissingError) Error() string {
	switch {
	case e.Column != "":
		return fmt.Sprintf("capture %s has no column %s: it was recorded by another version; record again with -e %s", e.Path, e.Column, e.Source)
	case e.Reason != "":
		return fmt.Sprintf("capture %s has no %s rows: they could not be recorded there: %s", e.Path, e.Source, e.Reason)
	}
	return fmt.Sprintf("capture %s has no %s rows: record with -e %s", e.Path, e.Source, e.Source)
}

func checkNeeds(c *format.Capture, a *Analysis) error {
	for _, n := range a.Needs {
		k := c.Kind(n.Kind)
		if k == nil || !recorded(c, n.Source) {
			if n.Optional {
				continue
			}
			return &MissingError{Path: c.Path(), Analysis: a.Name, Source: n.Source, Reason: reason(c, n.Source)}
		}
		for _, name := range n.Columns {
			if k.Field(name) == nil {
				return &MissingError{Path: c.Path(), Analysis: a.Name, Source: n.Source, Column: name}
			}
		}
	}
	return nil
}

// recorded tells whether a source was recorded. The rows of the recording
// itself always are.
func recorded(c *format.Capture, source string) bool {
	all := c.Meta().Sources
	return source == "recording" || len(all) == 0 || slices.Contains(all, source)
}

// reason is why a source that was asked for is not there.
func reason(c *format.Capture, source string) string {
	for _, m := range c.Meta().Missing {
		if m.Source == source {
			return replay.Clean(m.Reason)
		}
	}
	return ""
}
