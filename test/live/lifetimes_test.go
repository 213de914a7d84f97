// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ebrec/ebrec/test/need"
	"github.com/ebrec/ebrec/test/truth"
)

func TestShortProcesses(t *testing.T) {
	r := record(t, []string{"-a"}, "forkstorm", "--procs", "1000")
	if n := checkLifetimes(t, r); n < 1000 {
		t.Errorf("%d processes are exactly right, want at least 1000", n)
	}
}

func TestFailingProcesses(t *testing.T) {
	r := record(t, nil, "failing")
	if n := checkLifetimes(t, r); n != len(r.truth.Processes) {
		t.Errorf("%d of %d processes are exactly right", n, len(r.truth.Processes))
	}
}

func TestExitStatusOfCommand(t *testing.T) {
	need.BPF(t)
	for _, tc := range []struct {
		name, code, signal string
		want               int
	}{
		{"success", "0", "0", 0},
		{"code", "42", "0", 42},
		{"signal", "0", "15", 128 + 15},
	} {
		t.Run(tc.name, func(t *testing.T) {
			trace := filepath.Join(t.TempDir(), "trace.arrow")
			err := exec.Command(ebrec, "record", "-o", trace, "--", workload, "child", "end", tc.code, tc.signal).Run()
			if got := status(t, err, trace); got != tc.want {
				t.Errorf("ebrec record ended with %d, want %d", got, tc.want)
			}
		})
	}
}

// checkLifetimes compares every process of the truth with its row and returns
// how many have all of parent, ending and name right.
func checkLifetimes(t *testing.T, r recording) int {
	t.Helper()
	all := readLives(t, r.trace)
	right := 0
	for _, want := range r.truth.Processes {
		if found := all.of(t, want.PID, want.StartNS); found != nil && checkLifetime(t, found, want) {
			right++
		}
	}
	return right
}

func checkLifetime(t *testing.T, got row, want truth.Process) bool {
	t.Helper()
	ok := true
	expect := func(column string, is bool) {
		if !is {
			ok = false
			t.Errorf("pid %d %s: %s is %v, want that of %+v", want.PID, want.Comm, column, got[column], want)
		}
	}
	expect("ppid", got.int(t, "ppid") == int64(want.PPID))
	expect("comm", got.text("comm") == want.Comm)
	expect("state", got.text("state") == "exited")
	expect("filename", slices.Contains(want.Images, got.text("filename")))
	expect("lifetime_ns", got.int(t, "lifetime_ns") > 0)
	if want.Signal != 0 {
		expect("signal", got.int(t, "signal") == int64(want.Signal))
		return ok
	}
	expect("exit_code", got.int(t, "exit_code") == int64(want.ExitCode))
	expect("signal", got["signal"] == nil || got.int(t, "signal") == 0)
	return ok
}
