// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// clients is where the programs of the document and what they need are.
type clients struct {
	dir      string
	programs []string
}

const installed = "installed"

// setUp writes the document's programs to a directory that is kept, and
// installs what they need there if a run before did not.
func setUp(t *testing.T) *clients {
	t.Helper()
	if os.Getenv("EBREC_INTEROP") == "" {
		t.Skip("set EBREC_INTEROP=1 (make interop): it installs Python and Node packages")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	for _, name := range []string{"requirements.txt", "package.json", "package-lock.json"} {
		hash.Write(read(t, name))
	}
	c := &clients{dir: filepath.Join(cache, "ebrec", "interop-"+hex.EncodeToString(hash.Sum(nil)[:8]))}
	if _, err := os.Stat(filepath.Join(c.dir, installed)); err != nil {
		c.install(t)
	}
	c.extract(t)
	return c
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *clients) install(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"requirements.txt", "package.json", "package-lock.json"} {
		write(t, filepath.Join(c.dir, name), read(t, name))
	}
	c.must(t, "python3", "-m", "venv", "--clear", "python")
	c.must(t, "python/bin/pip", "install", "--quiet", "--requirement", "requirements.txt")
	c.must(t, "npm", "ci", "--no-audit", "--no-fund")
	write(t, filepath.Join(c.dir, installed), nil)
}

// must runs a command in the directory and returns what it prints.
func (c *clients) must(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	if filepath.Dir(name) != "." {
		name = filepath.Join(c.dir, name)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = c.dir
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return out
}

var block = regexp.MustCompile("(?s)<!-- run: ([a-z]+\\.[a-z]+) -->\n```[a-z]+\n(.*?)```")

// extract takes the programs out of the document.
func (c *clients) extract(t *testing.T) {
	t.Helper()
	for _, m := range block.FindAllSubmatch(read(t, "../../docs/notebook.md"), -1) {
		name := string(m[1])
		write(t, filepath.Join(c.dir, name), m[2])
		c.programs = append(c.programs, name)
	}
	if len(c.programs) != 7 {
		t.Fatalf("the document has the programs %v, want 7", c.programs)
	}
	write(t, filepath.Join(c.dir, "rewrite.py"), read(t, "rewrite.py"))
}

// run runs a program; -P keeps Python from taking the file pandas.py for the
// package.
func (c *clients) run(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	if filepath.Ext(program) == ".mjs" {
		return c.must(t, "node", append([]string{program}, args...)...)
	}
	return c.must(t, "python/bin/python", append([]string{"-P", program}, args...)...)
}

// goRun runs a program of this module.
func goRun(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run"}, args...)...)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go run %q: %v\n%s", args, err, out)
	}
}
