// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/redact"
	"github.com/ebrec/ebrec/replay"
)

// Exit statuses.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitIncomplete = 3 // done, but the capture is cut short or lossy
)

// statusError ends the program with a status. It prints err, if there is one.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

func usage(err error) error { return &statusError{exitUsage, err} }

// app is what the commands share.
type app struct {
	args           []string // the whole command line
	stdout, stderr io.Writer
	started        bool // a command began: errors are no longer the command line's
}

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{args: args, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	if err == nil || errors.Is(err, syscall.EPIPE) { // whoever read us has seen enough
		return exitOK
	}
	return a.report(err)
}

// report prints an error with its remedy and returns the exit status for it.
func (a *app) report(err error) int {
	status := exitFailed
	var (
		st    *statusError
		start *record.StartError
	)
	switch {
	case errors.As(err, &start):
		status = start.Status
	case errors.As(err, &st):
		status = st.status
		if st.err == nil {
			return status
		}
	case !a.started:
		status = exitUsage
	}
	fmt.Fprintf(a.stderr, "ebrec: error: %s\n", replay.Clean(firstLine(err)))
	if h := hint(err); h != "" {
		fmt.Fprintf(a.stderr, "ebrec: hint: %s\n", replay.Clean(h))
	}
	return status
}

// firstLine is an error on one line: joined errors come one below the other.
func firstLine(err error) string {
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}

// hint is what to do about an error, empty when it says so itself.
func hint(err error) string {
	var (
		hinted  record.HintError
		unknown *analyze.UnknownError
		kind    *replay.KindError
		missing *analyze.MissingError
		corrupt *format.CorruptError
		column  *format.ColumnError
		order   *replay.OrderError
		output  *outputError
		span    *analyze.SpanError
		same    *analyze.SameError
		clocks  *analyze.ClocksError
		leak    *redact.LeakError
	)
	switch {
	case errors.As(err, &hinted):
		return hinted.Hint()
	case errors.As(err, &missing):
		return "record again with -e " + missing.Source + " (ebrec record --list shows the sources)"
	case errors.As(err, &unknown):
		return "there are " + strings.Join(unknown.Known, ", ")
	case errors.As(err, &kind):
		return "it has " + strings.Join(kind.Known, ", ")
	case errors.As(err, &column):
		return "write it again with the types that the capture's columns have; of pandas: read_feather(..., dtype_backend=\"pyarrow\")"
	case errors.As(err, &corrupt):
		return "copy the file again from where it was recorded; ebrec repair saves what can be read"
	case errors.As(err, &order):
		return "sort it by time in the program that wrote it"
	case errors.As(err, &output):
		return output.hint
	case errors.As(err, &span):
		return "choose a span of some seconds, or a bound where sums were read: ebrec replay --kind cpu_sum shows them"
	case errors.As(err, &same):
		return "name one of them only"
	case errors.As(err, &clocks):
		return "both must have been recorded with -e tcp while a connection between them was opened and used"
	case errors.As(err, &leak):
		return "nothing was written; another --key gives other pseudonyms: if it is found again, please report it"
	case errors.Is(err, format.ErrSeveral):
		return "use the captures one by one"
	case errors.Is(err, format.ErrNotCapture):
		return "make one with: sudo ebrec record -o trace.arrow"
	case errors.Is(err, fs.ErrNotExist):
		return "check the path"
	}
	return ""
}

// warn prints what the reader of a result must know about its capture.
func (a *app) warn(text string) {
	fmt.Fprintf(a.stderr, "ebrec: warning: %s\n", replay.Clean(text))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "ebrec",
		Short:         "Record what a machine does, analyze it anywhere",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.started = true
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	cobra.EnableCommandSorting = false // in the order of work
	root.AddCommand(a.recordCommand(), a.replayCommand(), a.analyzeCommand(), a.reportCommand(), a.diffCommand(), a.sliceCommand(), a.redactCommand(), a.exportCommand(),
		a.checkCommand(), a.repairCommand(), a.auditCommand(), a.infoCommand(), a.doctorCommand(), manCommand())
	return root
}

// captureArg checks that a command was given exactly one file.
func captureArg(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(fmt.Errorf("%s takes one capture, got %d arguments", cmd.CommandPath(), len(args)))
	}
	return nil
}

// show prints a result and says what its capture lacks.
func (a *app) show(c *format.Capture, r *analyze.Result, as string) error {
	var out bytes.Buffer
	if err := r.Render(&out, as); err != nil {
		return err
	}
	if _, err := a.stdout.Write(out.Bytes()); err != nil {
		return err
	}
	a.lacking(c)
	a.lost(c, r.Loss)
	if !r.Whole() {
		return &statusError{status: exitIncomplete}
	}
	return nil
}

// lost warns of events that a capture lost.
func (a *app) lost(c *format.Capture, all []analyze.Loss) {
	for _, w := range analyze.LostWords(c.Path(), all) {
		a.warn(w)
	}
}

// lacking warns of what a capture lacks, and tells whether it lacks anything.
func (a *app) lacking(c *format.Capture) bool {
	for _, w := range analyze.Lacking(c) {
		a.warn(w)
	}
	repair := c.Meta().Repair
	return c.Cut() != nil || repair != nil && len(repair.Damage) > 0
}
