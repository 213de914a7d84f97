// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Clock is what Pace waits by. Wrap one to learn when a pause begins, to
// flush output for example.
type Clock interface {
	Now() time.Time
	// SleepUntil returns at t, or with the context's error when that ends first.
	SleepUntil(ctx context.Context, t time.Time) error
}

// WallClock is the computer's own clock.
type WallClock struct{}

// Now is the current time.
func (WallClock) Now() time.Time { return time.Now() }

// SleepUntil sleeps until t or the end of ctx.
func (WallClock) SleepUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// MaxSpeed replays without pauses.
const MaxSpeed = 0

// ParseSpeed reads "1x", "10x", "0.5x" or "max".
func ParseSpeed(s string) (float64, error) {
	if s == "max" {
		return MaxSpeed, nil
	}
	n, ok := strings.CutSuffix(s, "x")
	v, err := strconv.ParseFloat(n, 64)
	if !ok || err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("speed %q is neither max nor a factor such as 1x, 10x or 0.5x", s)
	}
	return v, nil
}

// Pace hands events on with the pauses that lay between them, divided by
// speed. The first comes at once, and each later one at its distance from the
// first, so that delays do not add up. The end of ctx ends the iteration with
// the context's error.
func Pace(ctx context.Context, speed float64, clock Clock, events iter.Seq2[Event, error]) iter.Seq2[Event, error] {
	if speed == MaxSpeed {
		return events
	}
	return func(yield func(Event, error) bool) {
		var base time.Time
		var first int64
		for e, err := range events {
			if err != nil {
				yield(e, err)
				return
			}
			if base.IsZero() {
				base, first = clock.Now(), e.Time()
			}
			if err := wait(ctx, clock, base, float64(e.Time()-first)/speed); err != nil {
				yield(Event{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// wait sleeps until afterNS from base; a pause longer than Go can count never ends.
func wait(ctx context.Context, clock Clock, base time.Time, afterNS float64) error {
	t := base.Add(time.Duration(min(afterNS, math.MaxInt64/2)))
	if !t.After(clock.Now()) {
		return ctx.Err()
	}
	return clock.SleepUntil(ctx, t)
}
