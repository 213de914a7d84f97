// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/export"
	"github.com/ebrec/ebrec/format"
)

type exportFlags struct {
	to, out string
	force   bool
	skipBad bool
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export FILE | export --to parquet DIR FILE...",
		Short: "Write a capture in a format of other programs, or many as a data set",
		Long: `Write a capture in a format of other programs, or many as a data set.

Formats:
` + formatHelp() + `
With --to parquet the first argument is the directory of a data set, which is made
if there is none. Captures that it has already are not written again.
A part of a recording is exported by way of ebrec slice.`,
		Example: "  ebrec export trace.arrow --to perfetto -o trace.pftrace\n  ebrec export trace.arrow --to folded -o - | flamegraph.pl > cpu.svg\n  ebrec export --to parquet fleet a.arrow b.arrow",
		Args: func(cmd *cobra.Command, args []string) error {
			if f.to == toParquet {
				return nil
			}
			return captureArg(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			if f.to == toParquet {
				return a.exportDataset(cmd.Context(), args[0], args[1:], f)
			}
			return a.export(cmd.Context(), args[0], f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.to, "to", "", "the format: "+strings.Join(exportFormats(), ", "))
	fl.StringVarP(&f.out, "output", "o", "", "the file to write, - for standard output")
	fl.BoolVar(&f.force, "force", false, "replace the output when it exists")
	fl.BoolVar(&f.skipBad, "skip-bad", false, "with --to parquet: go on without captures that cannot be read")
	return cmd
}

func (f *exportFlags) check(args []string) error {
	if f.to == "" {
		return usage(fmt.Errorf("export needs --to, one of %s", strings.Join(exportFormats(), ", ")))
	}
	if f.to == toParquet {
		return f.checkDataset(args)
	}
	if f.skipBad {
		return usage(errors.New("--skip-bad is for --to parquet, which takes many captures"))
	}
	if f.out == "" {
		return usage(errors.New("export needs -o, the file to write"))
	}
	return checkFormat(f.to, exportFormats())
}

func (f *exportFlags) checkDataset(args []string) error {
	switch {
	case f.out != "":
		return usage(errors.New("export --to parquet takes its directory as the first argument, not as -o"))
	case len(args) < 2:
		return usage(fmt.Errorf("export --to parquet takes a directory and captures, got %d arguments", len(args)))
	}
	return nil
}

func exportFormats() (names []string) {
	for _, f := range export.Formats {
		names = append(names, f.Name)
	}
	return append(names, toParquet)
}

func formatHelp() string {
	var b strings.Builder
	for _, f := range export.Formats {
		fmt.Fprintf(&b, "  %-14s %s\n", f.Name, f.Doc)
	}
	fmt.Fprintf(&b, "  %-14s %s\n", toParquet, "a data set of many captures, for DuckDB, Spark, ClickHouse, pandas and others")
	return b.String()
}

func (a *app) export(ctx context.Context, in string, f exportFlags) error {
	c, err := format.Open(in)
	if err != nil {
		return err
	}
	defer c.Close()
	var r *export.Report
	if f.out == "-" {
		r, err = export.Write(ctx, a.stdout, c, f.to)
	} else {
		err = writeFile(f.out, f.force, func(file *os.File) (err error) {
			r, err = export.Write(ctx, file, c, f.to)
			return err
		})
	}
	if err != nil {
		return err
	}
	return a.exported(c, f, r)
}

// exported says what was written, and what it lacks.
func (a *app) exported(c *format.Capture, f exportFlags, r *export.Report) error {
	if f.out != "-" {
		if _, err := fmt.Fprintf(a.stdout, "wrote %s: %d %s\n", f.out, r.Count, r.Of); err != nil {
			return err
		}
	}
	for _, n := range r.Notes {
		a.warn(fmt.Sprintf("%s: %s", c.Path(), n))
	}
	lacking := a.lacking(c)
	a.lost(c, r.Loss)
	if lacking || len(r.Loss) > 0 {
		return &statusError{status: exitIncomplete}
	}
	return nil
}
