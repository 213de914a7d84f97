// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"os"
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
	keepIfFailed(t, dir)
	file := filepath.Join(dir, "truth.json")
	if slices.Contains([]string{"spin", "mixed"}, work[0]) {
		cgroups, _ := cgroup(t)
		work = append(work, "--cgroups", cgroups)
	}
	line := append([]string{"record", "-o", r.trace}, args...)
	line = append(line, "--", workload)
	line = append(line, work...)
	run(t, append(line, "--truth", file)...)
	var err error
	if r.truth, err = truth.Read(file); err != nil {
		t.Fatal(err)
	}
	if err := r.truth.Settle(); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(args, "-a") {
		checkWhole(t, r.trace)
	} else {
		run(t, "check", r.trace)
	}
	return r
}

// keepIfFailed leaves the files of a test that fails in the directory EBREC_KEEP.
func keepIfFailed(t *testing.T, dir string) {
	t.Helper()
	keep := os.Getenv("EBREC_KEEP")
	t.Cleanup(func() {
		if keep == "" || !t.Failed() {
			return
		}
		to := filepath.Join(keep, strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()))
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
	})
}

// checkWhole wants nothing to be found in a recording of this whole machine: what it
// lacks because threads are hidden from tracing, or for want of room, it names itself.
func checkWhole(t *testing.T, path string) {
	t.Helper()
	out, err := exec.Command(ebrec, "check", path).CombinedOutput()
	if code := exitCode(t, err); code != 0 && code != statusLossy {
		t.Errorf("ebrec check %s: %v\n%s", path, err, out)
	}
}

// run runs ebrec, which must succeed, and returns its standard output.
func run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(ebrec, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if status(t, err, captureOf(args)) != 0 {
		t.Fatalf("ebrec %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out
}
