// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

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

// clock notes readings of the wall clock, and times in which the machine was
// suspended: boot time goes on then, and the monotonic clock does not.
type clock struct {
	last wallOffset
	at   uint64 // boot time of the last row; 0: none

	looked uint64 // boot time of the last look
	behind int64  // how far the monotonic clock was behind then, ns
}

// leastSuspended is what tells a suspension from two clocks that are read one
// after the other.
const leastSuspended = 20 * time.Millisecond

// suspended adds a row when the machine was since the last time. The boot time
// is read behind the monotonic clock: a suspension in between is for the next
// row, and one before is in the interval of this.
func (c *clock) suspended(s *session) error {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	at := bpf.Now()
	behind, before := int64(at)-ts.Nano(), c.behind
	since := c.looked
	c.behind, c.looked = behind, at
	if since == 0 || behind-before < int64(leastSuspended) {
		return nil
	}
	row := bpf.Suspended{H: bpf.Header{Time: at, Kind: kindSuspended}, Since: since, SuspendedNS: uint64(behind - before)}
	return s.writer.AddReading(bpf.Bytes(&row))
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
