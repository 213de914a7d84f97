// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
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
			r := record(t, nil, "tcp", "--family", family, "--rtt", "20ms",
				"--requests", "20", "--think", "5ms", "--connections", "7", "--refused", "5")
			checkConns(t, r, latencyTolerance)
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
		row := findConn(t, got, want)
		// The FIN may be lost too, after the truth was taken.
		if n := row.int(t, "retransmits"); n < int64(want.Info.Retransmits) || n > int64(want.Info.Retransmits)+3 {
			t.Errorf("%s: %d retransmits, TCP_INFO had %d", want.Side, n, want.Info.Retransmits)
		}
	}
	if total == 0 {
		t.Error("the path lost nothing: the test proves nothing")
	}
}

// checkConns compares every connection of the truth with its row.
func checkConns(t *testing.T, r recording, tolerance time.Duration) {
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
		}
	}
	off.check(t, tolerance)
	for pid, n := range refused {
		checkRefused(t, got, r.truth, pid, n, tolerance)
	}
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

// check wants the median over the connections at what the application saw, and
// no connection further off than a wait for a CPU explains.
func (o offsets) check(t *testing.T, tolerance time.Duration) {
	t.Helper()
	for what, all := range o {
		slices.Sort(all)
		slowest := strings.HasSuffix(what, "p99_ns") || strings.HasSuffix(what, "max_ns")
		if median := all[len(all)/2]; !slowest && median.Abs() > tolerance {
			t.Errorf("%s is off by %v from the application's, median of %d", what, median, len(all))
		}
		for _, off := range all {
			if off.Abs() > slowestTolerance {
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
	c.srtt()
	c.near("min_rtt_ns", int64(c.want.Info.MinRTTUS)*1000)
}

// srtt compares the smoothed round trip. The application read it before it
// closed; the FIN gives one more sample, which counts an eighth (RFC 6298,
// section 2): of an idle path at the least, and hardly of twice what it was.
func (c connCheck) srtt() {
	c.t.Helper()
	before, least := int64(c.want.Info.RTTUS)*1000, int64(c.want.Info.MinRTTUS)*1000
	lowest, highest := before-(before-least)/8, before+before/8
	got := c.row.int(c.t, "srtt_ns")
	if slack := int64(c.tolerance); got > highest+slack || got < lowest-slack {
		c.t.Errorf("%s: srtt_ns %d, want between %d and %d", c.want.Side, got, lowest, highest)
	}
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

// checkRefused compares the connects of a process that were refused, in
// order of duration: a refused socket has lost its local address.
func checkRefused(t *testing.T, got table, tr *truth.Truth, pid, n int, tolerance time.Duration) {
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
		off.check(t, tolerance)
	}
}
