// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/truth"
)

// TestOwners has a thousand processes call others that were forked before and
// share a listener. A connection that is passed on is of who answers it.
func TestOwners(t *testing.T) {
	checkOwners(t, record(t, nil, "owners", "--connections", "1000"), 1000)
}

// checkOwners wants both ends of so many connections to be of the processes that
// say so. A port that was closed a while ago may have another connection.
func checkOwners(t *testing.T, r recording, connections int) {
	t.Helper()
	comms := map[int]string{}
	for _, p := range r.truth.Processes {
		comms[p.PID] = p.Comm
	}
	var got, want []string
	for _, row := range analyze(t, "tcplat", r.trace).Rows {
		got = append(got, fmt.Sprintf("%d --> %d: %d %s, %s", row.int(t, "lport"), row.int(t, "rport"), row.int(t, "pid"), row.text("comm"), row.text("direction")))
	}
	clerk := 0
	for _, c := range r.truth.TCP {
		direction := map[string]string{"client": "active", "server": "passive"}[c.Side]
		want = append(want, fmt.Sprintf("%d --> %d: %d %s, %s", c.LPort, c.RPort, c.PID, comms[c.PID], direction))
		clerk += strings.Count(comms[c.PID], "clerk")
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ends and their owners (-truth +recorded):\n%s", diff)
	}
	if len(want) != 2*connections || clerk == 0 {
		t.Errorf("%d ends, %d of connections that were passed on: the test proves less than it should", len(want), clerk)
	}
}

// TestManyTurns records few turns one by one and the others as histograms:
// counts stay exact, and medians within a bucket, a quarter.
func TestManyTurns(t *testing.T) {
	t.Parallel()
	r := record(t, []string{"-e", "tcp,tcpturns", "--max-turns", "10", "--rtt-interval", "20ms"},
		"tcp", "--rtt", "4ms", "--requests", "100", "--think", "2ms", "--connections", "3", "--refused", "0")
	got := analyze(t, "tcplat", r.trace)
	if notes := strings.Join(got.Notes, " "); !strings.Contains(notes, "--max-turns") {
		t.Errorf("nothing says that responses have no rows: %q", notes)
	}
	slowest := int64(0)
	for _, want := range r.truth.TCP {
		c := connCheck{t, findConn(t, got, want), want, peerOf(t, r.truth, want), r.truth.DelayNS}
		c.identity()
		c.counts()
		response, _, think := c.turns()
		for column, b := range map[string]bounds{"response_p50_ns": response.rank(50), "think_p50_ns": think.rank(50)} {
			c.within(column, bounds{b.least * 3 / 4, b.most * 5 / 4})
		}
		slowest = max(slowest, response.rank(50).most)
	}
	checkRTTs(t, r, slowest)
}

// checkRTTs wants round-trip times no more often than asked for, the least of which
// is what the path takes and, in the end, no longer than most responses.
func checkRTTs(t *testing.T, r recording, slowest int64) {
	t.Helper()
	last, n, least := map[int64]int64{}, map[int64]int{}, map[int64]int64{}
	for _, row := range replayRows(t, r.trace, "tcp_rtt") {
		conn, at := row.int(t, "conn"), row.int(t, "time_ns")
		if since := time.Duration(at - last[conn]); since < 20*time.Millisecond {
			t.Errorf("connection %d has two rows within %v", conn, since)
		}
		last[conn] = at
		n[conn]++
		took := row.int(t, "min_rtt_ns")
		if was, ok := least[conn]; took < (4*time.Millisecond).Nanoseconds() || ok && took > was {
			t.Errorf("connection %d: least round trip %d ns over a path of 4 ms, after %d", conn, took, was)
		}
		least[conn] = took
	}
	if len(n) != len(r.truth.TCP) {
		t.Errorf("%d connections have round-trip times, want %d", len(n), len(r.truth.TCP))
	}
	for conn, rows := range n { // 100 turns of 6 ms, a segment each
		if rows < 20 || least[conn] > slowest {
			t.Errorf("connection %d has %d round-trip times, the least %d ns, of %d", conn, rows, least[conn], slowest)
		}
	}
}

