// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
)

func ends(conn int, last byte, lport, rport int, direction string) v {
	address := func(n byte) []byte { return []byte{10: 0xff, 11: 0xff, 12: 10, 15: n} }
	return v{"conn": conn, "laddr": address(1), "lport": lport, "raddr": address(last), "rport": rport, "direction": direction}
}

func owner(pid int, comm string) v { return v{"pid": pid, "tid": pid, "comm": comm} }

func moved(tx, rx, durationMS int) v {
	return v{"sends": tx / 10, "segments_out": tx / 5, "segments_in": rx / 5, "tx_bytes": tx, "rx_bytes": rx, "srtt_ns": 20 * ms, "min_rtt_ns": 19 * ms, "retransmits": 2, "duration_ns": durationMS * ms}
}

// connections are one of every outcome, all within a second.
func connections() []row {
	curl, web := owner(50, "curl"), owner(51, "nginx")
	response := func(atMS int64, conn, latencyMS int) row {
		return at(atMS, "tcp_response", v{"pid": 50, "tid": 50, "conn": conn, "response_ns": latencyMS * ms, "turn_tx_bytes": 100})
	}
	all := []row{
		at(0, "tcp_socket", ends(1, 9, 22, 60000, "unknown"), web, moved(100, 100, 0), v{"tcp_state": "established"}),
		at(20, "tcp_connect", ends(2, 2, 40001, 80, "active"), curl, v{"connect_ns": 20 * ms}),
		at(21, "tcp_connect", ends(3, 3, 40002, 81, "active"), curl, v{"connect_ns": 1 * ms, "error": 111}),
		at(22, "tcp_connect", ends(4, 4, 40003, 82, "active"), curl, v{"connect_ns": 900 * ms, "error": 110}),
		at(23, "tcp_connect", ends(5, 5, 40004, 83, "active"), curl, v{"connect_ns": 3 * ms, "error": 113}),
		at(24, "tcp_connect", ends(6, 6, 40005, 84, "active"), curl, v{"connect_ns": 3 * ms, "error": 99}),
		at(30, "tcp_accept", ends(7, 7, 80, 50000, "passive"), web, v{"accept_ns": 1000}),
		at(39, "tcp_response", v{"pid": 50, "tid": 50, "conn": 2, "response_ns": 21 * ms, "ack_ns": 20 * ms, "turn_tx_bytes": 100}),
		at(40, "tcp_read", v{"pid": 50, "tid": 50, "conn": 2, "read_ns": 1 * ms}),
		at(40, "tcp_reply", v{"pid": 50, "tid": 50, "conn": 2, "think_ns": 3 * ms, "turn_rx_bytes": 300}),
		response(41, 2, 25), response(42, 2, 23), response(43, 2, 200),
		at(44, "tcp_read", v{"pid": 50, "tid": 50, "conn": 2, "read_ns": 5 * ms}),
		at(45, "tcp_retransmit", v{"pid": 50, "tid": 50, "conn": 2, "tcp_state": "established", "segments": 2, "payload_bytes": 2000}),
		at(46, "tcp_retransmit", v{"pid": 50, "tid": 50, "conn": 2, "tcp_state": "established", "segments": 1, "payload_bytes": 500}),
		at(199, "tcp_reset", v{"pid": 51, "tid": 51, "conn": 7, "tcp_state": "established", "reset_from": "remote"}),
		at(20, "tcp_state_change", v{"pid": 50, "tid": 50, "conn": 2, "from_state": "syn_sent", "tcp_state": "established", "state_ns": 20 * ms}),
		at(90, "tcp_state_change", v{"pid": 50, "tid": 50, "conn": 2, "from_state": "established", "tcp_state": "fin_wait1", "state_ns": 70 * ms}),
		at(100, "tcp_close", ends(2, 2, 40001, 80, "active"), curl, moved(1000, 250_000, 80)),
		at(200, "tcp_close", ends(7, 7, 80, 50000, "passive"), web, moved(5, 6, 170), v{"error": 104}),
		at(300, "tcp_close", ends(8, 8, 80, 50001, "passive"), owner(0, ""), moved(0, 0, 1)),
		response(400, 99, 7), // of a connection whose other rows are lost
		at(1000, "tcp_socket", ends(1, 9, 22, 60000, "unknown"), web, moved(700, 800, 1000), v{"tcp_state": "established"}),
	}
	return all
}

