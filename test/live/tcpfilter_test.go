// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/need"
)

// TestFilterLeavesConnectionsOut records a process without a socket, while connections of
// this one are reset before it accepts them: nobody is known to have them then.
func TestFilterLeavesConnectionsOut(t *testing.T) {
	need.BPF(t)
	dir := t.TempDir()
	trace, begun, done := filepath.Join(dir, "trace.arrow"), filepath.Join(dir, "begun"), filepath.Join(dir, "done")
	for _, fifo := range []string{begun, done} {
		if err := unix.Mkfifo(fifo, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var said strings.Builder
	cmd := exec.Command(ebrec, "record", "-e", "tcp,tcpturns,tcpstates,process", "-o", trace, "--", workload, "nudge", begun, done)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(begun); err != nil { // until its writer has closed it
		t.Fatal(err)
	}
	resetUnaccepted(t, 5)
	if err := os.WriteFile(done, nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	run(t, "check", trace)
	for _, kind := range []string{"tcp_connect", "tcp_accept", "tcp_close", "tcp_reset", "tcp_state_change", "tcp_retransmit", "tcp_socket"} {
		if rows := replayRows(t, trace, kind); len(rows) > 0 {
			t.Errorf("%d rows of %s, of which no process is recorded: %v", len(rows), kind, rows[0])
		}
	}
	if len(replayRows(t, trace, "exec")) == 0 {
		t.Error("the command is not recorded: the test proves nothing")
	}
}

// resetUnaccepted makes connections that nobody accepts, and resets them.
func resetUnaccepted(t *testing.T, n int) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range n {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
