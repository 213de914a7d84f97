// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/replay"
)

func (a *app) doctorCommand() *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what can be recorded here, and what to do about the rest",
		Long: `Say what can be recorded here, and what to do about the rest. Each source is
tried: its programs are attached for a moment.

It ends with status 0 when everything is available, 3 when something records
less than it could, and 1 when something that recording needs is missing.`,
		Example: "  ebrec doctor",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := checkFormat(as, []string{"text", "json"}); err != nil {
				return err
			}
			return a.findings(record.Doctor(), as)
		},
	}
	cmd.Flags().StringVar(&as, "format", "text", "output: text or json")
	return cmd
}

func (a *app) findings(all []record.Finding, as string) error {
	out := findingText(all)
	if as == "json" {
		b, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return err
		}
		out = string(b) + "\n"
	}
	if _, err := fmt.Fprint(a.stdout, out); err != nil {
		return err
	}
	var missing []string
	partial := false
	for _, f := range all {
		partial = partial || f.State == record.Partial
		if f.State == record.Missing {
			missing = append(missing, f.Name)
		}
	}
	switch {
	case len(missing) > 0:
		return fmt.Errorf("missing here: %s", strings.Join(missing, ", "))
	case partial:
		return &statusError{status: exitIncomplete}
	}
	return nil
}

func findingText(all []record.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%-15s  %-9s  %s\n", f.Name, f.State, replay.Clean(f.Says))
		if f.Remedy != "" {
			fmt.Fprintf(&b, "%28s do: %s\n", "", replay.Clean(f.Remedy))
		}
	}
	return b.String()
}
