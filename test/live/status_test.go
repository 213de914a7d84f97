// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/format"
)

// statusLossy is that of a recording, or of what reads it, that lost something.
const statusLossy = 3

// ofTheMachine are the losses that a machine causes, whatever is recorded: threads
// that it hides from tracing, and programs that were preempted.
var ofTheMachine = []string{"unseen", "program_busy"}

// status is that of an ebrec that has ended, which recorded or read a capture. That
// something was lost counts as success where it was the machine's doing, as the
// capture says.
func status(t *testing.T, err error, capture string) int {
	t.Helper()
	code := exitCode(t, err)
	if code == statusLossy && onlyOfTheMachine(t, capture) {
		return 0
	}
	return code
}

// exitCode is that of a program that was started and has ended.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err == nil {
		return 0
	}
	return exit.ExitCode()
}

// onlyOfTheMachine tells whether a capture lost something, and nothing but what the
// machine caused. Files that follow each other count together.
func onlyOfTheMachine(t *testing.T, capture string) bool {
	t.Helper()
	files, err := filepath.Glob(strings.TrimSuffix(capture, ".arrow") + "*.arrow")
	if err != nil {
		t.Fatal(err)
	}
	lost := map[string]uint64{}
	for _, f := range files {
		addLosses(t, f, lost)
	}
	lossy := len(lost) > 0
	for _, reason := range ofTheMachine {
		delete(lost, reason)
	}
	return lossy && len(lost) == 0
}

// addLosses adds up what a capture lost, by reason.
func addLosses(t *testing.T, path string, lost map[string]uint64) {
	t.Helper()
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for b, err := range c.Batches(format.Scan{Kinds: []string{"loss"}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			lost[b.Str(c.Col("loss_reason"), i)] += b.Uint(c.Col("lost"), i)
		}
	}
}

// captureOf is the capture that a command line names.
func captureOf(args []string) string {
	for _, a := range args {
		if strings.HasSuffix(a, ".arrow") {
			return a
		}
	}
	return ""
}
