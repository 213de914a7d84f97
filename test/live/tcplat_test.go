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

const (
	// latencyTolerance is what lies between the kernel's packet and the
	// application's clock, at a round trip of 20 ms.
	latencyTolerance = 300 * time.Microsecond
)

func TestTCPLatency(t *testing.T) {
	for _, family := range []string{"4", "6"} {
		t.Run("IPv"+family, func(t *testing.T) {
			r := record(t, []string{"-e", "tcp,tcpturns"}, "tcp", "--family", family, "--rtt", "20ms",
				"--requests", "20", "--think", "5ms", "--connections", "7", "--refused", "5")
			checkConns(t, r, latencyTolerance, slowestTolerance)
		})
	}
}

// TestTCPLoss drops packets: what is sent again is counted, by both ends.
func TestTCPLoss(t *testing.T) {
	r := record(t, nil, "tcp", "--rtt", "10ms", "--requests", "30", "--refused", "0", "--drop-every", "9")
	got := analyze(t, "tcplat", r.trace)
	var total uint32
	for _, want := range r.truth.TCP {
		total += want.Info.Retransmits
		kernel := findConn(t, got, want)
		// The FIN may be lost too, after the truth was taken.
		n := kernel.int(t, "retransmits")
		if n < int64(want.Info.Retransmits) || n > int64(want.Info.Retransmits)+3 {
			t.Errorf("%s: %d retransmits, TCP_INFO had %d", want.Side, n, want.Info.Retransmits)
		}
		seen := analyze(t, "tcpretrans", r.trace).sum(t, "segments", row{"pid": want.PID, "lport": want.LPort, "rport": want.RPort})
		if seen != n {
			t.Errorf("%s: %d segments were seen to be sent again, the kernel counts %d", want.Side, seen, n)
		}
	}
	if total == 0 {
		t.Error("the path lost nothing: the test proves nothing")
	}
}

// TestTCPPaths has turns over paths of every kind: in the median over connections
// what ebrec says is within 0.2 ms or 2% of what the applications see, and it sees as
// much sent again as the kernel counts.
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
				r := record(t, []string{"-e", "tcp,tcpturns"}, "tcp", "--rtt", path.rtt.String(), "--requests", path.requests,
					"--think", "3ms", "--connections", path.connections, "--refused", "5", "--drop-every", drop)
				if drop == "0" {
					checkConns(t, r, max(200*time.Microsecond, path.rtt/50), 0)
				}
				checkSentAgain(t, r, drop != "0", true)
			})
		}
	}
}

// checkSentAgain wants as many segments to be sent again as the kernel counts on
// each side. Some machines hide threads from tracing: what is sent again by an
// interrupt of one of those is not seen, so that few may be missing.
func checkSentAgain(t *testing.T, r recording, some, hidden bool) {
	t.Helper()
	got, all := map[string]int64{}, int64(0)
	sides := map[int64]string{0: "server"} // its SYN-ACKs: nobody has the connection yet
	for _, c := range r.truth.TCP {
		sides[int64(c.PID)] = c.Side
	}
	for _, row := range replayRows(t, r.trace, "tcp_retransmit") {
		side := sides[row.int(t, "pid")]
		if row.int(t, "time_ns") <= r.truth.SentAgain[side].AtNS { // a FIN may be sent again behind it
			got[side] += row.int(t, "segments")
		}
	}
	for side, want := range r.truth.SentAgain {
		all += want.Segments
		few := int64(0)
		if hidden {
			few = 1 + want.Segments/20
		}
		if got[side] > want.Segments || got[side] < want.Segments-want.Failed-few {
			t.Errorf("%s: %d segments sent again, the kernel counts %d, of which %d failed", side, got[side], want.Segments, want.Failed)
		}
	}
	if some && all == 0 {
		t.Error("the path lost nothing: the test proves nothing")
	}
}

// checkConns compares every connection of the truth with its row. A tolerance of 0
// is for latencies that are not to be compared.
func checkConns(t *testing.T, r recording, tolerance, slowest time.Duration) {
	t.Helper()
	got := analyze(t, "tcplat", r.trace)
	refused := map[int]int{}
	off := offsets{}
	for _, want := range r.truth.TCP {
		if want.Errno != 0 {
			refused[want.PID]++
			continue
		}
		if row := findConn(t, got, want); row != nil {
			c := connCheck{t, row, want, tolerance, off}
			c.identity()
			c.latency()
			c.counts()
			c.sizes()
		}
	}
	off.check(t, tolerance, slowest)
	checkCalls(t, r)
	for pid, n := range refused {
		checkRefused(t, got, r.truth, pid, n, tolerance, slowest)
	}
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
			"sends": want.Sends, "receives": want.Receives, "largest_send_bytes": want.LargestSend, "largest_receive_bytes": want.LargestReceive,
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
	t         *testing.T
	row       row
	want      truth.Conn
	tolerance time.Duration // 0: no latencies are compared
	off       offsets
}

// offsets are ebrec's latencies less the application's, by side and column, in
// the order of the connections.
type offsets map[string][]time.Duration

