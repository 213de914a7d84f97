// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebrec/ebrec/test/truth"
)

func TestTCPLatency(t *testing.T) {
	for _, family := range []string{"4", "6"} {
		t.Run("IPv"+family, func(t *testing.T) {
			t.Parallel()
			r := record(t, []string{"-e", "tcp,tcpturns"}, "tcp", "--family", family, "--rtt", "20ms",
				"--requests", "20", "--think", "5ms", "--connections", "7", "--refused", "5")
			checkConns(t, r)
		})
	}
}

// TestFastOpen sends the first requests with the SYN, of the first connection behind the
// handshake: there is no cookie yet. A process has an accepted connection before its
// handshake ends. Dropped packets are SYNs and SYN-ACKs, too.
func TestFastOpen(t *testing.T) {
	for _, family := range []string{"4", "6"} {
		for _, drop := range []string{"0", "9"} {
			t.Run("IPv"+family+", one lost of "+drop, func(t *testing.T) {
				r := record(t, []string{"-e", "cpu,tcp,tcpturns,tcpstates"}, "tcp", "--fast-open", "--family", family, "--rtt", "20ms",
					"--requests", "5", "--think", "3ms", "--connections", "7", "--refused", "0", "--drop-every", drop)
				checkConns(t, r)
				checkSentAgain(t, r, drop != "0")
				checkFastOpened(t, r)
			})
		}
	}
}

// checkFastOpened wants connections that a process had before their handshake ended,
// or the test proves nothing, and each to be one connection.
func checkFastOpened(t *testing.T, r recording) {
	t.Helper()
	early := 0
	for _, row := range replayRows(t, r.trace, "tcp_accept") {
		if row.int(t, "accept_ns") == 0 {
			early++
		}
	}
	if early < 3 {
		t.Errorf("%d connections were used before their handshake ended", early)
	}
	if got := len(analyze(t, "tcplife", r.trace).Rows); got != len(r.truth.TCP) {
		t.Errorf("%d connections, want %d", got, len(r.truth.TCP))
	}
}

// TestTCPLoss drops packets: what is sent again is counted, by both ends.
func TestTCPLoss(t *testing.T) {
	t.Parallel()
	r := record(t, nil, "tcp", "--rtt", "10ms", "--requests", "30", "--refused", "0", "--drop-every", "9")
	got, again := analyze(t, "tcplat", r.trace), analyze(t, "tcpretrans", r.trace).further(t, "By connection")
	var total uint32
	for _, want := range r.truth.TCP {
		total += want.Info.Retransmits
		n := findConn(t, got, want).int(t, "retransmits")
		if n != int64(want.Info.Retransmits) {
			t.Errorf("%s: %d retransmits, TCP_INFO had %d", want.Side, n, want.Info.Retransmits)
		}
		which := row{"pid": want.PID, "lport": want.LPort, "rport": want.RPort}
		if seen, unseen := again.sum(t, "segments", which), again.sum(t, "unseen_segments", which); seen+unseen != n || unseen > fewHidden(t, r.trace, n) {
			t.Errorf("%s: %d segments were seen to be sent again, %d went unseen, the kernel counts %d", want.Side, seen, unseen, n)
		}
	}
	if total == 0 {
		t.Error("the path lost nothing: the test proves nothing")
	}
}

// TestTCPPaths has turns over paths of every kind: what ebrec says is within what
// the applications see, and it sees as much sent again as the kernel counts.
func TestTCPPaths(t *testing.T) {
	for _, path := range []struct {
		rtt                   time.Duration
		requests, connections string
	}{{100 * time.Microsecond, "40", "15"}, {time.Millisecond, "20", "15"}, {20 * time.Millisecond, "10", "9"}, {200 * time.Millisecond, "8", "5"}} {
		for _, drop := range []string{"0", "100", "20"} { // none, 1%, 5%
			if drop == "100" && path.rtt == 200*time.Millisecond {
				continue // it would take too long for one to be lost
			}
			t.Run(fmt.Sprint(path.rtt, " one lost of ", drop), func(t *testing.T) {
				t.Parallel()
				r := record(t, []string{"-e", "cpu,tcp,tcpturns"}, "tcp", "--rtt", path.rtt.String(), "--requests", path.requests,
					"--think", "3ms", "--connections", path.connections, "--refused", "5", "--drop-every", drop)
				checkConns(t, r)
				checkSentAgain(t, r, drop != "0")
			})
		}
	}
}

