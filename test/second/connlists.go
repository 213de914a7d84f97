// SPDX-License-Identifier: Apache-2.0

package second

import "strings"

// connNames are the cells that name a connection, from all of its rows in the span
// and before: its ends, and who owned it first by name, last by number.
func (r *recording) connNames(conn uint64) []any {
	row := []any{nil, nil, nil, nil, nil, nil, "unknown", nil}
	for _, e := range r.of("tcp_connect", "tcp_accept", "tcp_close", "tcp_socket") {
		if e.n("conn") != conn {
			continue
		}
		row[0] = e.n("pid")
		if row[1] == nil {
			row[1] = e.s("comm")
		}
		row[2], row[3], row[4], row[5], row[6] = e.s("laddr"), e.n("lport"), e.s("raddr"), e.n("rport"), e.s("direction")
	}
	return row
}

// failures are what errors mean, as far as they are generated.
var failures = map[int64]string{104: "reset", 110: "timed out", 111: "refused", 113: "unreachable"}

// tcpretrans are segments that were sent again.
func tcpretrans(r *recording, _ string) (rows [][]any) {
	for _, e := range r.of("tcp_retransmit") {
		if r.counts(e.at) {
			rows = append(rows, append(append([]any{e.at}, r.connNames(e.n("conn"))...), e.s("tcp_state"), e.n("segments"), e.n("payload_bytes")))
		}
	}
	return rows
}

// tcpconn are connects and accepts.
func tcpconn(r *recording, _ string) (rows [][]any) {
	for _, e := range r.of("tcp_connect", "tcp_accept") {
		if !r.counts(e.at) {
			continue
		}
		row := append([]any{e.at}, r.connNames(e.n("conn"))...)
		if e.kind == "tcp_accept" {
			rows = append(rows, append(row, nil, e.n("accept_ns"), "accepted"))
			continue
		}
		outcome, bad := failures[e.i("error")]
		if !bad {
			outcome = "connected"
		}
		rows = append(rows, append(row, e.n("connect_ns"), nil, outcome))
	}
	return rows
}

// tcplife are connections that ended: closed, or failed to connect.
func tcplife(r *recording, _ string) (rows [][]any) {
	for _, e := range r.of("tcp_close", "tcp_connect") {
		if !r.counts(e.at) || e.kind == "tcp_connect" && e.i("error") == 0 {
			continue
		}
		row := append([]any{e.at}, r.connNames(e.n("conn"))...)
		outcome, bad := failures[e.i("error")]
		if !bad {
			outcome = "closed"
		}
		if !bad && r.aborted(e.n("conn")) {
			outcome = "reset"
		}
		if strings.HasSuffix(e.kind, "connect") {
			rows = append(rows, append(row, nil, nil, e.n("connect_ns"), nil, nil, outcome))
			continue
		}
		rows = append(rows, append(row, e.n("tx_bytes"), e.n("rx_bytes"), e.n("duration_ns"), e.n("retransmits"), e.n("srtt_ns"), outcome))
	}
	return rows
}

// aborted tells whether this side reset a connection.
func (r *recording) aborted(conn uint64) bool {
	for _, e := range r.of("tcp_reset") {
		if e.n("conn") == conn && e.s("reset_from") == "local" {
			return true
		}
	}
	return false
}
