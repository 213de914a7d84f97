// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/replay"
)

// recordFlags are flags that need reading before they are options.
type recordFlags struct {
	pids     []uint
	size     string
	overhead string
	triggers []string
	rotate   int
	args     bool
}

func (a *app) recordCommand() *cobra.Command {
	var (
		o    record.Options
		f    recordFlags
		list bool
	)
	cmd := &cobra.Command{
		Use:   "record -o FILE [flags] [-- COMMAND [ARG...]]",
		Short: "Record this machine, or a command, into a capture",
		Example: `  sudo ebrec record -o trace.arrow
  sudo ebrec record -o trace.arrow -d 10s -e cpu,sched,tcp
  sudo ebrec record -o trace.arrow -- make test
  sudo ebrec record -o slow.arrow --last 30s --trigger 'runq>50ms'`,
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
			if err := f.apply(&o); err != nil {
				return usage(err)
			}
			return a.record(cmd.Context(), o)
		},
	}
	f.define(cmd.Flags(), &o)
	cmd.Flags().BoolVar(&list, "list", false, "list the sources with their events and columns")
	return cmd
}

func (f *recordFlags) define(fl *pflag.FlagSet, o *record.Options) {
	fl.StringVarP(&o.Output, "output", "o", "", "capture to write; - for an Arrow stream on standard output")
	fl.DurationVarP(&o.Duration, "duration", "d", 0, "stop after this long (default: at Ctrl-C, or when COMMAND exits)")
	fl.StringVar(&f.size, "max-size", "", "stop when the capture has this size, e.g. 25MB; with --last, how much memory the window may take")
	fl.IntVar(&f.rotate, "rotate", 0, "with --max-size: go on in numbered files, and keep this many, the newest; with --last: keep this many of the windows written before the last")
	fl.DurationVar(&o.Last, "last", 0, "keep only this long in memory, and write it at the end, on SIGUSR1 and when a trigger's condition holds")
	fl.StringArrayVar(&f.triggers, "trigger", nil, "with --last: write the window when this holds: "+record.TriggerHelp)
	fl.StringVar(&f.overhead, "max-overhead", "", "count switches instead of recording them while recording takes more than this share of the machine's CPU time, e.g. 1%")
	fl.Uint32Var(&o.MaxConns, "max-connections", 1<<15, "follow this many TCP connections at one time; both ends of one count where both are on this machine")
	fl.Uint32Var(&o.MaxTurns, "max-turns", 20_000, "record this many turns of TCP connections a second and CPU one by one, and more as histograms")
	fl.DurationVar(&o.RTTInterval, "rtt-interval", 0, "record the round-trip times of a connection this often, at most, as segments arrive (default: when it begins and ends)")
	fl.StringSliceVarP(&o.Sources, "events", "e", record.DefaultSources(), "sources to record, or all (but for args); see --list")
	fl.BoolVar(&f.args, "args", false, "record the arguments of executed files, too (source args); they may hold secrets")
	fl.UintSliceVarP(&f.pids, "pid", "p", nil, "record only these processes and their descendants")
	fl.StringSliceVar(&o.Comms, "comm", nil, "record only processes that have or take one of these names, and their descendants")
	fl.StringSliceVar(&o.Cgroups, "cgroup", nil, "record only processes in these cgroups (version 2) and below")
	fl.BoolVarP(&o.All, "all", "a", false, "with COMMAND: record the whole machine while it runs")
	fl.IntVar(&o.Nice, "nice", -20, "nice value of the recorder, so that it keeps up on a busy machine; 0 leaves it as it is")
	fl.BoolVar(&o.IncludeSelf, "include-self", false, "record the recorder's own events, too")
	fl.BoolVar(&o.AsRoot, "as-root", false, "run COMMAND as root, not as the user behind sudo")
	fl.BoolVar(&o.Force, "force", false, "replace an existing capture")
}

// apply reads the flags into options.
func (f *recordFlags) apply(o *record.Options) error {
	for _, pid := range f.pids {
		o.PIDs = append(o.PIDs, uint32(pid))
	}
	if f.args && !slices.Contains(o.Sources, "args") {
		o.Sources = append(slices.Clone(o.Sources), "args")
	}
	for _, text := range f.triggers {
		t, err := record.ParseTrigger(text)
		if err != nil {
			return err
		}
		if !slices.Contains(o.Sources, t.Source()) && !slices.Contains(o.Sources, "all") {
			o.Sources = append(slices.Clone(o.Sources), t.Source())
		}
		o.Triggers = append(o.Triggers, t)
	}
	if f.size != "" {
		n, err := humanize.ParseBytes(f.size)
		if err != nil || n > math.MaxInt64 {
			return fmt.Errorf("--max-size %s is no size, such as 25MB", f.size)
		}
		o.MaxSize = int64(n)
	}
	if f.overhead != "" {
		share, err := strconv.ParseFloat(strings.TrimSuffix(f.overhead, "%"), 64)
		if err != nil || !strings.HasSuffix(f.overhead, "%") || share <= 0 || share > 100 {
			return fmt.Errorf("--max-overhead %s is no share, such as 1%%", f.overhead)
		}
		o.MaxOverhead = share / 100
	}
	if o.MaxTurns == 0 || o.MaxConns == 0 {
		return errors.New("--max-turns and --max-connections: at least 1")
	}
	if o.RTTInterval < 0 {
		return fmt.Errorf("--rtt-interval %v is negative", o.RTTInterval)
	}
	if o.Nice < -20 || o.Nice > 19 {
		return fmt.Errorf("--nice %d: from -20, first, to 19, last", o.Nice)
	}
	return f.several(o)
}

