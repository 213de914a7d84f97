// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/replay"
)

type sliceFlags struct {
	span  span
	pids  []uint
	kinds []string
	out   string
	force bool
}

func (a *app) sliceCommand() *cobra.Command {
	var f sliceFlags
	cmd := &cobra.Command{
		Use:   "slice FILE",
		Short: "Write a part of a capture as a capture of its own",
		Long: `Write a part of a capture as a capture of its own: a span of time, some
processes, some kinds of events. It carries who the tasks are that live when
its span begins, what they had used up to then, open connections, losses and
the recording's metadata, so that an analysis of it says what the same analysis
of the whole says of that span.`,
		Example: "  ebrec slice trace.arrow --from +2s --to +2.5s -o slow.arrow\n  ebrec slice trace.arrow --pid 1234 -o one.arrow",
		Args:    captureArg,
		RunE: func(_ *cobra.Command, args []string) error {
			if f.out == "" {
				return usage(errors.New("slice needs -o, the file to write"))
			}
			return a.slice(args[0], f)
		},
	}
	f.span.flags(cmd)
	fl := cmd.Flags()
	fl.UintSliceVar(&f.pids, "pid", nil, "only these processes")
	fl.StringSliceVar(&f.kinds, "kind", nil, "only these kinds of events, and those that name tasks")
	fl.StringVarP(&f.out, "output", "o", "", "the file to write")
	fl.BoolVar(&f.force, "force", false, "replace the output when it exists")
	return cmd
}

func (a *app) slice(in string, f sliceFlags) error {
	r, err := replay.Open(in)
	if err != nil {
		return err
	}
	defer r.Close()
	s := replay.Slice{Kinds: f.kinds}
	for _, pid := range f.pids {
		s.PIDs = append(s.PIDs, uint32(pid))
	}
	if err := f.span.instants(r.Capture(), &s.From, &s.To); err != nil {
		return err
	}
	s.From = behind(s.From)
	var rows map[string]uint64
	err = writeFile(f.out, f.force, func(file *os.File) (err error) {
		rows, err = r.Slice(file, s)
		return err
	})
	if err != nil {
		return err
	}
	if err := a.wrote(f.out, rows); err != nil || !a.lacking(r.Capture()) {
		return err
	}
	return &statusError{status: exitIncomplete}
}
