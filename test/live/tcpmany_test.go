// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/test/need"
)

// TestManyConnections has more connections open at once than the recorder
// follows: those beyond are counted as lost.
func TestManyConnections(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "few.arrow")
	need.BPF(t)
	lossy(t, "record", "-o", trace, "-e", "process,tcp", "--max-connections", "10000", "--", workload, "manyconns", "--connections", "9000")
	lossy(t, "check", trace)
	// Closing makes room, so that connections are met at their end.
	if n, lost := rowsOf(t, trace, "tcp_close"), lostFor(t, trace, "map_full"); n < 10_000 || lost < 8_000 {
		t.Errorf("%d connections and %d lost, want 10,000 and 8,000, or more", n, lost)
	}
}

// With room for all of a hundred thousand connections none is missing but for what
// is said to be lost: they begin and end faster than a busy machine may take it.
func TestHundredThousandConnections(t *testing.T) {
	r := recording{trace: filepath.Join(t.TempDir(), "many.arrow")}
	need.BPF(t)
	lossyOrNot(t, "record", "-o", r.trace, "-e", "cpu,process,tcp", "--max-connections", "210000", "--", workload, "manyconns", "--connections", "100000")
	checkManyConns(t, r, 100_000)
}

// checkManyConns wants the end of both ends of each connection. Where the capture
// says that threads were hidden from it few may be missing, as for fewHidden.
func checkManyConns(t *testing.T, r recording, conns int64) {
	t.Helper()
	lossyOrNot(t, "check", r.trace)
	if n := lostFor(t, r.trace, "map_full"); n > 0 {
		t.Errorf("%d lost for want of room", n)
	}
	few := int64(0)
	if hidden(t, r.trace) {
		few = conns / 5_000
	}
	closed, ids := replayRows(t, r.trace, "tcp_close"), map[int64]bool{}
	for _, row := range closed {
		ids[row.int(t, "conn")] = true
	}
	if len(ids) != len(closed) {
		t.Errorf("%d connections have %d numbers", len(closed), len(ids))
	}
	want, rows, lost := 2*conns, int64(len(closed)), lostFor(t, r.trace, "")
	closing := closingAtEnd(t, r.trace)
	if rows > want || rows+closing+lost < want-few {
		t.Errorf("%d connections, %d that were closing when the recording ended, and %d events lost, want %d", rows, closing, lost, want)
	}
}

// closingAtEnd counts the connections that processes had closed, whose last
// acknowledgement came behind the recording.
func closingAtEnd(t *testing.T, trace string) (n int64) {
	t.Helper()
	for _, r := range replayRows(t, trace, "tcp_socket") {
		if slices.Contains([]string{"fin_wait1", "fin_wait2", "closing", "last_ack"}, r.text("tcp_state")) {
			n++
		}
	}
	return n
}

// lostFor adds up what was lost of source tcp for a reason, or for all.
func lostFor(t *testing.T, trace, reason string) (lost int64) {
	t.Helper()
	for _, r := range replayRows(t, trace, "loss") {
		if r.text("loss_source") == "tcp" && (reason == "" || r.text("loss_reason") == reason) {
			lost += r.int(t, "lost")
		}
	}
	return lost
}

// lossy runs ebrec, which must succeed but for events that were lost.
func lossy(t *testing.T, args ...string) {
	t.Helper()
	if lossyOrNot(t, args...) != 3 {
		t.Fatalf("ebrec %s: nothing was lost", args[0])
	}
}

// lossyOrNot runs ebrec, which must succeed, or do but for events that were lost.
func lossyOrNot(t *testing.T, args ...string) (status int) {
	t.Helper()
	cmd := exec.Command(ebrec, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if status = cmd.ProcessState.ExitCode(); status != 0 && status != 3 {
		t.Fatalf("ebrec %s: %v\n%s", args[0], err, out)
	}
	return status
}

// TestSYNFlood sends SYNs from addresses that nobody has: there are no
// connections, and nothing is lost over them.
func TestSYNFlood(t *testing.T) {
	const flooding = "127.16." // what their addresses begin with
	r := record(t, []string{"-a", "-e", "tcp,tcpturns,tcpstates"}, "flood", "--requests", "50000")
	for _, row := range analyze(t, "tcplat", r.trace).Rows {
		if strings.HasPrefix(row.text("raddr"), flooding) {
			t.Errorf("a SYN from %s is a connection", row.text("raddr"))
		}
	}
	if lost := lostOf(t, r.trace, "tcp", "tcpturns", "tcpstates"); lost > 0 {
		t.Errorf("%d events were lost", lost)
	}
	changes := 0
	for _, row := range replayRows(t, r.trace, "tcp_state_change") {
		if strings.HasPrefix(row.text("raddr"), flooding) {
			changes++
		}
	}
	if changes > 1000 {
		t.Errorf("%d changes of state", changes)
	}
}