// several checks the flags that make more files than one.
func (f *recordFlags) several(o *record.Options) error {
	o.Rotate, o.Keep = f.rotate > 0 && o.Last == 0, f.rotate
	switch {
	case f.rotate < 0:
		return fmt.Errorf("--rotate %d: keep one file or more", f.rotate)
	case o.Rotate && o.MaxSize == 0:
		return errors.New("--rotate needs --max-size, the size of each file")
	case len(o.Triggers) > 0 && o.Last == 0:
		return errors.New("--trigger needs --last, how long a window to write")
	case o.Last < 0 || o.Last > 0 && o.Last < time.Second:
		return fmt.Errorf("--last %s: keep a second or more", o.Last)
	}
	return nil
}

// garbagePercent is how much garbage there may be beside what is in use while recording:
// memory is the recorded machine's.
const garbagePercent = 50

func (a *app) record(ctx context.Context, o record.Options) error {
	if err := complete(&o); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	o.Version, o.CommandLine, o.DropPrivileges = version, a.args, true
	status := a.statusLine()
	if status != nil {
		o.Progress = func(p record.Progress) { fmt.Fprint(status, progressLine(p)) }
	}
	o.Wrote = func(f record.File) { a.wroteFile(status, f) }
	dump := make(chan struct{}, 1)
	o.Dump = dump
	defer onUSR1(func() {
		select {
		case dump <- struct{}{}:
		default: // asked already
		}
	})()
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
		args := slices.Contains(o.Sources, "args")
		o.Sources = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "args" && !args })
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
	shed := ""
	if p.Shed {
		shed = "  only counting switches"
	}
	return fmt.Sprintf("\r\x1b[K%s  %s events/s  %s  %s lost%s",
		p.Elapsed.Round(time.Second), humanize.Comma(int64(p.PerSecond)), humanize.Bytes(uint64(p.Bytes)), humanize.Comma(int64(p.Lost)), shed)
}

// wroteFile tells of a file of several as it is done.
func (a *app) wroteFile(status io.Writer, f record.File) {
	if status != nil {
		fmt.Fprint(status, "\r\x1b[K")
	}
	if f.Err != nil {
		a.warn(fmt.Sprintf("the window was not written (%s): %v", f.Why, f.Err))
		return
	}
	fmt.Fprintf(a.stderr, "wrote %s, because %s: %s rows, %s\n", replay.Clean(f.Path), replay.Clean(f.Why), humanize.Comma(int64(total(f.Rows))), humanize.Bytes(uint64(f.Bytes)))
}

func total(rows map[string]uint64) (n uint64) {
	for _, k := range rows {
		n += k
	}
	return n
}

func (a *app) summarize(r *record.Result) {
	fmt.Fprintf(a.stderr, "recorded %.3f s to %s: %s rows, %s, %s lost; recording took %s of CPU and %s of memory\n",
		r.Duration.Seconds(), target(r), humanize.Comma(int64(total(r.Rows))), humanize.Bytes(uint64(r.Bytes)),
		humanize.Comma(int64(r.Lost)), r.OwnCPU.Round(time.Millisecond), humanize.IBytes(uint64(r.MaxRSS)))
	if r.Unseen > 0 {
		a.warn(fmt.Sprintf("the kernel did not hand %s or more events to the recorder: this machine hides threads from tracing; the capture names the intervals, and numbers are bounded where that matters", humanize.Comma(int64(r.Unseen))))
	}
	if r.Shed > 0 {
		a.warn(fmt.Sprintf("%s switches were counted and not recorded, to keep within --max-overhead", humanize.Comma(int64(r.Shed))))
	}
	if r.Kept {
		a.warn("the recorder kept its privileges: built with cgo it cannot drop those of all its threads (make build does without)")
	}
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

// target is the file recorded to, or how many.
func target(r *record.Result) string {
	if n := len(r.Files); n > 1 {
		return fmt.Sprintf("%d files", n)
	}
	return replay.Clean(r.Path)
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
