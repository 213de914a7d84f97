// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/need"
)

// A file has at most the size that was asked for, also beside those who fill it at
// once, and says what it could not take.
func TestMaxSizeBusy(t *testing.T) {
	dir := t.TempDir()
	spin := exec.Command("sh", "-c", "while :; do :; done")
	storm := exec.Command("sh", "-c", "while :; do /bin/true; done")
	for _, c := range []*exec.Cmd{spin, storm} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = c.Process.Kill(), c.Wait() })
	}
	for _, most := range []int64{256 << 10, 500_000, 1 << 20} {
		for _, sources := range []string{"cpu,process,sched", "all"} {
			path := filepath.Join(dir, fmt.Sprint(most, sources, ".arrow"))
			r := startRecorder(t, "-o", path, "-e", sources, "--max-size", fmt.Sprint(most), "-d", "100s")
			err := echo(t, r.ended)
			st, statErr := os.Stat(path)
			if statErr != nil {
				t.Fatalf("%v, %v: %s", err, statErr, r.stderr.String())
			}
			if st.Size() > most || st.Size() < most/4 {
				t.Errorf("%d bytes, at most %d are allowed: %s", st.Size(), most, r.stderr.String())
			}
			if !bytes.Contains(r.stderr.Bytes(), []byte("the size that --max-size allows")) {
				t.Errorf("it does not say why it ended: %s", r.stderr.String())
			}
			if none := bytes.Contains(r.stderr.Bytes(), []byte(", 0 lost;")); none != (status(t, err, path) == 0) {
				t.Errorf("%v: %s", err, r.stderr.String())
			}
			checkWhole(t, path)
			saysWhatThereIs(t, r.stderr.String(), []string{path})
		}
	}
}

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
