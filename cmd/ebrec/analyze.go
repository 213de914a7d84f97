// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
)

func (a *app) analyzeCommand() *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:     "analyze ANALYSIS FILE...",
		Short:   "Print tables of a capture: where the time went",
		Example: "  ebrec analyze cputime trace.arrow\n  ebrec analyze tcplat --sort response_p99_ns --top 10 trace.arrow\n  ebrec analyze cputime --by host trace.arrow",
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return a.listAnalyses()
			}
			if len(args) == 0 {
				return usage(fmt.Errorf("analyze needs an analysis and a capture: ebrec analyze cputime trace.arrow"))
			}
			_, err := analyze.Find(args[0])
			return usage(err)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the analyses and what each needs")
	for _, an := range analyze.All {
		cmd.AddCommand(a.analysisCommand(an))
	}
	return cmd
}

func (a *app) listAnalyses() error {
	for _, an := range analyze.All {
		var needs []string
		for _, n := range an.Needs {
			if n.Source != "recording" && !n.Optional && !slices.Contains(needs, n.Source) {
				needs = append(needs, n.Source)
			}
		}
		doc := an.Doc
		if len(needs) > 0 {
			doc += " (needs -e " + strings.Join(needs, ",") + ")"
		}
		if _, err := fmt.Fprintf(a.stdout, "%-12s %s\n", an.Name, doc); err != nil {
			return err
		}
	}
	return nil
}

// analysisFlags are those of one analysis.
type analysisFlags struct {
	analysis *analyze.Analysis
	options  analyze.Options
	as       string
	span     span
	pids     []uint
	look     look
	must     []string
	skipBad  bool
	versus   bool // hosts are compared
}

func (a *app) analysisCommand(an *analyze.Analysis) *cobra.Command {
	f := &analysisFlags{analysis: an}
	cmd := &cobra.Command{
		Use:   an.Name + " FILE...",
		Short: an.Doc,
		Long: an.Doc + ".\n\nOf several captures, or of those in a file (@list: a path a line), rows begin\nwith the host and the capture that they are of.\n\nColumns:\n" +
			columnHelp(an.Columns) + alsoHelp(an.Also) + wholeHelp(an),
		Args: someCaptures,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), a, args) },
	}
	f.flags(cmd)
	return cmd
}

func (f *analysisFlags) flags(cmd *cobra.Command) {
	an, o := f.analysis, &f.options
	cmd.Flags().StringVar(&f.as, "format", "text", "output: "+strings.Join(analyze.Formats, ", "))
	f.look.flags(cmd)
	cmd.Flags().StringArrayVar(&f.must, "assert", nil, `print only the rows that do not meet a condition, and end with status 1 when there are any: 'comm == "x" && cpu_time < 2s'`)
	cmd.Flags().IntVar(&o.Top, "top", 0, "print only the first N rows of each table")
	cmd.Flags().StringVar(&o.Sort, "sort", "", "order by this column (default "+an.Sort+")")
	cmd.Flags().BoolVar(&f.skipBad, "skip-bad", false, "of several captures, go on without those that cannot be analyzed, and end with status 3")
	if !an.Whole {
		f.span.flags(cmd)
	}
	by := an.By
	if an.Adds() {
		by = slices.Concat(by, analyze.ManyBy)
	}
	if len(by) > 0 {
		first := ""
		if len(an.By) > 0 {
			first = an.By[0]
		}
		cmd.Flags().StringVar(&o.By, "by", first, "a row for each "+strings.Join(by, ", "))
	}
	if diff.Compares(an) {
		cmd.Flags().BoolVar(&f.versus, "compare", false, "with --by host: name the hosts that differ from the others")
	}
	if an.Picks {
		cmd.Flags().UintSliceVarP(&f.pids, "pid", "p", nil, "only rows of these processes")
		cmd.Flags().StringSliceVar(&o.Comms, "comm", nil, "only rows of these names")
	}
	if an.Ends {
		cmd.Flags().BoolVar(&o.Align, "align", false, "of two captures that have both ends: find what their clocks differ by, and show handshakes on one clock")
	}
	if an.Name == "wakeups" {
		cmd.Flags().BoolFunc("dot", "print a graph for Graphviz, as --format dot", func(string) error { f.as = "dot"; return nil })
	}
	if an.Series {
		cmd.Flags().DurationVar(&o.Interval, "interval", 0, "print what was used over time, in steps of this, e.g. 100ms")
	}
	if an.Lives {
		cmd.Flags().BoolVar(&o.Tree, "tree", false, "print processes below those that started them")
		cmd.Flags().BoolVar(&o.Failed, "failed", false, "only processes that a signal ended, or that ended with another status than 0")
		cmd.Flags().BoolFunc("threads", "a row for each thread, as --by thread", func(string) error { o.By = "thread"; return nil })
	}
	if an.MinDuration {
		cmd.Flags().DurationVar(&o.MinDuration, "min-duration", 0, "leave out what lived shorter, e.g. 100ms")
	}
}