// slowestTolerance is for the slowest of many turns. The usual reason for one
// is that the application waited for a CPU before it could read its clock: at
// the turn's end that makes its figure too long, at the beginning too short.
const slowestTolerance = 5 * time.Millisecond

// check wants the median over the connections at what the application saw, and,
// unless slowest is 0, no connection further off than that.
func (o offsets) check(t *testing.T, tolerance, slowest time.Duration) {
	t.Helper()
	for what, all := range o {
		slices.Sort(all)
		tail := strings.HasSuffix(what, "p99_ns") || strings.HasSuffix(what, "max_ns")
		if median := all[len(all)/2]; !tail && median.Abs() > tolerance {
			t.Errorf("%s is off by %v from the application's, median of %d", what, median, len(all))
		}
		for _, off := range all {
			if slowest > 0 && off.Abs() > slowest {
				t.Errorf("%s is off by %v from the application's", what, off)
			}
		}
	}
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

func (c connCheck) latency() {
	c.t.Helper()
	if c.tolerance == 0 {
		return
	}
	if c.want.Side == "client" {
		c.near("connect_ns", c.want.ConnectNS)
	}
	turns := slices.Sorted(slices.Values(c.want.ResponseNS))
	c.near("response_p50_ns", rank(turns, 50))
	c.near("response_p99_ns", rank(turns, 99))
	c.near("response_max_ns", turns[len(turns)-1])
	c.near("think_p50_ns", rank(slices.Sorted(slices.Values(c.want.ThinkNS)), 50))
	c.near("read_p50_ns", 0) // it waits in read(2), and is only to be woken
	c.acknowledged()
	c.srtt()
	c.near("min_rtt_ns", int64(c.want.Info.MinRTTUS)*1000)
}

// acknowledged wants acknowledgements no sooner than a round trip takes, and no
// later than the answer.
func (c connCheck) acknowledged() {
	c.t.Helper()
	got := c.row.int(c.t, "ack_p50_ns")
	if least, most := int64(c.want.Info.MinRTTUS)*1000-int64(c.tolerance), c.row.int(c.t, "response_max_ns"); got < least || got > most {
		c.t.Errorf("%s: ack_p50_ns %d, want between %d and %d", c.want.Side, got, least, most)
	}
}

// srtt compares the smoothed round trip. The application read it before it
// closed; the FIN gives one more sample, which counts an eighth (RFC 6298,
// section 2): of an idle path at the least, and hardly of twice what it was, unless
// an end had to wait for a CPU just then.
func (c connCheck) srtt() {
	c.t.Helper()
	before, least := int64(c.want.Info.RTTUS)*1000, int64(c.want.Info.MinRTTUS)*1000
	lowest, highest := before-(before-least)/8, before+before/8
	got := c.row.int(c.t, "srtt_ns")
	what := c.want.Side + " srtt_ns, out of its range,"
	c.off[what] = append(c.off[what], time.Duration(got-min(max(got, lowest), highest)))
}

// rank is the nearest-rank percentile of sorted values.
func rank(sorted []int64, percent int) int64 {
	return sorted[(len(sorted)*percent+99)/100-1]
}

func (c connCheck) near(column string, want int64) {
	c.t.Helper()
	what := c.want.Side + " " + column
	c.off[what] = append(c.off[what], time.Duration(c.row.int(c.t, column)-want))
}

// counts compares turns and bytes. A turn is a send that was answered, so a
// server has one less than requests: nothing answers its last response.
func (c connCheck) counts() {
	c.t.Helper()
	if got := c.row.int(c.t, "requests"); got != int64(len(c.want.ResponseNS)) {
		c.t.Errorf("%s: %d requests, want %d", c.want.Side, got, len(c.want.ResponseNS))
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
	requests := int64(len(c.want.ResponseNS))
	if c.want.Side == "server" {
		requests++ // behind the last one it sends nothing that is answered
	}
	for column, all := range map[string]int64{"turn_tx_p50_bytes": c.want.TxBytes, "turn_rx_max_bytes": c.want.RxBytes} {
		if got := c.row.int(c.t, column); got != all/requests {
			c.t.Errorf("%s: %s %d, want %d", c.want.Side, column, got, all/requests)
		}
	}
}

// checkRefused compares the connects of a process that were refused, in
// order of duration: a refused socket has lost its local address.
func checkRefused(t *testing.T, got table, tr *truth.Truth, pid, n int, tolerance, slowest time.Duration) {
	t.Helper()
	var rows, want []int64
	for _, r := range got.Rows {
		if r.has(t, row{"pid": pid}) && strings.Contains(r.text("outcome"), "refused") {
			rows = append(rows, r.int(t, "connect_ns"))
		}
	}
	for _, c := range tr.TCP {
		if c.PID == pid && c.Errno != 0 {
			want = append(want, c.ConnectNS)
		}
	}
	if len(rows) != n {
		t.Errorf("%d refused connects of pid %d, want %d", len(rows), pid, n)
		return
	}
	slices.Sort(rows)
	slices.Sort(want)
	off := offsets{}
	for i := range want {
		off["refused connect"] = append(off["refused connect"], time.Duration(rows[i]-want[i]))
	}
	if tolerance > 0 {
		off.check(t, tolerance, slowest)
	}
}
