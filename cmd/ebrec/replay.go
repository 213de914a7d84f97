// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

type replayFlags struct {
	kinds, comms    []string
	pids            []uint
	from, to        string
	speed, printing string
}

func (a *app) replayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:     "replay FILE",
		Short:   "Print the events of a capture in time order",
		Example: "  ebrec replay --kind exec,exit trace.arrow\n  ebrec replay --pid 1234 --from +1s --to +2.5s --format json trace.arrow",
		Args:    captureArg,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.replay(cmd.Context(), args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.kinds, "kind", nil, "only these kinds of events (default: all but sums and the tasks found at the start)")
	fl.UintSliceVar(&f.pids, "pid", nil, "only events of these processes")
	fl.StringSliceVar(&f.comms, "comm", nil, "only events of tasks with these names")
	fl.StringVar(&f.from, "from", "", "begin at: +2.5s after the start, 15:04:05.123 at the recorded host, or RFC 3339")
	fl.StringVar(&f.to, "to", "", "end at, as --from")
	fl.StringVar(&f.speed, "speed", "max", "1x as it happened, 10x, max without pauses")
	fl.StringVar(&f.printing, "format", "text", "output: text, or json with one object a line")
	return cmd
}

// printer is what both output formats do.
type printer interface {
	Event(replay.Event) error
	Flush() error
}

func (a *app) replay(ctx context.Context, path string, f replayFlags) error {
	if err := checkFormat(f.printing, []string{"text", "json"}); err != nil {
		return err
	}
	speed, err := replay.ParseSpeed(f.speed)
	if err != nil {
		return usage(err)
	}
	r, err := replay.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	sel, err := f.selection(r.Capture())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.stdout)
	p, err := newPrinter(out, r.Capture(), f.printing)
	if err != nil {
		return err
	}
	events := replay.Pace(ctx, speed, flushing{replay.WallClock{}, out, p}, r.Events(sel))
	for e, err := range events {
		if errors.Is(err, context.Canceled) {
			break // Ctrl-C ends a replay as its last event does
		}
		if err == nil {
			err = p.Event(e)
		}
		if err != nil {
			return errors.Join(err, p.Flush(), out.Flush())
		}
	}
	if err := errors.Join(p.Flush(), out.Flush()); err != nil {
		return err
	}
	if cut := r.Capture().Cut(); cut != nil {
		a.warn(cut.Error())
		return &statusError{status: exitIncomplete}
	}
	return nil
}

func newPrinter(out io.Writer, c *format.Capture, name string) (printer, error) {
	if name == "json" {
		return replay.NewJSONPrinter(out, c), nil
	}
	p := replay.NewPrinter(out, c)
	return p, p.Header()
}

// flushing shows what was printed before each pause.
type flushing struct {
	replay.Clock
	out *bufio.Writer
	p   printer
}

func (f flushing) SleepUntil(ctx context.Context, t time.Time) error {
	if err := errors.Join(f.p.Flush(), f.out.Flush()); err != nil {
		return err
	}
	return f.Clock.SleepUntil(ctx, t)
}

func (f replayFlags) selection(c *format.Capture) (replay.Select, error) {
	s := replay.Select{Kinds: f.kinds, Comms: f.comms, Tasks: true}
	if len(s.Kinds) == 0 {
		s.Kinds = replay.DefaultKinds(c)
	}
	for _, pid := range f.pids {
		s.PIDs = append(s.PIDs, uint32(pid))
	}
	var err1, err2 error
	s.From, err1 = instant(f.from, c.Meta())
	s.To, err2 = instant(f.to, c.Meta())
	if err := errors.Join(err1, err2); err != nil {
		return s, usage(err)
	}
	if s.From != 0 && s.To != 0 && s.From > s.To {
		return s, usage(fmt.Errorf("--from %s is after --to %s", f.from, f.to))
	}
	return s, nil
}

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
