// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/golden"
)

// address is an IPv4-mapped one ending in n.
func address(n byte) []byte {
	return []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, n}
}

// merge adds the values of maps up.
func merge(all ...v) v {
	sum := v{}
	for _, m := range all {
		for k, x := range m {
			sum[k] = x
		}
	}
	return sum
}

// everyKind has a row of each kind, and hostile names.
func everyKind() []row {
	sh := v{"pid": 10, "tid": 10, "ppid": 1, "start": -5_000_000_000, "comm": "sh"}
	evil := v{"pid": 11, "tid": 11, "ppid": 10, "start": 1000, "comm": "\x1b[2J\n=x\xff"}
	kthread := v{"pid": 2, "tid": 2, "ppid": 0, "start": -6_000_000_000, "comm": "kthreadd", "kernel_thread": 1}
	ends := v{"conn": 7, "laddr": address(1), "lport": 40000, "raddr": address(2), "rport": 443, "direction": "active"}
	v6 := v{"conn": 8, "laddr": []byte("\xfd\x00aaaaaaaaaaaaaa"), "lport": 80, "raddr": []byte("\xfd\x00bbbbbbbbbbbbbb"), "rport": 5, "direction": "passive"}
	moved := v{"tx_bytes": 1234, "rx_bytes": 999, "srtt_ns": 20_000_000, "min_rtt_ns": 19_000_000, "retransmits": 3, "duration_ns": 1_500_000_000}
	own := v{"pid": 11, "tid": 11, "comm": "curl"}
	rows := []row{
		{kind: "task", values: merge(sh, v{"total_cpu_ns": 5_000_000, "reason": "snapshot"})},
		{kind: "task", values: merge(kthread, v{"reason": "snapshot"})},
		{kind: "fork", values: merge(evil, v{"comm": "sh"})},
		{kind: "exec", values: merge(evil, v{"filename": "/tmp/\u202egnp.\x1b]0;x\a"})},
		{kind: "thread_start", values: merge(evil, v{"tid": 12})},
		{kind: "sched_switch", values: v{"cpu": 1, "tid": 11, "next_tid": 10, "delay_ns": 12_300, "prev_state": "S", "prev_prio": 120, "next_prio": 255}},
		{kind: "sched_switch", values: v{"cpu": 1, "tid": 10, "next_tid": 0, "prev_state": "R", "prev_prio": 255, "next_prio": 120, "preempted": 1}},
		{kind: "sched_switch", values: v{"cpu": 0, "tid": 99, "next_tid": 2, "prev_state": "D", "prev_prio": 120, "next_prio": 120}},
		{kind: "tcp_connect", values: merge(ends, own, v{"connect_ns": 20_100_000})},
		{kind: "tcp_connect", values: merge(ends, own, v{"conn": 9, "connect_ns": 1_000, "error": 111})},
		{kind: "tcp_accept", values: merge(v6, own, v{"accept_ns": 5_000})},
		{kind: "tcp_response", values: v{"pid": 11, "tid": 11, "conn": 7, "response_ns": 20_300_000}},
		{kind: "tcp_close", values: merge(ends, own, moved)},
		{kind: "tcp_close", values: merge(v6, moved, v{"error": 104, "comm": ""})},
		{kind: "tcp_socket", values: merge(v6, own, moved, v{"direction": "unknown", "tcp_state": "established"})},
		{kind: "open", values: merge(own, v{"path": "etc/pass\nwd", "flags": 0o100002, "fd": 3, "open_ns": 4_200})},
		{kind: "open", values: merge(own, v{"path": "gone", "fd": -1, "error": 2, "open_ns": 900, "cut": 1})},
		{kind: "thread_exit", values: merge(evil, v{"tid": 12, "lifetime_ns": 2_000})},
		{kind: "exit", values: merge(evil, v{"lifetime_ns": 12_300_000, "exit_code": 3})},
		{kind: "exit", values: merge(sh, v{"lifetime_ns": 125_000_000_000, "signal": 9})},
		{kind: "task_sum", values: v{"pid": 11, "tid": 11, "start": 1000, "cpu_time_ns": 1_500_000, "on_cpu_ns": 1_600_000, "voluntary": 3}},
		{kind: "cpu_sum", values: v{"cpu": 1, "idle_ns": 3_000_000_000, "switches": 99}},
		{kind: "loss", values: v{"since": 0, "lost": 12, "loss_source": "tcp", "loss_reason": "ring_full"}},
		{kind: "summary", values: v{"since": 0, "seen": 100, "written": 88, "lost": 12, "own_cpu_ns": 1_000_000, "max_rss_bytes": 20_000_000}},
	}
	for i := range rows {
		rows[i].at = int64(i) * 1_000_500
	}
	return rows
}

// printer is what both printers have in common.
type printer interface {
	Event(replay.Event) error
	Flush() error
}

func printAll(t *testing.T, c *format.Capture, p printer) {
	t.Helper()
	for e, err := range replay.New(c).Events(replay.Select{Tasks: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	c := write(t, everyKind()...)
	p := replay.NewPrinter(&b, c)
	if err := p.Header(); err != nil {
		t.Fatal(err)
	}
	printAll(t, c, p)
	harmless(t, b.String())
	if n := strings.Count(b.String(), "\n"); n != len(everyKind())+1 {
		t.Errorf("%d lines for %d events", n, len(everyKind()))
	}
	golden.Check(t, "testdata/events.txt", b.String())
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	c := write(t, everyKind()...)
	printAll(t, c, replay.NewJSONPrinter(&b, c))
	harmless(t, b.String())
	for line := range strings.Lines(b.String()) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	golden.Check(t, "testdata/events.json", b.String())
}

// harmless checks that there is nothing in s that a terminal would obey.
func harmless(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("output has %U", r)
		}
	}
}
