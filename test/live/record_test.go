// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"encoding/json"
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
	if slices.Contains(args, "-a") {
		checkWhole(t, r.trace)
	} else {
		run(t, "check", r.trace)
	}
	return r
}

// checkWhole wants nothing to be found in a recording of this whole machine but
// what threads do that the machine hides from tracing: switches and sums that
// go by them. In guests, which hide nothing, all checks must pass.
func checkWhole(t *testing.T, path string) {
	t.Helper()
	out, _ := exec.Command(ebrec, "check", "--format", "json", path).Output() // 1, when it finds something
	var report struct {
		Checks []struct {
			Check    string   `json:"check"`
			Found    int      `json:"found"`
			Findings []string `json:"findings"`
		} `json:"checks"`
	}
	if err := json.Unmarshal(out, &report); err != nil || len(report.Checks) < 5 {
		t.Fatalf("ebrec check %s: %v: %s", path, err, out)
	}
	for _, c := range report.Checks {
		if c.Found > 0 && c.Check != "switches" && c.Check != "sums" {
			t.Errorf("%s: %s: %d found: %q", path, c.Check, c.Found, c.Findings)
		}
	}
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