// TestMPTCP wants what carries an MPTCP connection to be named so, with the
// process that opened it.
func TestMPTCP(t *testing.T) {
	const mptcp = 262
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, mptcp)
	if err != nil {
		t.Skipf("no MPTCP on this kernel: %v", err)
	}
	unix.Close(fd)
	r := record(t, nil, "mptcp")
	rows := analyze(t, "tcplat", r.trace).Rows
	if len(rows) != 2 {
		t.Fatalf("%d connections, want both ends of one", len(rows))
	}
	process := r.truth.Processes[0]
	for _, r := range rows {
		if got := r.text("socket_of"); got != "mptcp" {
			t.Errorf("%s end: socket of %q, want mptcp", r.text("direction"), got)
		}
		if pid := r.int(t, "pid"); pid != int64(process.PID) {
			t.Errorf("%s end: owner %d, want %d", r.text("direction"), pid, process.PID)
		}
		if tx := r.int(t, "tx_bytes"); tx != 100 {
			t.Errorf("%s end sent %d bytes, want 100", r.text("direction"), tx)
		}
	}
}

// TestOddConnections has connections that begin and end in unusual ways: each end
// has one row, with its owner, its bytes and how it ended, and no duration is
// longer than the recording, which one below zero would be.
func TestOddConnections(t *testing.T) {
	t.Parallel()
	checkOdd(t, record(t, []string{"-e", "process,tcp,tcpturns,tcpstates"}, "odd"))
}

func checkOdd(t *testing.T, r recording) {
	t.Helper()
	got := analyze(t, "tcplat", r.trace)
	if len(got.Rows) != len(r.truth.TCP) {
		t.Errorf("%d connections, want %d", len(got.Rows), len(r.truth.TCP))
	}
	for _, want := range r.truth.TCP {
		found := got.find(t, endOf(want))
		if found == nil {
			continue
		}
		if want.Errno != 0 {
			checkFailed(t, found, want)
			continue
		}
		tx, rx := found.int(t, "tx_bytes"), found.int(t, "rx_bytes")
		if outcome := found.text("outcome"); outcome != want.Outcome || tx != want.TxBytes || rx != want.RxBytes {
			t.Errorf("%s %d --> %d: %s, %d bytes sent, %d received; want %s, %d, %d", want.Side, want.LPort, want.RPort, outcome, tx, rx, want.Outcome, want.TxBytes, want.RxBytes)
		}
	}
	checkCalls(t, r)
	for _, name := range []string{"tcplat", "tcplife", "tcpconn", "tcptop", "tcpretrans", "tcpstates"} {
		noneLonger(t, analyze(t, name, r.trace))
	}
}

// checkFailed wants a connect to have failed as the application saw it, and when:
// not before it could, and not after the application knew of it.
func checkFailed(t *testing.T, found row, want truth.Conn) {
	t.Helper()
	took, least, got := time.Duration(want.ConnectNS), time.Duration(want.LeastNS), time.Duration(found.int(t, "connect_ns"))
	if outcome := found.text("outcome"); outcome != want.Outcome || got < least || got > took {
		t.Errorf("connect %s after %v, which took from %v to %v; want %s", outcome, got, least, took, want.Outcome)
	}
}

// noneLonger wants all durations to be within that of the recording.
func noneLonger(t *testing.T, tb table) {
	t.Helper()
	for _, c := range tb.Columns {
		for _, r := range tb.Rows {
			if c.Unit == "ns" && r[c.Name] != nil && (r.int(t, c.Name) < 0 || r.int(t, c.Name) > tb.Capture.DurationNS) {
				t.Errorf("%s: %s is %d in a recording of %d ns", tb.Analysis, c.Name, r.int(t, c.Name), tb.Capture.DurationNS)
			}
		}
	}
}
