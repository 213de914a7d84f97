// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	recorder "github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/test/need"
)

// asNobody is an ebrec that somebody without privileges runs, in a directory
// where they may write.
func asNobody(t *testing.T, args ...string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	need.Root(t) // to become someone else
	dir = t.TempDir()
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	bin, err := os.ReadFile(ebrec)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "ebrec")
	if err := os.WriteFile(program, bin, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(program, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd, dir
}

// Without privileges: what is missing, what to do, and no file left behind.
func TestUnprivileged(t *testing.T) {
	cmd, dir := asNobody(t, "record", "-o", "trace.arrow", "-d", "1s")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("record = %v, want exit status 1", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "ebrec: error: recording needs privileges") || !strings.HasPrefix(lines[1], "ebrec: hint: run it with sudo") {
		t.Errorf("it says:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "trace.arrow")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left a file: %v", err)
	}
}

// findings reads what a doctor says, by name.
func findings(t *testing.T, out []byte) map[string]recorder.Finding {
	t.Helper()
	var all []recorder.Finding
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	byName := map[string]recorder.Finding{}
	for _, f := range all {
		byName[f.Name] = f
	}
	for _, s := range recorder.AllSources() {
		if _, ok := byName["source "+s]; !ok {
			t.Errorf("nothing is said of source %s", s)
		}
	}
	return byName
}

// The doctor finds what there is where recording works, and says what to do
// where it does not.
func TestDoctor(t *testing.T) {
	need.BPF(t)
	here := exec.Command(ebrec, "doctor", "--format", "json")
	out, err := here.Output()
	status := 0
	for name, f := range findings(t, out) {
		switch f.State {
		case recorder.Missing:
			t.Errorf("%s: %+v", name, f)
		case recorder.Partial: // a kernel may lack a hook
			status = 3
		}
	}
	if here.ProcessState.ExitCode() != status {
		t.Errorf("doctor = %v, want exit status %d", err, status)
	}
	cmd, _ := asNobody(t, "doctor", "--format", "json")
	out, err = cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("doctor = %v, want exit status 1", err)
	}
	all := findings(t, out)
	for _, name := range []string{"privileges", "source cpu"} {
		if f := all[name]; f.State != recorder.Missing || !strings.Contains(f.Remedy, "sudo") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
