// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestExamples runs the examples that --help shows. What needs root is for
// the live tests: of its examples only the flags are parsed.
func TestExamples(t *testing.T) {
	capture, err := os.ReadFile("../../testdata/tcp/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range (&app{}).root().Commands() {
		if cmd.Example == "" && !cmd.Hidden {
			t.Errorf("ebrec %s has no example", cmd.Name())
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "sudo ")
			t.Run(line, func(t *testing.T) {
				shown, _, _ := strings.Cut(line, " | ")
				args := strings.Fields(shown)
				if len(args) < 2 || args[0] != "ebrec" || args[1] != cmd.Name() {
					t.Fatalf("an example of ebrec %s", cmd.Name())
				}
				if cmd.Name() == "record" || cmd.Name() == "doctor" {
					parse(t, cmd, args[2:])
					return
				}
				provide(t, args, capture)
				var stdout, stderr bytes.Buffer
				if status := run(t.Context(), args, &stdout, &stderr); status != exitOK {
					t.Errorf("status %d: %s", status, stderr.String())
				}
				if stdout.Len() == 0 && !strings.Contains(line, "--pid") { // nobody has that one
					t.Error("it prints nothing")
				}
			})
		}
	}
}

func parse(t *testing.T, cmd *cobra.Command, args []string) {
	t.Helper()
	if err := cmd.ParseFlags(args); err != nil {
		t.Error(err)
	}
}

// provide makes the files that a command line reads, in a directory of its own.
func provide(t *testing.T, args []string, capture []byte) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for i, arg := range args {
		data := capture
		switch {
		case args[i-min(i, 1)] == "-o":
			continue
		case strings.HasPrefix(arg, "broken"):
			data = capture[:len(capture)-2000]
		case filepath.Ext(arg) == ".key":
			data = capture[len(capture)/2:][:32]
		case filepath.Ext(arg) != ".arrow":
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, arg), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