// someCaptures wants a capture, or a list of them.
func someCaptures(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage(fmt.Errorf("%s takes one capture or more, got 0 arguments", cmd.CommandPath()))
	}
	return nil
}

// run analyzes one capture, both ends of connections, or several captures.
func (f *analysisFlags) run(ctx context.Context, a *app, args []string) error {
	if err := checkFormat(f.as, analyze.Formats); err != nil {
		return err
	}
	for _, pid := range f.pids {
		f.options.PIDs = append(f.options.PIDs, uint32(pid))
	}
	by := f.versus || slices.Contains(analyze.ManyBy, f.options.By)
	paths, again, err := captureList(args)
	if err != nil {
		return err
	}
	if f.analysis.Ends && !by && len(paths)+len(again) == 2 { // both ends may be in one capture
		return f.one(ctx, a, paths[0], slices.Concat(paths, again)[1])
	}
	for _, path := range again {
		a.warn(path + ": it is named more than once, and counts once")
	}
	if !by && len(args) == 1 && !strings.HasPrefix(args[0], "@") {
		return f.one(ctx, a, args[0], "")
	}
	if f.versus {
		return f.compare(ctx, a, paths)
	}
	return f.many(ctx, a, paths)
}

// one prints an analysis of one capture, or of both ends of connections.
func (f *analysisFlags) one(ctx context.Context, a *app, path, other string) error {
	o := f.options
	asserted, err := assertions(f.must, f.analysis.Shown(o))
	if err != nil {
		return err
	}
	err = a.tabulate(path, f.as, func(c *format.Capture) (*analyze.Result, error) {
		var err error
		if o.From, o.To, err = f.instants(c); err != nil {
			return nil, err
		}
		if other != "" {
			if o.Other, err = format.Open(other); err != nil {
				return nil, err
			}
			defer o.Other.Close()
		}
		bar := a.progress(f.analysis.Name)
		o.Progress = bar.set
		defer bar.end()
		r, err := analyze.Run(ctx, c, f.analysis, asserted.all(o))
		if err != nil {
			return nil, err
		}
		r.Style = f.look.style(a.stdout)
		return asserted.failures(r, o.Top)
	})
	return asserted.verdict(err)
}

// tabulate opens a capture and prints what a function makes of it.
func (a *app) tabulate(path, as string, result func(*format.Capture) (*analyze.Result, error)) error {
	if err := checkFormat(as, analyze.Formats); err != nil {
		return err
	}
	c, err := format.Open(path)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := result(c)
	if err != nil {
		return err
	}
	return a.show(c, r, as)
}

func columnHelp(columns []analyze.ColumnSpec) string {
	var b strings.Builder
	for _, c := range columns {
		unit := ""
		if c.Unit != "" {
			unit = " [" + c.Unit + "]"
		}
		fmt.Fprintf(&b, "  %s%s: %s\n", c.Name, unit, c.Doc)
	}
	return b.String()
}

// alsoHelp describes the tables with columns of their own.
func alsoHelp(tables []analyze.Table) string {
	var b strings.Builder
	for _, t := range tables {
		fmt.Fprintf(&b, "\n%s:\n%s", t.Title, columnHelp(t.Columns))
	}
	return b.String()
}

// wholeHelp describes the columns of hosts.
func wholeHelp(an *analyze.Analysis) string {
	columns, err := analyze.ManyColumns(an, analyze.Options{}, "host")
	if err != nil {
		return ""
	}
	return alsoHelp([]analyze.Table{{Title: "By host or capture", Columns: columns}})
}

func checkFormat(name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return usage(&analyze.UnknownError{What: "format", Name: name, Nearest: analyze.Nearest(name, known), Known: known})
}

func (a *app) infoCommand() *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use:     "info FILE",
		Short:   "Say what a capture holds: machine, time, sources, rows, losses",
		Example: "  ebrec info trace.arrow",
		Args:    captureArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.tabulate(args[0], as, func(c *format.Capture) (*analyze.Result, error) {
				return analyze.Info(cmd.Context(), c)
			})
		},
	}
	cmd.Flags().StringVar(&as, "format", "text", "output: text, json or csv")
	return cmd
}
