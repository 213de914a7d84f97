// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/golden"
)

// Captures of every version that was ever written are read, with the tables
// that they gave when they were new.
func TestOldVersions(t *testing.T) {
	traces, err := filepath.Glob("../../testdata/versions/*/trace.arrow")
	if err != nil || len(traces) == 0 {
		t.Fatalf("no captures of earlier versions: %v", err)
	}
	for _, trace := range traces {
		for _, analysis := range []string{"cputime", "lifetimes", "tcplat"} {
			t.Run(filepath.Base(filepath.Dir(trace))+"/"+analysis, func(t *testing.T) {
				var stdout, stderr bytes.Buffer
				if status := run(t.Context(), []string{"ebrec", "analyze", analysis, "--format", "json", trace}, &stdout, &stderr); status != exitOK || stderr.Len() > 0 {
					t.Fatalf("status %d: %s", status, stderr.String())
				}
				golden.Check(t, filepath.Join(filepath.Dir(trace), analysis+".json"), stdout.String())
			})
		}
	}
}

// A capture of a later minor version is read as far as it is known, and that
// is said.
func TestNewerVersion(t *testing.T) {
	const trace = "../../testdata/mixed/trace.arrow"
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	c, err := format.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	version := c.Meta().Format
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// The version is a string of three bytes behind its length. Without the
	// schema's checksum the file is one that another program wrote.
	for old, replacement := range map[string]string{
		"\x03\x00\x00\x00" + version + "\x00": "\x03\x00\x00\x001.9\x00",
		"ebrec.crc32c":                        "other.crc32c",
	} {
		if !bytes.Contains(data, []byte(old)) {
			t.Fatalf("no %q in the capture", old)
		}
		data = bytes.ReplaceAll(data, []byte(old), []byte(replacement))
	}
	newer := filepath.Join(t.TempDir(), "newer.arrow")
	if err := os.WriteFile(newer, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var want, got, stderr bytes.Buffer
	run(t.Context(), []string{"ebrec", "analyze", "cputime", trace}, &want, &stderr)
	if status := run(t.Context(), []string{"ebrec", "analyze", "cputime", newer}, &got, &stderr); status != exitOK {
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	if got.String() != want.String() {
		t.Errorf("another answer:\n%s", got.String())
	}
	if !strings.Contains(stderr.String(), "its file format is 1.9, this ebrec knows "+format.Version) {
		t.Errorf("it does not say so: %q", stderr.String())
	}
}
