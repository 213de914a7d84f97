// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/format"
)

func (a *app) repairCommand() *cobra.Command {
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "repair FILE",
		Short: "Make a complete file of a capture that was cut short or damaged",
		Long: `Make a complete file of a capture that was cut short or damaged. It has every
row that can be read, and says what it lacks: analyses of it warn as those of
the original do, and end with status 3.

Reading a capture that was cut short needs no repair; other Arrow programs do.`,
		Example: "  ebrec repair broken.arrow -o trace.arrow",
		Args:    captureArg,
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return usage(errors.New("repair needs -o, the file to write"))
			}
			return a.repair(args[0], out, force)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the file to write")
	cmd.Flags().BoolVar(&force, "force", false, "replace the output when it exists")
	return cmd
}

func (a *app) repair(in, out string, force bool) error {
	c, damage, err := format.Salvage(in)
	if err != nil {
		return err
	}
	defer c.Close()
	var rows map[string]uint64
	err = writeFile(out, force, func(f *os.File) (err error) {
		rows, err = c.Repair(f, damage)
		return err
	})
	if err != nil {
		return err
	}
	if cut := c.Cut(); cut != nil {
		a.warn(cut.Error())
	}
	for _, d := range damage {
		a.warn(fmt.Sprintf("%s: %d bytes at %d left out: %s", in, d.Bytes, d.Offset, d.Reason))
	}
	return a.wrote(out, rows)
}

// wrote says what a new capture has.
func (a *app) wrote(path string, rows map[string]uint64) error {
	total := uint64(0)
	for _, n := range rows {
		total += n
	}
	_, err := fmt.Fprintf(a.stdout, "wrote %s: %d rows\n", path, total)
	return err
}
