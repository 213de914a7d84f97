// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/report"
)

type reportFlags struct {
	out      string
	base     []string
	markdown bool
	size     string
	maxSize  int64
	force    bool
}

func (a *app) reportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Make one page of a capture, to look at or to paste into an issue",
		Long: `Make one page of a capture: a timeline to zoom into, charts, and the tables of
all analyses, in one HTML file that opens from disk and asks nobody for anything.
With --base it begins with what changed since other captures, as diff tells it.
With --markdown print a block to paste into an issue: environment, verdict, and
the first rows of the tables.`,
		Example: "  ebrec report trace.arrow -o report.html\n  ebrec report trace.arrow --markdown\n  ebrec report after.arrow --base before.arrow -o report.html",
		Args:    captureArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.out == "" && !f.markdown {
				return usage(errors.New("report needs -o, the page to write, or --markdown"))
			}
			if err := f.setSize(); err != nil {
				return usage(err)
			}
			return a.makeReport(cmd, args[0], f)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.out, "output", "o", "", "the file to write")
	fl.StringSliceVar(&f.base, "base", nil, "compare with this capture, or with several, given each with its own --base")
	fl.BoolVar(&f.markdown, "markdown", false, "write Markdown for an issue, to standard output without -o")
	fl.StringVar(&f.size, "max-size", "5MB", "size of the page at most; what there is no room for is counted in it")
	fl.BoolVar(&f.force, "force", false, "replace the output when it exists")
	return cmd
}

// setSize takes the size of the page.
func (f *reportFlags) setSize() error {
	n, err := humanize.ParseBytes(f.size)
	switch {
	case err != nil || n > math.MaxInt64:
		return fmt.Errorf("--max-size %s is no size, such as 5MB", f.size)
	case n < report.LeastSize:
		return fmt.Errorf("--max-size %s: a page has %d bytes at least", f.size, report.LeastSize)
	}
	f.maxSize = int64(n)
	return nil
}

func (a *app) makeReport(cmd *cobra.Command, in string, f reportFlags) error {
	c, err := format.Open(in)
	if err != nil {
		return err
	}
	defer c.Close()
	if f.out != "" {
		if err := vacant(f.out, f.force); err != nil { // before the work, not after it
			return err
		}
	}
	base, err := openAll(f.base)
	defer closeAll(base)
	if err != nil {
		return err
	}
	r, err := report.Make(cmd.Context(), c, report.Options{MaxSize: f.maxSize, Base: base})
	if err != nil {
		return err
	}
	if err := a.writeReport(r, f); err != nil {
		return err
	}
	for _, c := range append(base, c) {
		a.lacking(c)
	}
	a.lost(c, r.Loss())
	if !r.Whole() {
		return &statusError{status: exitIncomplete}
	}
	return nil
}

func (a *app) writeReport(r *report.Report, f reportFlags) error {
	var out bytes.Buffer
	write := r.HTML
	if f.markdown {
		write = r.Markdown
	}
	if err := write(&out); err != nil {
		return err
	}
	if f.out == "" {
		_, err := a.stdout.Write(out.Bytes())
		return err
	}
	err := writeFile(f.out, f.force, func(file *os.File) error {
		_, err := file.Write(out.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "wrote %s: %d bytes\n", f.out, out.Len())
	return err
}
