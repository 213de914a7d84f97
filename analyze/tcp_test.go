// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
	"github.com/ebrec/ebrec/test/golden"
)

// tables are all rows of an analysis of connections, table by table.
func tables(t *testing.T, r *analyze.Result) (lines []string) {
	t.Helper()
	for i := range r.Tables {
		lines = append(lines, "= "+r.Tables[i].Title)
		for _, row := range r.Tables[i].Rows {
			var cells []string
			for j, v := range row {
				if r.Tables[i].Columns[j].Unit == "ns since epoch" {
					v = fmt.Sprint((v.(int64)-r.Capture.Start.UnixNano())/ms, "ms")
				}
				if v != nil {
					cells = append(cells, r.Tables[i].Columns[j].Name+"="+fmt.Sprint(v))
				}
			}
			lines = append(lines, strings.Join(cells, " "))
		}
	}
	return lines
}

// The same connections, as each analysis and grouping has them.
func TestConnectionTables(t *testing.T) {
	c := write(t, append(connections(), end)...)
	for _, tt := range []struct{ name, by string }{
		{"tcplife", ""}, {"tcpconn", ""}, {"tcptop", ""}, {"tcptop", "connection"}, {"tcptop", "port"}, {"tcpretrans", ""}, {"tcpstates", ""}, {"tcplat", "process"}, {"tcplat", "remote"}, {"tcplat", "port"},
	} {
		t.Run(tt.name+" "+tt.by, func(t *testing.T) {
			got := tables(t, run(t, c, tt.name, analyze.Options{By: tt.by}))
			golden.Check(t, "testdata/by/"+tt.name+"."+cmp.Or(tt.by, "all"), strings.Join(got, "\n")+"\n")
		})
	}
}

// What a reader did between the arrival of bytes and the read: it was woken,
// waited for a CPU, and was on one.
func TestTurnsWithSwitches(t *testing.T) {
	hop := func(atMS int64, tid, next, delayMS int, preempted int) row {
		return at(atMS, "sched_switch", v{"cpu": 0, "tid": tid, "next_tid": next, "delay_ns": delayMS * ms, "preempted": preempted, "prev_state": "S"})
	}
	read := func(atMS int64, readMS int) row {
		return at(atMS, "tcp_read", v{"pid": 60, "tid": 60, "conn": 1, "read_ns": readMS * ms})
	}
	c := write(t,
		at(1, "tcp_connect", ends(1, 2, 40001, 80, "active"), owner(60, "curl"), v{"connect_ns": ms}),
		hop(2, 60, 61, 0, 0),
		at(10, "tcp_response", v{"pid": 60, "tid": 60, "conn": 1, "response_ns": 30 * ms}),
		hop(17, 61, 60, 0, 1),
		read(18, 8), // arrived at 10, woken at 11, on a CPU at 17
		read(19, 1), // arrived while it was on the CPU
		hop(20, 60, 61, 6, 0),
		hop(24, 61, 60, 0, 1),
		read(25, 3), // arrived at 22; it waits since before
		hop(26, 60, 61, 5, 0),
		hop(28, 61, 60, 0, 1),
		read(29, 2), // it is on the CPU at the end: its wait is not known
		at(30, "tcp_close", ends(1, 2, 40001, 80, "active"), owner(60, "curl"), moved(100, 100, 30)),
		end)
	got := tables(t, run(t, c, "tcplat", analyze.Options{}))
	// 19 of the 30 ms are the least round trip. The reads: 1 + 6 + 1, then 1, then
	// 2 of waiting and 1, then 2.
	want := "pid=60 comm=curl laddr=10.0.0.1 lport=40001 raddr=10.0.0.2 rport=80 direction=active turns=4 network_ns=19000000 peer_ns=11000000 waking_ns=1000000 run_queue_ns=8000000 application_ns=5000000 verdict=network"
	if i := slices.Index(got, "= Where the time went"); got[i+1] != want {
		t.Errorf("%s, want\n%s", got[i+1], want)
	}
}