// fewHidden is how many of n segments that are sent again may go unseen. Some
// machines hide threads from tracing, and with them what is sent again by an
// interrupt of one: few, where the capture says that such threads were on a CPU.
func fewHidden(t *testing.T, trace string, n int64) int64 {
	t.Helper()
	if !hidden(t, trace) {
		return 0
	}
	return 1 + n/20
}

// checkSentAgain wants as many segments to be sent again as the kernel counts on
// each side, with those that are said to have gone unseen.
func checkSentAgain(t *testing.T, r recording, some bool) {
	t.Helper()
	got, unseen, all := map[string]int64{}, map[string]int64{}, int64(0)
	sides := sidesOf(t, r)
	for _, row := range replayRows(t, r.trace, "tcp_retransmit") {
		side, ours := sides[row.int(t, "conn")]
		if !ours {
			continue // a SYN-ACK is nobody's yet
		}
		if row.int(t, "time_ns") <= r.truth.SentAgain[side].AtNS { // a FIN may be sent again behind it
			got[side] += row.int(t, "segments")
		}
	}
	byConn := analyze(t, "tcpretrans", r.trace).further(t, "By connection")
	for _, c := range r.truth.TCP {
		unseen[c.Side] += byConn.sum(t, "unseen_segments", row{"laddr": c.LAddr, "lport": c.LPort, "rport": c.RPort})
	}
	for side, want := range r.truth.SentAgain {
		all += want.Segments
		if got[side] > want.Segments || got[side]+unseen[side] < want.Segments-want.Failed {
			t.Errorf("%s: %d segments sent again and %d unseen, the kernel counts %d, of which %d failed", side, got[side], unseen[side], want.Segments, want.Failed)
		}
		if few := fewHidden(t, r.trace, want.Segments); unseen[side] > want.Failed+few {
			t.Errorf("%s: %d segments went unseen, of which %d failed and %d may be hidden", side, unseen[side], want.Failed, few)
		}
	}
	if some && all == 0 {
		t.Error("the path lost nothing: the test proves nothing")
	}
}

// sidesOf is which side each connection of the truth's network is of, by its number.
// No other network of this machine has its addresses.
func sidesOf(t *testing.T, r recording) map[int64]string {
	t.Helper()
	byAddr, sides := map[string]string{}, map[int64]string{}
	for _, c := range r.truth.TCP {
		byAddr[c.LAddr] = c.Side
	}
	for _, kind := range []string{"tcp_connect", "tcp_accept", "tcp_close"} {
		for _, row := range replayRows(t, r.trace, kind) {
			if side := byAddr[row.text("laddr")]; side != "" {
				sides[row.int(t, "conn")] = side
			}
		}
	}
	return sides
}

// checkConns compares every connection of the truth with its row.
func checkConns(t *testing.T, r recording) {
	t.Helper()
	got := analyze(t, "tcplat", r.trace)
	refused := map[int][]int64{}
	for _, want := range r.truth.TCP {
		if want.Errno != 0 {
			refused[want.PID] = append(refused[want.PID], want.ConnectNS)
			continue
		}
		if row := findConn(t, got, want); row != nil {
			c := connCheck{t, row, want, peerOf(t, r.truth, want), r.truth.DelayNS}
			c.identity()
			c.latency()
			c.kernel()
			c.counts()
			c.sizes()
		}
	}
	checkCalls(t, r)
	for pid, took := range refused {
		checkRefused(t, got, pid, took, 2*r.truth.DelayNS)
	}
}

