// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLargeTurns has a request and an answer of more bytes than a sequence number
// counts, of exactly as many as it counts, and of half as many and more, which a
// difference of two takes for less than nothing.
func TestLargeTurns(t *testing.T) {
	for _, bytes := range []string{"4500000000", "4294967296", "2500000000"} {
		t.Run(bytes, func(t *testing.T) {
			r := record(t, []string{"-e", "tcp,tcpturns"}, "large", "--bytes", bytes)
			checkLarge(t, r)
		})
	}
}

// turnSizes are the bytes of turns by connection, and conns the connections by local port.
func turnSizes(t *testing.T, trace string) (sent, read map[int64][]int64, conns map[int64]int64) {
	t.Helper()
	sent, read, conns = map[int64][]int64{}, map[int64][]int64{}, map[int64]int64{}
	for _, row := range replayRows(t, trace, "tcp_response") {
		conn := row.int(t, "conn")
		sent[conn] = append(sent[conn], row.int(t, "turn_tx_bytes"))
	}
	for _, row := range replayRows(t, trace, "tcp_reply") {
		conn := row.int(t, "conn")
		read[conn] = append(read[conn], row.int(t, "turn_rx_bytes"))
	}
	for _, row := range replayRows(t, trace, "tcp_close") {
		conns[row.int(t, "lport")<<16|row.int(t, "rport")] = row.int(t, "conn")
	}
	return sent, read, conns
}

// TestZeroCopy has answers by sendfile, by splice and by MSG_ZEROCOPY.
func TestZeroCopy(t *testing.T) {
	checkZeroCopy(t, record(t, []string{"-e", "process,tcp,tcpturns"}, "zerocopy"))
}

// checkZeroCopy wants the turns of both ends to be those of the workload. The last answer
// has none itself.
func checkZeroCopy(t *testing.T, r recording) {
	t.Helper()
	const turns, request, answer = 5, 100, 2_000_000
	sent, read, conns := turnSizes(t, r.trace)
	if len(r.truth.TCP) != 6 {
		t.Fatalf("%d ends, want 6", len(r.truth.TCP))
	}
	for i, want := range r.truth.TCP {
		conn := conns[int64(want.LPort)<<16|int64(want.RPort)]
		wantSent, wantRead := slices.Repeat([]int64{request}, turns), slices.Repeat([]int64{answer}, turns-1)
		if want.Side == "server" {
			wantSent, wantRead = slices.Repeat([]int64{answer}, turns-1), slices.Repeat([]int64{request}, turns)
		}
		if diff := cmp.Diff(wantSent, sent[conn]); diff != "" {
			t.Errorf("%s of way %d: turns that were answered (-want +got):\n%s", want.Side, i/2, diff)
		}
		if diff := cmp.Diff(wantRead, read[conn]); diff != "" {
			t.Errorf("%s of way %d: read before it sent (-want +got):\n%s", want.Side, i/2, diff)
		}
	}
}

// checkLarge wants both ends to have turns of the bytes that were moved.
func checkLarge(t *testing.T, r recording) {
	t.Helper()
	top := analyze(t, "tcptop", r.trace, "--by", "connection")
	sizesSent, sizesRead, conns := turnSizes(t, r.trace)
	for _, want := range r.truth.TCP {
		if row := findConn(t, top, want); row != nil {
			for column, n := range map[string]int64{"tx_bytes": want.TxBytes, "rx_bytes": want.RxBytes} {
				if got := row.int(t, column); got != n {
					t.Errorf("%s: %s %d, want %d", want.Side, column, got, n)
				}
			}
		}
		bytes := want.TxBytes - 1 // it sent so many and one, the client one more
		sent, read := []int64{1, bytes}, []int64{bytes, 1}
		if want.Side == "client" {
			bytes = want.RxBytes - 1
			sent, read = []int64{bytes, 1}, []int64{1, bytes}
		}
		conn := conns[int64(want.LPort)<<16|int64(want.RPort)]
		if diff := cmp.Diff(sent, sizesSent[conn]); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", want.Side, diff)
		}
		if diff := cmp.Diff(read, sizesRead[conn]); diff != "" {
			t.Errorf("%s: read before it sent (-want +got):\n%s", want.Side, diff)
		}
	}
}
