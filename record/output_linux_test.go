// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOutputRefusesWhatExists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.arrow")
	write(t, path, "old")
	_, err := createOutput(path, false)
	var h HintError
	if !errors.As(err, &h) || h.Hint() == "" {
		t.Fatalf("createOutput over a file = %v, want an error with a hint", err)
	}
	if got := read(t, path); got != "old" {
		t.Errorf("the old file now holds %q", got)
	}
}

func TestOutputIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.arrow")
	o, err := createOutput(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer o.finish()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := st.Mode().Perm(); got != 0o600 {
		t.Errorf("mode %o, want 600", got)
	}
}

func TestOutputThatNeverBeganIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.arrow")
	o, err := createOutput(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stat = %v, want that it does not exist", err)
	}
}

// With --force the old file stays until there is a new one to take its place.
func TestForceReplacesOnlyWhenBegun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.arrow")
	write(t, path, "old")
	o, err := createOutput(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.file.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "old" {
		t.Errorf("before it began the file holds %q, want the old", got)
	}
	if err := o.begun(); err != nil {
		t.Fatal(err)
	}
	if err := o.finish(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "new" {
		t.Errorf("afterwards the file holds %q, want the new", got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestForceRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, link} {
		if _, err := createOutput(path, true); err == nil {
			t.Errorf("createOutput(%s) succeeded over something that is no regular file", path)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
