// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// build makes one static binary.
func build(to, arch string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "./cmd/ebrec")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	return explain(cmd, cmd.Run)
}

// prepare finds the version and the date, and has a binary for this machine write
// its man pages and completions.
func (r *release) prepare() error {
	self := filepath.Join(r.extras, "ebrec")
	if err := build(self, ""); err != nil {
		return err
	}
	version, err := output(self, "--version")
	if err != nil {
		return err
	}
	fields := strings.Fields(version)
	r.version = fields[len(fields)-1]
	if err := r.setDate(); err != nil {
		return err
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, err := output(self, "completion", shell)
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.extra(shell), []byte(script), 0o644); err != nil {
			return err
		}
	}
	if _, err := output(self, "man", r.extra("man")); err != nil {
		return err
	}
	return r.compress(r.extra("man"))
}

func (r *release) extra(name string) string { return filepath.Join(r.extras, name) }

// setDate takes the date of the commit that is checked out, or SOURCE_DATE_EPOCH.
func (r *release) setDate() error {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		var err error
		if text, err = output("git", "-C", root, "log", "-1", "--format=%ct"); err != nil {
			return err
		}
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return fmt.Errorf("date of the release: %w", err)
	}
	r.date = time.Unix(seconds, 0).UTC()
	return nil
}

// compress replaces the files of a directory by compressed ones.
func (r *release) compress(dir string) error {
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if err := os.WriteFile(page+".gz", packed.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// output runs a command and returns what it prints.
func output(name string, args ...string) (out string, err error) {
	cmd := exec.Command(name, args...)
	return out, explain(cmd, func() error {
		b, err := cmd.Output()
		out = string(b)
		return err
	})
}

// explain adds to an error what the command said of it.
func explain(cmd *exec.Cmd, run func() error) error {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.Bytes())
	}
	return nil
}
