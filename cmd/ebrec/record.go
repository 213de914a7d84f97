// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/replay"
)

func (a *app) recordCommand() *cobra.Command {
	var (
		o    record.Options
		pids []uint
		list bool
		size string
	)
	cmd := &cobra.Command{
		Use:     "record -o FILE [flags] [-- COMMAND [ARG...]]",
		Short:   "Record this machine, or a command, into a capture",
		Example: "  sudo ebrec record -o trace.arrow\n  sudo ebrec record -o trace.arrow -d 10s -e cpu,sched,tcp\n  sudo ebrec record -o trace.arrow -- make test",
		Args: func(cmd *cobra.Command, args []string) error {
			if n := cmd.ArgsLenAtDash(); n > 0 || n < 0 && len(args) > 0 {
				return usage(fmt.Errorf("record: unexpected %q; a command to run comes after --", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return listSources(a.stdout)
			}
			o.Command = args
			if size != "" {
				n, err := humanize.ParseBytes(size)
				if err != nil || n > math.MaxInt64 {
					return usage(fmt.Errorf("--max-size %s is no size, such as 25MB", size))
				}
				o.MaxSize = int64(n)
			}
			for _, pid := range pids {
				o.PIDs = append(o.PIDs, uint32(pid))
			}
			return a.record(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "capture to write; - for an Arrow stream on standard output")
	f.DurationVarP(&o.Duration, "duration", "d", 0, "stop after this long (default: at Ctrl-C, or when COMMAND exits)")
	f.StringVar(&size, "max-size", "", "stop when the capture has this size, e.g. 25MB")
	f.StringSliceVarP(&o.Sources, "events", "e", record.DefaultSources(), "sources to record, or all; see --list")
	f.UintSliceVarP(&pids, "pid", "p", nil, "record only these processes and their children")
	f.BoolVarP(&o.All, "all", "a", false, "with COMMAND: record the whole machine while it runs")
	f.BoolVar(&o.AsRoot, "as-root", false, "run COMMAND as root, not as the user behind sudo")
	f.BoolVar(&o.Force, "force", false, "replace an existing capture")
	f.BoolVar(&list, "list", false, "list the sources with their events and columns")
	return cmd
}

func (a *app) record(ctx context.Context, o record.Options) error {
	if err := complete(&o); err != nil {
		return err
	}
	o.Version, o.CommandLine = version, a.args
	status := a.statusLine()
	if status != nil {
		o.Progress = func(p record.Progress) { fmt.Fprint(status, progressLine(p)) }
	}
	res, err := record.Run(ctx, o)
	if status != nil {
		fmt.Fprint(status, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	a.summarize(res)
	switch {
	case len(o.Command) > 0 && res.ExitStatus != 0:
		return &statusError{status: res.ExitStatus}
	case res.Lost > 0:
		return &statusError{status: exitIncomplete}
	}
	return nil
}

// complete checks the flags and fills in what they leave to us.
func complete(o *record.Options) error {
	if o.Output == "" {
		return usage(fmt.Errorf("record needs a file to write: ebrec record -o trace.arrow"))
	}
	if o.Duration < 0 {
		return usage(fmt.Errorf("a duration of %s", o.Duration))
	}
	all := record.AllSources()
	if slices.Contains(o.Sources, "all") {
		o.Sources = all
	}
	for _, s := range o.Sources {
		if !slices.Contains(all, s) {
			return usage(&analyze.UnknownError{What: "source", Name: s, Nearest: analyze.Nearest(s, all), Known: append(all, "all")})
		}
	}
	return nil
}

// statusLine is where a line a second may be rewritten: a terminal.
func (a *app) statusLine() io.Writer {
	if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

func progressLine(p record.Progress) string {
	return fmt.Sprintf("\r\x1b[K%s  %s events/s  %s  %s lost",
		p.Elapsed.Round(time.Second), humanize.Comma(int64(p.PerSecond)), humanize.Bytes(uint64(p.Bytes)), humanize.Comma(int64(p.Lost)))
}

func (a *app) summarize(r *record.Result) {
	var rows uint64
	for _, n := range r.Rows {
		rows += n
	}
	fmt.Fprintf(a.stderr, "recorded %.3f s to %s: %s rows, %s, %s lost; recording took %s of CPU and %s of memory\n",
		r.Duration.Seconds(), replay.Clean(r.Path), humanize.Comma(int64(rows)), humanize.Bytes(uint64(r.Bytes)),
		humanize.Comma(int64(r.Lost)), r.OwnCPU.Round(time.Millisecond), humanize.IBytes(uint64(r.MaxRSS)))
	if r.Full {
		a.warn("the recording ended because the capture has the size that --max-size allows")
	}
	if r.NoRoom {
		a.warn("the recording ended because the disk is full; the capture is complete up to there")
	}
	for _, m := range r.Missing {
		a.warn(fmt.Sprintf("source %s lacks %s: %s: %s", m.Source, m.Loses, m.Hook, m.Reason))
	}
}

func listSources(w io.Writer) error {
	kinds, err := bpf.Kinds()
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, source := range append(bpf.Sources(), "recording") {
		note := ""
		switch {
		case source == "recording":
			note = " (always)"
		case slices.Contains(record.DefaultSources(), source):
			note = " (default)"
		}
		fmt.Fprintf(&b, "%s%s\n", source, note)
		for _, k := range kinds {
			if k.Source == source {
				listKind(&b, &k)
			}
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

func listKind(b *strings.Builder, k *format.Kind) {
	fmt.Fprintf(b, "  %s: %s\n", k.Name, k.Doc)
	for _, f := range k.Fields {
		unit := ""
		if f.Unit != "" {
			unit = " [" + f.Unit + "]"
		}
		fmt.Fprintf(b, "    %s%s: %s\n", f.Name, unit, f.Doc)
	}
}