// Two captures, of either end: what the server says of its part leaves the network.
func TestBothEnds(t *testing.T) {
	mirrored := func(conn, lport, rport int) v {
		e := ends(conn, 1, lport, rport, "passive")
		e["laddr"], e["raddr"] = ends(0, 2, 0, 0, "")["raddr"], ends(0, 2, 0, 0, "")["laddr"]
		return e
	}
	client := write(t,
		at(1, "tcp_connect", ends(1, 2, 40001, 80, "active"), owner(60, "curl"), v{"connect_ns": ms}),
		at(2, "tcp_connect", ends(2, 2, 40002, 80, "active"), owner(60, "curl"), v{"connect_ns": ms}),
		at(50, "tcp_response", v{"pid": 60, "tid": 60, "conn": 1, "response_ns": 30 * ms}),
		at(51, "tcp_read", v{"pid": 60, "tid": 60, "conn": 1, "read_ns": 1 * ms}),
		at(90, "tcp_response", v{"pid": 60, "tid": 60, "conn": 1, "response_ns": 40 * ms}),
		at(93, "tcp_read", v{"pid": 60, "tid": 60, "conn": 1, "read_ns": 3 * ms}),
		at(95, "tcp_response", v{"pid": 60, "tid": 60, "conn": 2, "response_ns": 1 * ms}),
		end)
	server := write(t,
		at(11, "tcp_accept", mirrored(7, 80, 40001), owner(70, "nginx"), v{"accept_ns": ms}),
		at(31, "tcp_read", v{"pid": 70, "tid": 70, "conn": 7, "read_ns": 2 * ms}),
		at(40, "tcp_reply", v{"pid": 70, "tid": 70, "conn": 7, "think_ns": 6 * ms}),
		at(71, "tcp_read", v{"pid": 70, "tid": 70, "conn": 7, "read_ns": 4 * ms}),
		at(80, "tcp_reply", v{"pid": 70, "tid": 70, "conn": 7, "think_ns": 8 * ms}),
		end)
	want := []string{"= Both ends", "pid=60 comm=curl laddr=10.0.0.1 lport=40001 raddr=10.0.0.2 rport=80 direction=active server_pid=70 server_comm=nginx turns=2 " +
		"response_average_ns=35000000 network_average_ns=25000000 server_read_average_ns=3000000 server_think_average_ns=7000000 client_read_average_ns=2000000"}
	for _, order := range [][2]*format.Capture{{client, server}, {server, client}} {
		r := run(t, order[0], "tcplat", analyze.Options{Other: order[1]})
		got := tables(t, r)
		if got := got[len(got)-2:]; !slices.Equal(got, want) {
			t.Errorf("%s, want\n%s", got, want)
		}
		if notes := r.Tables[len(r.Tables)-1].Notes; len(notes) != 1 || !strings.HasPrefix(notes[0], "1 connections that one side opened") {
			t.Errorf("notes %q", notes)
		}
	}
	a, err := analyze.Find("cputime")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := analyze.Run(t.Context(), client, a, analyze.Options{Other: server}); err == nil {
		t.Error("cputime takes two captures")
	}
}

// Addresses and ports that are used again: which end is whose tells the time.
func TestBothEndsOfReusedPorts(t *testing.T) {
	opened := func(atMS int64, conn int, more v) []row {
		return []row{
			at(atMS, "tcp_connect", ends(conn, 2, 40001, 80, "active"), owner(60, "curl"), v{"connect_ns": ms}),
			at(atMS+10, "tcp_response", v{"pid": 60, "tid": 60, "conn": conn, "response_ns": conn * ms}),
			at(atMS+20, "tcp_close", ends(conn, 2, 40001, 80, "active"), owner(60, "curl"), moved(100, 100, 20), more),
		}
	}
	accepted := func(atMS int64, conn int) row {
		e := merge(ends(conn, 1, 80, 40001, "passive"), owner(70, "nginx"))
		e["laddr"], e["raddr"] = ends(0, 2, 0, 0, "")["raddr"], ends(0, 2, 0, 0, "")["laddr"]
		return at(atMS, "tcp_accept", e, v{"accept_ns": 0})
	}
	read := func(atMS int64, conn int) row {
		return at(atMS, "tcp_read", v{"pid": 70, "tid": 70, "conn": conn, "read_ns": conn * 1000})
	}
	client := write(t, slices.Concat(opened(1, 1, nil), opened(2000, 2, nil), opened(4000, 3, nil), []row{end})...)
	// The server's was begun later, and has a fourth that the client's has not.
	server := write(t, accepted(2001, 12), read(2002, 12), accepted(4001, 13), read(4002, 13), accepted(7000, 14), read(7001, 14), end)
	got := map[uint64]uint64{}
	r := run(t, client, "tcplat", analyze.Options{Other: server})
	both := r.Tables[len(r.Tables)-1]
	index := func(name string) int {
		return slices.IndexFunc(both.Columns, func(c analyze.ColumnSpec) bool { return c.Name == name })
	}
	for _, row := range both.Rows {
		got[row[index("response_average_ns")].(uint64)/ms] = row[index("server_read_average_ns")].(uint64) / 1000
	}
	if want := map[uint64]uint64{2: 12, 3: 13}; !maps.Equal(got, want) {
		t.Errorf("the server's connections by the client's: %v, want %v", got, want)
	}
	if len(both.Notes) != 1 || !strings.HasPrefix(both.Notes[0], "1 connections that one side opened") {
		t.Errorf("notes %q", both.Notes)
	}
}

