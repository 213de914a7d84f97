// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
)

type diffFlags struct {
	base, head []string
	as         string
	top        int
	exitCode   bool
	look       look
	options    diff.Options
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff BASE HEAD | diff --base FILE... --head FILE...",
		Short: diff.Doc,
		Long: diff.Doc + `.

Processes are matched by name and place in the process tree, whatever their ids;
threads by their name, connections by remote address and port or by the local
port that accepted them. Each measure is changed, the same, or cannot be told
from noise, and then the reason is said. Noise is estimated from intervals of the
captures, or, with several captures a side, from what those differ by.

Columns:
` + columnHelp(diff.Columns) + alsoHelp([]analyze.Table{{Title: "On one side only", Columns: diff.LoneColumns}}) + "\nMeasures:\n" + measureHelp(),
		Example: "  ebrec diff before.arrow after.arrow\n  ebrec diff --base a1.arrow a2.arrow a3.arrow --head b1.arrow b2.arrow b3.arrow",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(f.as, diffFormats); err != nil {
				return err
			}
			if err := f.sides(a.args, args); err != nil {
				return usage(err)
			}
			return a.diff(cmd.Context(), &f)
		},
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.base, "base", nil, "captures of the base side; further ones may follow it without the flag")
	fl.StringSliceVar(&f.head, "head", nil, "captures of the head side, the same")
	fl.Float64Var(&f.options.Threshold, "threshold", diff.DefaultThreshold, "percent that a measure may differ by and be the same")
	fl.Float64Var(&f.options.MinCPU, "min-cpu", diff.DefaultMinCPU, "leave out what uses less than so many percent of one CPU on both sides")
	fl.BoolVar(&f.exitCode, "exit-code", false, "end with status 1 when something changed")
	fl.StringVar(&f.as, "format", "text", "output: "+strings.Join(diffFormats, ", "))
	fl.IntVar(&f.top, "top", 0, "print only the first N rows of each table")
	f.look.flags(cmd)
	return cmd
}

// diffFormats are those of a result that is no graph.
var diffFormats = slices.DeleteFunc(slices.Clone(analyze.Formats), func(name string) bool { return name == "dot" })

func measureHelp() string {
	var b strings.Builder
	for _, m := range diff.Measures {
		fmt.Fprintf(&b, "  %s [%s]: %s\n", m.Name, m.Unit, m.Doc)
	}
	return b.String()
}

// sides takes the captures of the command line. Those that follow a flag without
// one of their own are of its side.
func (f *diffFlags) sides(line, args []string) error {
	if f.top < 0 {
		return fmt.Errorf("top %d: the number of rows cannot be negative", f.top)
	}
	if !(f.options.Threshold > 0 && f.options.MinCPU > 0) {
		return errors.New("--threshold and --min-cpu must be more than 0")
	}
	if len(f.base) == 0 && len(f.head) == 0 {
		if len(args) != 2 {
			return fmt.Errorf("ebrec diff takes two captures, got %d arguments; several a side come with --base and --head", len(args))
		}
		f.base, f.head = args[:1], args[1:]
		return nil
	}
	side := &f.base
	for _, word := range line {
		name, _, _ := strings.Cut(word, "=")
		switch {
		case name == "--base":
			side = &f.base
		case name == "--head":
			side = &f.head
		case len(args) > 0 && word == args[0]:
			*side = append(*side, word)
			args = args[1:]
		}
	}
	if len(f.base) == 0 || len(f.head) == 0 {
		return errors.New("ebrec diff needs captures of both sides: --base and --head")
	}
	return nil
}

func (a *app) diff(ctx context.Context, f *diffFlags) error {
	base, err := openAll(f.base)
	defer closeAll(base)
	if err != nil {
		return err
	}
	head, err := openAll(f.head)
	defer closeAll(head)
	if err != nil {
		return err
	}
	bar := a.progress("diff")
	f.options.Progress = bar.set
	r, err := diff.Run(ctx, base, head, f.options)
	bar.end()
	if err != nil {
		return err
	}
	result := r.Result(f.top)
	result.Style = f.look.style(a.stdout)
	var out bytes.Buffer
	if err := result.Render(&out, f.as); err != nil {
		return err
	}
	if _, err := a.stdout.Write(out.Bytes()); err != nil {
		return err
	}
	for _, c := range slices.Concat(base, head) {
		a.lacking(c)
	}
	return f.status(r)
}

// status is 1 for a change where that was asked for, 3 where captures lack
// something, else 0.
func (f *diffFlags) status(r *diff.Report) error {
	switch {
	case f.exitCode && r.Changed():
		return &statusError{status: exitFailed}
	case !r.Whole:
		return &statusError{status: exitIncomplete}
	}
	return nil
}

// openAll opens captures; those that were opened before an error are returned
// with it.
func openAll(paths []string) (all []*format.Capture, err error) {
	for _, path := range paths {
		c, err := format.Open(path)
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
	return all, nil
}

func closeAll(all []*format.Capture) {
	for _, c := range all {
		_ = c.Close() // nothing was written
	}
}
