// SPDX-License-Identifier: Apache-2.0

package record

import (
	"time"

	"github.com/ebrec/ebrec/bpf"
)

// How often the wall clock is noted anyway, and how far it must have been set
// to be noted at once. Slewing is at most half a millisecond a second.
const (
	clockEvery = time.Minute
	clockStep  = 5 * time.Millisecond
)

// wallOffset is what makes Unix time of boot time, true within plus or minus
// half of what the reading took.
type wallOffset struct {
	offset, uncertainty int64 // ns
}

func readWall() wallOffset {
	best := wallOffset{uncertainty: 1 << 62}
	for range 20 {
		before, wall, after := bpf.Now(), time.Now().UnixNano(), bpf.Now()
		if half := int64(after-before+1) / 2; half < best.uncertainty {
			best = wallOffset{wall - int64(before) - half, half}
		}
	}
	return best
}

// clock notes readings of the wall clock.
type clock struct {
	last wallOffset
	at   uint64 // boot time of the last row; 0: none
}

// add adds a reading if one is due, or must be.
func (c *clock) add(s *session, at uint64, must bool) error {
	now := readWall()
	set := time.Duration(now.offset - c.last.offset).Abs()
	if c.at != 0 && !must && set < clockStep && at-c.at < uint64(clockEvery) {
		return nil
	}
	c.last, c.at = now, at
	row := bpf.Clock{
		H:            bpf.Header{Time: at, Kind: kindClock},
		WallOffsetNS: now.offset, UncertaintyNS: uint64(now.uncertainty),
	}
	return s.writer.AddReading(bpf.Bytes(&row))
}
