// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

type replayFlags struct {
	kinds, comms    []string
	pids            []uint
	span            span
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
	f.span.flags(cmd)
	fl.StringVar(&f.speed, "speed", "max", "1x as it happened, 10x, max without pauses")
	fl.StringVar(&f.printing, "format", "text", "output: text, json with one object a line, or csv")
	return cmd
}

// printer is what all output formats do.
type printer interface {
	Event(replay.Event) error
	Flush() error
}

func (a *app) replay(ctx context.Context, path string, f replayFlags) error {
	if err := checkFormat(f.printing, []string{"text", "json", "csv"}); err != nil {
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
	if a.lacking(r.Capture()) {
		return &statusError{status: exitIncomplete}
	}
	return nil
}

func newPrinter(out io.Writer, c *format.Capture, name string) (printer, error) {
	switch name {
	case "json":
		return replay.NewJSONPrinter(out, c), nil
	case "csv":
		p := replay.NewCSVPrinter(out, c)
		return p, p.Header()
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
	if err := f.span.instants(c, &s.From, &s.To); err != nil {
		return s, err
	}
	// A slice has rows outside of its window, which are not worth a line.
	if w := c.Meta().Window; s.From == 0 && w.From != 0 {
		s.From = w.From + 1
	}
	if s.To == 0 {
		s.To = c.Meta().Window.To
	}
	return s, nil
}