func TestTCPLat(t *testing.T) {
	r := run(t, write(t, append(connections(), end)...), "tcplat", analyze.Options{})
	want := []string{
		"50 curl 10.0.0.1 40001 10.0.0.2 80 active <nil> <nil> <nil> 20000000 4 20000000 23000000 200000000 200000000 1000000 5000000 5000000 3000000 3000000 3000000 100 100 300 300 20000000 <nil> <nil> 19000000 2 1000 250000 80000000 closed",
		"50 <nil> <nil> <nil> <nil> <nil> unknown <nil> <nil> <nil> <nil> 1 <nil> 7000000 7000000 7000000 <nil> <nil> <nil> <nil> <nil> <nil> 100 100 <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> unknown",
		"51 nginx 10.0.0.1 22 10.0.0.9 60000 unknown <nil> <nil> <nil> <nil> 0 <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> 20000000 <nil> <nil> 19000000 2 700 800 1000000000 open",
		"50 curl 10.0.0.1 40002 10.0.0.3 81 active <nil> <nil> <nil> 1000000 0 <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> refused",
		"50 curl 10.0.0.1 40003 10.0.0.4 82 active <nil> <nil> <nil> 900000000 0 <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> timed out",
		"50 curl 10.0.0.1 40004 10.0.0.5 83 active <nil> <nil> <nil> 3000000 0 <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> unreachable",
		"50 curl 10.0.0.1 40005 10.0.0.6 84 active <nil> <nil> <nil> 3000000 0 <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> failed",
		"51 nginx 10.0.0.1 80 10.0.0.7 50000 passive <nil> <nil> <nil> <nil> 0 <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> 20000000 <nil> <nil> 19000000 2 5 6 170000000 reset",
		"<nil> <nil> 10.0.0.1 80 10.0.0.8 50001 passive <nil> <nil> <nil> <nil> 0 <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> <nil> 20000000 <nil> <nil> 19000000 2 0 0 1000000 closed",
	}
	var names []string
	for _, c := range r.Columns {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff(want, rows(t, r, names...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A connection with very many responses says that its percentiles are not exact.
func TestManyResponses(t *testing.T) {
	var all []row
	for i := range 20_000 {
		all = append(all, row{at: int64(i), kind: "tcp_response", values: v{"pid": 50, "tid": 50, "conn": 1, "response_ns": i + 1}})
	}
	r := run(t, write(t, append(all, end)...), "tcplat", analyze.Options{})
	if got := column(t, r, "requests")[0]; got != uint64(20_000) {
		t.Errorf("requests %v", got)
	}
	if p99 := column(t, r, "response_p99_ns")[0].(uint64); p99 < 19_720 || p99 > 19_880 {
		t.Errorf("p99 %v, want 19800 within 0.4%%", p99)
	}
	if notes := strings.Join(r.Tables[0].Notes, " "); !strings.Contains(notes, "0.4%") {
		t.Errorf("notes: %q", notes)
	}
}

// Turns without rows of their own count where they belong, as averages.
func TestFoldedTurns(t *testing.T) {
	fold := func(part string, turns, sumMS, largestMS int) row {
		return at(50, "tcp_fold", v{"pid": 50, "tid": 50, "conn": 2, "turn_part": part, "turns": turns, "sum_ns": sumMS * ms, "largest_ns": largestMS * ms, "from_ns": 1 << 20})
	}
	rtt := func(atMS int64, srttMS int) row {
		return at(atMS, "tcp_rtt", v{"pid": 50, "tid": 50, "conn": 2, "srtt_ns": srttMS * ms})
	}
	all := append(connections(), fold("response", 96, 96*30, 0), fold("response", 4, 4*300, 305), fold("ack", 100, 100*20, 21),
		fold("read", 2, 2*7, 8), fold("think", 1, 9, 9), rtt(51, 18), rtt(52, 22), rtt(53, 25), end)
	r := run(t, write(t, all...), "tcplat", analyze.Options{})
	at := slices.Index(column(t, r, "lport"), any(uint64(40001)))
	want := map[string]uint64{
		"requests": 104, "response_max_ns": 305 * ms, "read_max_ns": 8 * ms, "think_max_ns": 9 * ms,
		"srtt_p50_ns": 22 * ms, "srtt_max_ns": 25 * ms, "srtt_ns": 20 * ms,
	}
	for name, want := range want {
		if got := column(t, r, name)[at]; got != want {
			t.Errorf("%s %v, want %d", name, got, want)
		}
	}
	if p50 := column(t, r, "response_p50_ns")[at].(uint64); p50 < 298*ms/10 || p50 > 302*ms/10 {
		t.Errorf("median response %d, want 30 ms within 0.4%%", p50)
	}
	if notes := strings.Join(r.Tables[0].Notes, " "); !strings.Contains(notes, "100 responses were more than --max-turns") {
		t.Errorf("notes: %q", notes)
	}
}
