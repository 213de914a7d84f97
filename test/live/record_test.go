// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/test/need"
	"github.com/ebrec/ebrec/test/truth"
)

// recording is a capture and the truth of the workload in it.
type recording struct {
	trace string // path
	truth *truth.Truth
}

// record runs a workload under "ebrec record args...".
func record(t *testing.T, args []string, work ...string) recording {
	t.Helper()
	need.BPF(t)
	dir := t.TempDir()
	r := recording{trace: filepath.Join(dir, "trace.arrow")}
	file := filepath.Join(dir, "truth.json")
	line := append([]string{"record", "-o", r.trace}, args...)
	line = append(line, "--", workload)
	line = append(line, work...)
	run(t, append(line, "--truth", file)...)
	var err error
	if r.truth, err = truth.Read(file); err != nil {
		t.Fatal(err)
	}
	// A recording of the whole machine may meet threads that the machine hides
	// from tracing; the check is right to find that.
	if !slices.Contains(args, "-a") {
		run(t, "check", r.trace)
	}
	return r
}

// run runs ebrec, which must succeed, and returns its standard output.
func run(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(ebrec, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("ebrec %s: %v\n%s%s", strings.Join(args, " "), err, out, exit.Stderr)
		}
		t.Fatal(err)
	}
	return out
}
