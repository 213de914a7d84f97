// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// What the proof finds ends the command, and nothing is left behind: here the
// numbers of a capture spell the name of a process.
func TestRedactFindsALeak(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.arrow"), filepath.Join(dir, "out.arrow")
	writeSpelled(t, in, "hunter22")
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"ebrec", "redact", in, "-o", out}, &stdout, &stderr)
	if status != exitFailed || !strings.Contains(stderr.String(), "a text of class comm of 8 bytes is in the numbers of column conn") || !strings.Contains(stderr.String(), "ebrec: hint: nothing was written") {
		t.Errorf("status %d: %s", status, stderr.String())
	}
	if strings.Contains(stdout.String()+stderr.String(), "hunter") {
		t.Errorf("it tells the name: %s%s", stdout.String(), stderr.String())
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	stderr.Reset()
	if status := run(t.Context(), []string{"ebrec", "redact", in, "--keep", "comm", "-o", out}, &stdout, &stderr); status != exitOK {
		t.Errorf("with names kept, status %d: %s", status, stderr.String())
	}
}

// writeSpelled writes a capture with a process and a connection of the same name.
func writeSpelled(t *testing.T, path, name string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	w, err := format.NewWriter(f, &format.Metadata{Start: time.Unix(1e9, 0), CPUs: 1, Sources: bpf.Sources()}, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range kinds {
		if kinds[i].Name != "tcp_socket" {
			continue
		}
		raw, err := kinds[i].Encode(map[string]any{"time": int64(1e18), "comm": name, "conn": binary.LittleEndian.Uint64([]byte(name))})
		if err == nil {
			err = w.Add(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