// Rows that tell nothing but their kind, as another program may write them, are no
// reason to fail.
func TestNothingButKinds(t *testing.T) {
	c, err := format.Open(blank(t, write(t, append(machine(), connections()...)...)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, a := range analyze.All {
		for _, by := range append([]string{""}, a.By...) {
			r, err := analyze.Run(t.Context(), c, a, analyze.Options{By: by})
			if err != nil {
				t.Errorf("%s by %q: %v", a.Name, by, err)
				continue
			}
			for i := range r.Tables[0].Rows {
				if len(r.Tables[0].Rows[i]) != len(r.Tables[0].Columns) {
					t.Errorf("%s by %q: row %d has %d cells", a.Name, by, i, len(r.Tables[0].Rows[i]))
				}
			}
			render(t, r, "text")
		}
	}
	run(t, c, "tcplat", analyze.Options{Other: c})
}

// blank writes a capture again with nulls in all columns but those that make it one.
func blank(t *testing.T, c *format.Capture) string {
	t.Helper()
	data, err := os.ReadFile(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "blank.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(r.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		columns := slices.Clone(rec.Columns())
		for j, f := range r.Schema().Fields() {
			if _, named := f.Type.(*arrow.DictionaryType); !named && f.Name != "time" && f.Name != "metadata" {
				columns[j] = array.MakeArrayOfNull(memory.DefaultAllocator, f.Type, int(rec.NumRows()))
			}
		}
		if err := w.Write(array.NewRecord(r.Schema(), columns, rec.NumRows())); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a connection had carried before the recording, or before the span, is never
// counted: where it is not known there are bounds.
func TestTCPTopCountsWhatItWasAskedFor(t *testing.T) {
	bytes := func(tx, durationMS int) v {
		return v{"tx_bytes": tx, "rx_bytes": 0, "duration_ns": durationMS * ms}
	}
	web := owner(51, "nginx")
	listed := ends(1, 9, 22, 60001, "unknown")
	c := write(t,
		at(2, "tcp_socket", listed, web, bytes(50_000_000, 0), v{"tcp_state": "established"}),
		at(3, "clock", v{"wall_offset_ns": 1, "uncertainty_ns": 1}),
		at(10, "tcp_accept", ends(2, 9, 22, 60002, "passive"), web, v{"accept_ns": 0}), // within the recording
		at(600, "tcp_accept", ends(3, 9, 22, 60003, "passive"), web, v{"accept_ns": 0}),
		at(900, "tcp_close", listed, web, bytes(50_001_000, 898)),
		at(910, "tcp_close", ends(2, 9, 22, 60002, "passive"), web, bytes(2000, 900)),
		at(920, "tcp_close", ends(3, 9, 22, 60003, "passive"), web, bytes(300, 320)),
		at(930, "tcp_close", ends(4, 9, 22, 60004, "unknown"), web, bytes(7000, 400)), // older, and not listed
		end)
	start := c.Meta().Start.UnixNano()
	for _, tt := range []struct {
		name     string
		from, to int64 // ms
		want     map[uint64]string
	}{
		{"all", 0, 0, map[uint64]string{60001: "1000 1000 1000", 60002: "2000 2000 2000", 60003: "300 300 300", 60004: "<nil> 0 7000"}},
		{"from 500 ms", 500, 0, map[uint64]string{60001: "<nil> 0 1000", 60002: "<nil> 0 2000", 60003: "300 300 300", 60004: "<nil> 0 7000"}},
		{"to 700 ms", 0, 700, map[uint64]string{60001: "<nil> 0 <nil>", 60002: "<nil> 0 <nil>", 60003: "<nil> 0 <nil>"}},
		{"from 950 ms", 950, 0, map[uint64]string{}},
	} {
		o := analyze.Options{By: "connection"}
		if tt.from > 0 {
			o.From = start + tt.from*ms
		}
		if tt.to > 0 {
			o.To = start + tt.to*ms
		}
		r := run(t, c, "tcptop", o)
		got := map[uint64]string{}
		total, least, most := column(t, r, "total_bytes"), column(t, r, "total_min_bytes"), column(t, r, "total_max_bytes")
		for i, port := range column(t, r, "rport") {
			got[port.(uint64)] = fmt.Sprint(total[i], least[i], most[i])
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	all := run(t, c, "tcptop", analyze.Options{})
	if got := fmt.Sprint(column(t, all, "total_bytes"), column(t, all, "total_min_bytes"), column(t, all, "total_max_bytes")); got != "[<nil>] [3300] [10300]" {
		t.Errorf("of the process: %s", got)
	}
}

// A slice says of connections what the same span of the whole does, whatever else
// came before it: a listing as a further file began, and those at either end.
func TestSliceKnowsWhatConnectionsHadCarried(t *testing.T) {
	bytes := func(tx, durationMS int) v {
		return v{"tx_bytes": tx, "rx_bytes": 0, "duration_ns": durationMS * ms}
	}
	web, open := owner(51, "nginx"), v{"tcp_state": "established"}
	one, other := ends(1, 9, 22, 60001, "passive"), ends(2, 9, 22, 60002, "unknown")
	path := capture{}.save(t, filepath.Join(t.TempDir(), "conns.arrow"),
		at(3, "clock", v{"wall_offset_ns": 1, "uncertainty_ns": 1}),
		at(10, "tcp_accept", one, web, v{"accept_ns": 0}),
		at(300, "tcp_socket", one, web, bytes(1000, 290), open),
		at(310, "tcp_retransmit", v{"pid": 51, "tid": 51, "conn": 1, "tcp_state": "established", "segments": 2, "payload_bytes": 2000}),
		at(900, "tcp_close", one, web, bytes(5000, 890)),
		at(970, "tcp_socket", other, web, bytes(7000, 400), open), // met at 570 ms, older than the recording
		at(990, "clock", v{"wall_offset_ns": 1, "uncertainty_ns": 1}),
		end)
	c := capturetest.Open(t, path)
	known := 0
	for from := int64(0); from < 1000; from += 50 {
		o := analyze.Options{By: "connection", From: begin.UnixNano() + from*ms}
		whole := run(t, c, "tcptop", o)
		got := run(t, sliced(t, path, replay.Slice{From: o.From}), "tcptop", analyze.Options{By: "connection"})
		if diff := gocmp.Diff(tables(t, whole), tables(t, got)); diff != "" {
			t.Errorf("from %d ms (-whole +slice):\n%s", from, diff)
		}
		for i, total := range column(t, whole, "total_bytes") {
			switch port := column(t, whole, "rport")[i]; {
			case total == nil:
			case port == uint64(60001) && from >= 300 && total == uint64(4000):
				known++
			case port != uint64(60001) || total != uint64(5000) || from > 10:
				t.Errorf("from %d ms: %v of port %v", from, total, port)
			}
		}
	}
	if known != 6 {
		t.Errorf("%d spans begin soon enough behind the listing, want 6", known)
	}
}

// Rows of connections of which nothing tells whose they are make none: a filter left
// them out.
func TestNamelessConnections(t *testing.T) {
	c := write(t,
		at(10, "tcp_state_change", v{"conn": 1, "from_state": "syn_recv", "tcp_state": "established"}),
		at(11, "tcp_reset", v{"conn": 1, "tcp_state": "established", "reset_from": "remote"}),
		at(20, "tcp_connect", ends(2, 2, 40001, 80, "active"), owner(60, "curl"), v{"connect_ns": ms}),
		end)
	for name, want := range map[string]int{"tcplat": 1, "tcptop": 1, "tcplife": 0} {
		r := run(t, c, name, analyze.Options{By: map[bool]string{true: "connection"}[name == "tcptop"]})
		if got := len(r.Tables[0].Rows); got != want {
			t.Errorf("%s: %d connections, want %d", name, got, want)
		}
		if notes := strings.Join(r.Tables[0].Notes, " "); name == "tcplat" && !strings.Contains(notes, "1 connections are left out") {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
}
