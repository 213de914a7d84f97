// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// span is a part of a recording as the command line has it.
type span struct{ from, to string }

func (s *span) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.from, "from", "", "begin at: +2.5s after the start, 15:04:05.123 at the recorded host, or RFC 3339")
	cmd.Flags().StringVar(&s.to, "to", "", "end at, as --from")
}

// instants are its ends as Unix nanoseconds, both included; 0 where it is open.
func (s *span) instants(c *format.Capture, from, to *int64) error {
	var err1, err2 error
	*from, err1 = instant(s.from, c.Meta())
	*to, err2 = instant(s.to, c.Meta())
	if err := errors.Join(err1, err2); err != nil {
		return usage(err)
	}
	if *from != 0 && *to != 0 && *from > *to {
		return usage(fmt.Errorf("--from %s is after --to %s", s.from, s.to))
	}
	return nil
}

// behind is the instant after which a span begins: the one before its first.
func behind(from int64) int64 { return max(0, from-1) }

// instant is a point in time of a recording as Unix nanoseconds, 0 when none
// is given: an offset from the start, a wall clock time of the recorded host
// on the day of the start, or RFC 3339.
func instant(text string, m *format.Metadata) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if offset, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(offset)
		if err != nil {
			return 0, fmt.Errorf("time %q: %w", text, err)
		}
		return m.Start.Add(d).UnixNano(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UnixNano(), nil
	}
	clock, err := time.Parse("15:04:05.999999999", text)
	if err != nil {
		return 0, fmt.Errorf("time %q is neither +2.5s, 15:04:05 nor RFC 3339", text)
	}
	start := m.Start.In(replay.Zone(m))
	midnight := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, start.Location())
	return midnight.Add(clock.Sub(clock.Truncate(24 * time.Hour))).UnixNano(), nil
}