// peerOf is the other end of a connection.
func peerOf(t *testing.T, tr *truth.Truth, of truth.Conn) truth.Conn {
	t.Helper()
	i := slices.IndexFunc(tr.TCP, func(c truth.Conn) bool { return c.LPort == of.RPort && c.RPort == of.LPort && c.Errno == 0 })
	if i < 0 {
		t.Fatalf("no end %d --> %d", of.RPort, of.LPort)
	}
	return tr.TCP[i]
}

// checkCalls wants the calls that sent and received to be those of the applications.
func checkCalls(t *testing.T, r recording) {
	t.Helper()
	got := analyze(t, "tcptop", r.trace, "--by", "connection")
	for _, want := range r.truth.TCP {
		if want.Errno != 0 {
			continue
		}
		found := got.find(t, endOf(want))
		if found == nil {
			continue
		}
		for column, n := range map[string]int64{
			"sends": int64(len(want.Sent)), "receives": want.Receives, "largest_send_bytes": want.LargestSend, "largest_receive_bytes": want.LargestReceive,
		} {
			if calls := found.int(t, column); calls != n {
				t.Errorf("%s %d --> %d: %s %d, want %d", want.Side, want.LPort, want.RPort, column, calls, n)
			}
		}
	}
}

// endOf is what tells an end of a connection from all others.
func endOf(want truth.Conn) row {
	direction := map[string]string{"client": "active", "server": "passive"}[want.Side]
	return row{"pid": want.PID, "laddr": want.LAddr, "lport": want.LPort, "raddr": want.RAddr, "rport": want.RPort, "direction": direction}
}

// findConn finds a connection by its owner and both ports.
func findConn(t *testing.T, got table, want truth.Conn) row {
	t.Helper()
	return got.find(t, row{"pid": want.PID, "lport": want.LPort, "rport": want.RPort})
}

// connCheck compares one row with the truth.
type connCheck struct {
	t          *testing.T
	row        row
	want, peer truth.Conn
	delay      int64 // the least that a packet takes, in ns
}

func (c connCheck) identity() {
	c.t.Helper()
	for column, want := range map[string]string{
		"comm": "eb-" + c.want.Side, "laddr": c.want.LAddr, "raddr": c.want.RAddr,
	} {
		if got := c.row.text(column); got != want {
			c.t.Errorf("%s: %s %q, want %q", c.want.Side, column, got, want)
		}
	}
}

// latency wants durations to be within what the applications' clocks leave open. A
// message arrives no sooner than a packet takes behind the beginning of the call that
// sent it, and before the call that read it has returned; a call's event is within
// it. Whoever waits for a CPU widens that by as much.
func (c connCheck) latency() {
	c.t.Helper()
	if c.want.Side == "client" {
		c.within("connect_ns", bounds{2 * c.delay, c.want.ConnectNS})
	}
	response, read, think := c.turns()
	c.within("response_p50_ns", response.rank(50))
	c.within("response_p99_ns", response.rank(99))
	c.within("response_max_ns", response.rank(100))
	c.within("read_p50_ns", read.rank(50))
	c.within("think_p50_ns", think.rank(50))
	// An acknowledgement comes with the answer at the latest.
	c.within("ack_p50_ns", bounds{2 * c.delay, c.row.int(c.t, "response_max_ns")})
}

// turns bound the durations of each turn.
func (c connCheck) turns() (response, read, think series) {
	for i := range len(c.want.GotNS) - c.unasked() {
		sent, arrived := c.want.Sent[i], c.arrival(i+c.unasked())
		response.add(arrived.FromNS-sent.ToNS, arrived.ToNS-sent.FromNS)
	}
	for i, got := range c.want.GotNS {
		arrived := c.arrival(i)
		read.add(0, got-arrived.FromNS)
		if next := i + 1 - c.unasked(); next < len(c.want.Sent) {
			sent := c.want.Sent[next]
			think.add(sent.FromNS-got, sent.ToNS-arrived.FromNS)
		}
	}
	return response, read, think
}

