// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

func (a *app) analyzeCommand() *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:     "analyze ANALYSIS FILE",
		Short:   "Print tables of a capture: where the time went",
		Example: "  ebrec analyze cputime trace.arrow\n  ebrec analyze tcplat --sort response_p99_ns --top 10 trace.arrow",
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
		if _, err := fmt.Fprintf(a.stdout, "%-12s %s (needs -e %s)\n", an.Name, an.Doc, strings.Join(needs, ",")); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) analysisCommand(an *analyze.Analysis) *cobra.Command {
	var o analyze.Options
	var as string
	var span span
	cmd := &cobra.Command{
		Use:   an.Name + " FILE",
		Short: an.Doc,
		Long:  an.Doc + ".\n\nColumns:\n" + columnHelp(an.Columns) + alsoHelp(an.Also),
		Args:  captureArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.tabulate(args[0], as, func(c *format.Capture) (*analyze.Result, error) {
				if err := span.instants(c, &o.From, &o.To); err != nil {
					return nil, err
				}
				o.From = behind(o.From)
				return analyze.Run(cmd.Context(), c, an, o)
			})
		},
	}
	cmd.Flags().StringVar(&as, "format", "text", "output: text, json or csv")
	cmd.Flags().IntVar(&o.Top, "top", 0, "print only the first N rows of each table")
	cmd.Flags().StringVar(&o.Sort, "sort", "", "order by this column (default "+an.Sort+")")
	span.flags(cmd)
	if len(an.By) > 0 {
		cmd.Flags().StringVar(&o.By, "by", an.By[0], "a row for each "+strings.Join(an.By, ", "))
	}
	if an.MinDuration {
		cmd.Flags().DurationVar(&o.MinDuration, "min-duration", 0, "leave out what lived shorter, e.g. 100ms")
	}
	return cmd
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

func checkFormat(name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return usage(&analyze.UnknownError{What: "format", Name: name, Nearest: analyze.Nearest(name, known), Known: known})
}

func (a *app) infoCommand() *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use:   "info FILE",
		Short: "Say what a capture holds: machine, time, sources, rows, losses",
		Args:  captureArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.tabulate(args[0], as, func(c *format.Capture) (*analyze.Result, error) {
				return analyze.Info(cmd.Context(), c)
			})
		},
	}
	cmd.Flags().StringVar(&as, "format", "text", "output: text, json or csv")
	return cmd
}
