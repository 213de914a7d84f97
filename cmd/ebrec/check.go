// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/check"
	"github.com/ebrec/ebrec/replay"
)

func (a *app) checkCommand() *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Verify a capture: bytes, order, accounts, identities, sums",
		Long: `Verify a capture: its bytes, the order of its rows, that what was seen is
written or lost, that every row is of a known task, that switches are without
gaps and sums add up.

It ends with status 0 when it found nothing, 3 when the capture is sound but cut
short or lossy, and 1 when something is wrong.`,
		Example: "  ebrec check trace.arrow",
		Args:    captureArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(as, []string{"text", "json"}); err != nil {
				return err
			}
			r, err := check.Run(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.verdicts(r, as)
		},
	}
	cmd.Flags().StringVar(&as, "format", "text", "output: text or json")
	return cmd
}

func (a *app) verdicts(r *check.Report, as string) error {
	out := verdictText(r)
	if as == "json" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		out = string(b) + "\n"
	}
	if _, err := fmt.Fprint(a.stdout, out); err != nil {
		return err
	}
	switch n := r.Found(); {
	case n > 0:
		return fmt.Errorf("check %s: %d findings", r.Path, n)
	case !r.Whole():
		if r.Cut != "" {
			a.warn(r.Cut)
		}
		return &statusError{status: exitIncomplete}
	}
	return nil
}

func verdictText(r *check.Report) string {
	var b strings.Builder
	for _, v := range r.Verdicts {
		word := "ok"
		if v.Found > 0 {
			word = fmt.Sprintf("%d found", v.Found)
		}
		fmt.Fprintf(&b, "%-10s  %-9s  %s\n", v.Check, word, replay.Clean(v.Says))
		for _, f := range v.Findings {
			fmt.Fprintf(&b, "            - %s\n", replay.Clean(f))
		}
		if more := v.Found - len(v.Findings); more > 0 {
			fmt.Fprintf(&b, "            - %d more\n", more)
		}
	}
	if r.Lost > 0 {
		fmt.Fprintf(&b, "%d events were lost\n", r.Lost)
	}
	if r.Unseen > 0 {
		fmt.Fprintf(&b, "%d events or more went unseen: the kernel did not hand them to the recorder\n", r.Unseen)
	}
	return b.String()
}
