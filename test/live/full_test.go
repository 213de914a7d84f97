// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/need"
)

// A recording ends complete when the disk is full, says why, and accounts for
// what it had to give up.
func TestDiskFull(t *testing.T) {
	need.BPF(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1536k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "trace.arrow")
	cmd := exec.Command(ebrec, "record", "-o", path, "-e", "cpu,process,sched", "-d", "60s")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	begin := time.Now()
	go func() { ended <- cmd.Wait() }()
	_ = echo(t, ended) // the status tells that events were lost
	if cmd.ProcessState.ExitCode() != 3 || !bytes.Contains(stderr.Bytes(), []byte("the disk is full")) {
		t.Errorf("status %d: %s", cmd.ProcessState.ExitCode(), stderr.String())
	}
	if time.Since(begin) > 50*time.Second {
		t.Error("the disk was never full")
	}
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Cut() != nil {
		t.Errorf("the capture is %v", c.Cut())
	}
	full := uint64(0)
	for b, err := range c.Batches(format.Scan{Kinds: []string{"loss"}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			if b.Str(c.Col("loss_reason"), i) == "file_full" {
				full += b.Uint(c.Col("lost"), i)
			}
		}
	}
	if full == 0 {
		t.Error("nothing was given up")
	}
	// The balance is exact; gaps and threads that were not introduced are told
	// of by the loss.
	out, _ := exec.Command(ebrec, "check", path).Output()
	for _, line := range []string{"structure   ok", "order       ok", "account     ok"} {
		if !bytes.Contains(out, []byte(line)) {
			t.Errorf("check does not say %q:\n%s", line, out)
		}
	}
}
