// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/check"
	"github.com/ebrec/ebrec/format"
)

// auditCommand is the analysis audit and check, which looks for what cannot be:
// together they say whether a capture can be trusted.
func (a *app) auditCommand() *cobra.Command {
	var as string
	var o analyze.Options
	cmd := &cobra.Command{
		Use:   "audit FILE",
		Short: "Say how far the numbers of a capture can be trusted",
		Long: `Say how far the numbers of a capture can be trusted: time on a CPU by switches,
by sums and by the kernel's task clock, for each thread, CPU and interval, held
against each other and the wall clock (see ebrec analyze audit --help); and then
what ebrec check finds: gaps, threads in two places, processes that end without a
beginning. The status is that of check.`,
		Example: "  ebrec audit trace.arrow",
		Args:    captureArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			an, err := analyze.Find("audit")
			if err != nil {
				return err
			}
			err = a.tabulate(args[0], as, func(c *format.Capture) (*analyze.Result, error) {
				return analyze.Run(cmd.Context(), c, an, o)
			})
			if _, incomplete := err.(*statusError); err != nil && !incomplete {
				return err
			}
			r, err := check.Run(cmd.Context(), args[0])
			if err != nil || as != "text" {
				return err
			}
			if _, err := fmt.Fprintln(a.stdout); err != nil {
				return err
			}
			return a.verdicts(r, as)
		},
	}
	cmd.Flags().StringVar(&as, "format", "text", "output: text, json or csv; the last two without what check finds")
	cmd.Flags().IntVar(&o.Top, "top", 20, "print only the first N threads; 0: all")
	return cmd
}