// unasked counts the messages that came before this end had sent one: a server's
// first.
func (c connCheck) unasked() int {
	if c.want.Side == "server" {
		return 1
	}
	return 0
}

// arrival is when the message arrived, at the earliest and the latest.
func (c connCheck) arrival(i int) truth.Call {
	return truth.Call{FromNS: c.peer.Sent[i].FromNS + c.delay, ToNS: c.want.GotNS[i]}
}

// kernel wants round-trip times to be the kernel's own at the end.
func (c connCheck) kernel() {
	c.t.Helper()
	for column, want := range map[string]uint32{"srtt_ns": c.want.Info.RTTUS, "min_rtt_ns": c.want.Info.MinRTTUS} {
		if got := c.row.int(c.t, column) / 1000; got != int64(want) {
			c.t.Errorf("%s: %s is %d us, TCP_INFO had %d", c.want.Side, column, got, want)
		}
	}
}

// bounds are what a duration may be, in ns.
type bounds struct{ least, most int64 }

// series bounds durations, of each of which there is the least and the most.
type series struct{ least, most []int64 }

func (s *series) add(least, most int64) {
	s.least, s.most = append(s.least, least), append(s.most, most)
}

// rank bounds the nearest-rank percentile: by the percentiles of the bounds.
func (s *series) rank(percent int) bounds {
	return bounds{rank(s.least, percent), rank(s.most, percent)}
}

// rank is the nearest-rank percentile.
func rank(values []int64, percent int) int64 {
	return slices.Sorted(slices.Values(values))[(len(values)*percent+99)/100-1]
}

func (c connCheck) within(column string, b bounds) {
	c.t.Helper()
	if got := c.row.int(c.t, column); got < b.least || got > b.most {
		c.t.Errorf("%s %s is %d, want %d to %d", c.want.Side, column, got, b.least, b.most)
	}
}

// counts compares turns and bytes. A turn is a send that was answered, so a
// server has one less than requests: nothing answers its last response.
func (c connCheck) counts() {
	c.t.Helper()
	if got, want := c.row.int(c.t, "requests"), len(c.want.GotNS)-c.unasked(); got != int64(want) {
		c.t.Errorf("%s: %d requests, want %d", c.want.Side, got, want)
	}
	for column, want := range map[string]int64{"tx_bytes": c.want.TxBytes, "rx_bytes": c.want.RxBytes} {
		if got := c.row.int(c.t, column); got != want {
			c.t.Errorf("%s: %s %d, application %d", c.want.Side, column, got, want)
		}
	}
	if got := c.row.int(c.t, "retransmits"); got != int64(c.want.Info.Retransmits) {
		c.t.Errorf("%s: %d retransmits, TCP_INFO had %d", c.want.Side, got, c.want.Info.Retransmits)
	}
}

// sizes wants the turns recorded one by one to be as long as those of the workload.
func (c connCheck) sizes() {
	c.t.Helper()
	requests := int64(len(c.want.GotNS))
	for column, all := range map[string]int64{"turn_tx_p50_bytes": c.want.TxBytes, "turn_rx_max_bytes": c.want.RxBytes} {
		if got := c.row.int(c.t, column); got != all/requests {
			c.t.Errorf("%s: %s %d, want %d", c.want.Side, column, got, all/requests)
		}
	}
}

// checkRefused compares the connects of a process that were refused, in
// order of duration: a refused socket has lost its local address.
func checkRefused(t *testing.T, got table, pid int, took []int64, least int64) {
	t.Helper()
	var rows []int64
	for _, r := range got.Rows {
		if r.has(t, row{"pid": pid}) && strings.Contains(r.text("outcome"), "refused") {
			rows = append(rows, r.int(t, "connect_ns"))
		}
	}
	if len(rows) != len(took) {
		t.Errorf("%d refused connects of pid %d, want %d", len(rows), pid, len(took))
		return
	}
	slices.Sort(rows)
	slices.Sort(took)
	for i, got := range rows {
		if got < least || got > took[i] {
			t.Errorf("refused after %d ns, want %d to %d", got, least, took[i])
		}
	}
}
