// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/redact"
)

type redactFlags struct {
	out   string
	force bool
	keep  []string
	key   string
	list  bool
}

func (a *app) redactCommand() *cobra.Command {
	var f redactFlags
	cmd := &cobra.Command{
		Use:   "redact FILE",
		Short: "Replace the names, paths and addresses of a capture by pseudonyms, and prove it",
		Long: `Write a capture with pseudonyms in place of task names, paths, arguments,
addresses, containers, the host's name and whatever else is text and not ebrec's
own. Rows and numbers stay, and equal names have equal pseudonyms, so that
analyses give the same figures. It lists what the capture holds, and when the
new one is written it is searched for all of that: what is found ends the
command with status 1, and nothing is left behind.

Pseudonyms are made with a key. One is made up and forgotten, so that those of
two captures have nothing to do with each other, unless --key names a file with
one: head -c 32 /dev/urandom > key. It is a file because a command line is seen by
every user of the machine, and stays in the shell's history.

What can be kept: ` + redact.Names(redact.Keepable) + `.
Ports are numbers, and always kept.`,
		Example: "  ebrec redact trace.arrow -o public.arrow\n  ebrec redact trace.arrow --keep comm,kthread --key team.key -o public.arrow",
		Args:    captureArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.out == "" && !f.list {
				return usage(errors.New("redact needs -o, the file to write, or --list"))
			}
			return a.redact(cmd.Context(), args[0], f)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.out, "output", "o", "", "the file to write")
	fl.BoolVar(&f.force, "force", false, "replace the output when it exists")
	fl.StringSliceVar(&f.keep, "keep", nil, "classes of text that stay as they are, e.g. comm,kthread")
	fl.StringVar(&f.key, "key", "", "a file with 32 bytes or more: captures that are redacted with it have the same pseudonyms")
	fl.BoolVar(&f.list, "list", false, "only list what the capture holds")
	return cmd
}

func (a *app) redact(ctx context.Context, in string, f redactFlags) error {
	o, err := a.redactOptions(f)
	if err != nil {
		return err
	}
	if !f.list {
		if err := vacant(f.out, f.force); err != nil {
			return err
		}
	}
	c, err := format.Open(in)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := redact.New(ctx, c, o)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(a.stdout, contentText(r.Contents())); err != nil {
		return err
	}
	if !f.list {
		if err := a.writeRedacted(ctx, r, f); err != nil {
			return err
		}
	}
	if a.lacking(c) {
		return &statusError{status: exitIncomplete}
	}
	return nil
}

// writeRedacted writes and proves: the file is there when the proof is.
func (a *app) writeRedacted(ctx context.Context, r *redact.Redaction, f redactFlags) error {
	var rows map[string]uint64
	var proof *redact.Proof
	err := writeFile(f.out, f.force, func(file *os.File) (err error) {
		if rows, err = r.Write(ctx, file); err == nil {
			proof, err = r.Prove(ctx, file.Name())
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := a.wrote(f.out, rows); err != nil {
		return err
	}
	_, err = io.WriteString(a.stdout, proofText(proof))
	return err
}

func (a *app) redactOptions(f redactFlags) (o redact.Options, err error) {
	if o.Keep, err = redact.Classes(f.keep); err != nil {
		return o, usage(err)
	}
	a.recordCommand().Flags().VisitAll(func(flag *pflag.Flag) {
		o.Flags = append(o.Flags, "--"+flag.Name)
		if flag.Shorthand != "" {
			o.Flags = append(o.Flags, "-"+flag.Shorthand)
		}
	})
	if f.key != "" {
		o.Key, err = readKey(f.key)
	}
	return o, err
}

const mostKey = 1 << 16 // bytes

func readKey(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	defer file.Close()
	key, err := io.ReadAll(io.LimitReader(file, mostKey+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read key: %w", err)
	case len(key) < redact.KeySize || len(key) > mostKey:
		return nil, &outputError{fmt.Errorf("read key %s: it has to have %d to %d bytes", path, redact.KeySize, mostKey), "make one with: head -c 32 /dev/urandom > " + path}
	}
	return key, nil
}

// contentText is the list of what a capture holds.
func contentText(contents []redact.Content) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s  %10s  %10s  %s\n", "CLASS", "VALUES", "DIFFERENT", "BECOMES")
	for _, c := range contents {
		different, becomes := fmt.Sprint(c.Distinct), "pseudonyms"
		switch {
		case c.Class == redact.Port:
			different, becomes = "-", "kept: numbers"
		case c.Kept:
			becomes = "kept"
		case c.Class == redact.Dropped:
			becomes = "left out"
		}
		fmt.Fprintf(&b, "%-10s  %10d  %10s  %s\n", c.Class, c.Values, different, becomes)
	}
	return b.String()
}

func proofText(p *redact.Proof) string {
	var b strings.Builder
	fmt.Fprintf(&b, "proved: %d names and %d addresses were searched and are not in it", p.Names, p.Addresses)
	if p.Short > 0 {
		fmt.Fprintf(&b, "; %d names of less than 4 bytes only as whole names", p.Short)
	}
	if p.Shared > 0 {
		fmt.Fprintf(&b, "; %d that are in ebrec's own words, in numbers or in what is kept, too, only where pseudonyms are", p.Shared)
	}
	return b.String() + "\n"
}
