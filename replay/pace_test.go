// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/replay"
)

// fakeClock jumps to the end of every sleep.
type fakeClock struct {
	now   time.Time
	slept []time.Duration
}

func (c *fakeClock) Now() time.Time { return c.now }

func (c *fakeClock) SleepUntil(ctx context.Context, t time.Time) error {
	c.slept = append(c.slept, t.Sub(c.now))
	c.now = t
	return ctx.Err()
}

func TestPace(t *testing.T) {
	ms := int64(time.Millisecond)
	c := write(t, row{at: 0, kind: "fork"}, row{at: 100 * ms, kind: "fork"}, row{at: 100 * ms, kind: "exit"}, row{at: 350 * ms, kind: "exit"})
	for speed, want := range map[string][]time.Duration{
		"1x":   {100 * time.Millisecond, 250 * time.Millisecond},
		"10x":  {10 * time.Millisecond, 25 * time.Millisecond},
		"0.5x": {200 * time.Millisecond, 500 * time.Millisecond},
		"max":  nil,
	} {
		factor, err := replay.ParseSpeed(speed)
		if err != nil {
			t.Fatal(err)
		}
		clock := &fakeClock{now: time.Unix(1, 0)}
		n := 0
		for _, err := range replay.Pace(t.Context(), factor, clock, replay.New(c).Events(replay.Select{})) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if diff := cmp.Diff(want, clock.slept); diff != "" || n != 4 {
			t.Errorf("%s: %d events, sleeps (-want +got):\n%s", speed, n, diff)
		}
	}
}

// A consumer that is slow is not slowed down further.
func TestPaceCatchesUp(t *testing.T) {
	c := write(t, row{at: 0, kind: "fork"}, row{at: 10, kind: "fork"}, row{at: 20, kind: "exit"}, row{at: 100, kind: "exit"})
	clock := &fakeClock{now: time.Unix(1, 0)}
	for _, err := range replay.Pace(t.Context(), 1, clock, replay.New(c).Events(replay.Select{})) {
		if err != nil {
			t.Fatal(err)
		}
		clock.now = clock.now.Add(15)
	}
	if diff := cmp.Diff([]time.Duration{55}, clock.slept); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPaceEndsWithItsContext(t *testing.T) {
	c := write(t, row{at: 0, kind: "fork"}, row{at: 10, kind: "fork"}, row{at: 20, kind: "fork"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range replay.Pace(ctx, 1, &fakeClock{now: time.Unix(1, 0)}, replay.New(c).Events(replay.Select{})) {
		if n++; n == 1 {
			cancel()
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if n != 2 {
		t.Errorf("%d steps, want an event and an error", n)
	}
}

func TestParseSpeed(t *testing.T) {
	for _, bad := range []string{"", "x", "10", "-1x", "0x", "fast", "NaNx", "Infx", "+Infx"} {
		if v, err := replay.ParseSpeed(bad); err == nil {
			t.Errorf("ParseSpeed(%q) = %v, want an error", bad, v)
		}
	}
}
