// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// A shape is how the lines of one kind look: the EVENT and what follows PPID.
type shape struct {
	label  string
	detail func(*Printer, Event) string
}

// shapes by kind; a kind without one prints all its columns, see other.
var shapes = map[string]shape{
	"exec":             {"EXEC", func(p *Printer, e Event) string { return p.bounded(e, "filename") }},
	"exit":             {"EXIT", exitDetail},
	"fork":             {"FORK", nothing},
	"thread_start":     {"THREAD", threadDetail},
	"thread_exit":      {"TEXIT", threadDetail},
	"sched_switch":     {"SWITCH", switchDetail},
	"sched_waking":     {"WAKING", wakingDetail},
	"tcp_connect":      {"CONNECT", connectDetail},
	"tcp_accept":       {"ACCEPT", acceptDetail},
	"tcp_response":     {"RESPONSE", responseDetail},
	"tcp_read":         {"READ", func(p *Printer, e Event) string { return turnDetail(p, e, "read_ns") }},
	"tcp_reply":        {"REPLY", func(p *Printer, e Event) string { return turnDetail(p, e, "think_ns") }},
	"tcp_fold":         {"TURNS", foldDetail},
	"tcp_rtt":          {"RTT", rttDetail},
	"tcp_retransmit":   {"RETRANS", retransmitDetail},
	"tcp_state_change": {"STATE", stateDetail},
	"tcp_reset":        {"RESET", resetDetail},
	"tcp_close":        {"CLOSE", closeDetail},
	"tcp_socket":       {"SOCKET", socketDetail},
	"open":             {"OPEN", openDetail},
	"loss":             {"LOSS", lossDetail},
}

func nothing(*Printer, Event) string { return "" }

func exitDetail(p *Printer, e Event) string {
	how := fmt.Sprint(p.uint(e, "exit_code"))
	if n := p.uint(e, "signal"); n != 0 {
		how = fmt.Sprint("signal ", n)
	}
	return fmt.Sprintf("[%s] (%s)", how, p.dur(e, "lifetime_ns"))
}

func threadDetail(p *Printer, e Event) string {
	s := fmt.Sprint("thread ", e.TID())
	if p.has(e, "lifetime_ns") {
		s += fmt.Sprintf(" (%s)", p.dur(e, "lifetime_ns"))
	}
	return s
}

// switchDetail names both tasks. The wait is that of the task that leaves: it
// came before the slice that ends here.
func switchDetail(p *Printer, e Event) string {
	next := uint32(p.uint(e, "next_tid"))
	s := fmt.Sprintf("[%03d] %s/%d [%d] %s ==> %s/%d [%d]", e.CPU(),
		p.name(e, e.TID()), e.TID(), Priority(p.uint(e, "prev_prio")), p.str(e, "prev_state"),
		p.name(e, next), next, Priority(p.uint(e, "next_prio")))
	if p.uint(e, "delay_ns") == 0 {
		return s
	}
	return s + fmt.Sprintf(" (%d had waited %s)", e.TID(), p.dur(e, "delay_ns"))
}

func wakingDetail(p *Printer, e Event) string {
	woken := uint32(p.uint(e, "woken_tid"))
	return fmt.Sprintf("[%03d] %s/%d --> %s/%d", e.CPU(), p.name(e, e.TID()), e.TID(), p.name(e, woken), woken)
}

func endpoints(p *Printer, e Event, arrow string) string {
	return endpoint(p, e, "laddr", "lport") + " " + arrow + " " + endpoint(p, e, "raddr", "rport")
}

func endpoint(p *Printer, e Event, addr, port string) string {
	text, n := e.Str(p.capture.Col(addr)), uint16(p.uint(e, port))
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, n).String()
	}
	return fmt.Sprintf("%s:%d", Clean(text), n)
}

func connectDetail(p *Printer, e Event) string {
	if name := p.errno(e); name != "" {
		return fmt.Sprintf("%s %s (after %s)", endpoints(p, e, "->"), name, p.dur(e, "connect_ns"))
	}
	return fmt.Sprintf("%s (%s)", endpoints(p, e, "->"), p.dur(e, "connect_ns"))
}

func acceptDetail(p *Printer, e Event) string {
	return fmt.Sprintf("%s (first used after %s)", endpoints(p, e, "<-"), p.dur(e, "accept_ns"))
}

func responseDetail(p *Printer, e Event) string {
	s := turnDetail(p, e, "response_ns")
	if p.uint(e, "ack_ns") > 0 {
		s += fmt.Sprintf(" acknowledged after %s", p.dur(e, "ack_ns"))
	}
	return s
}

func turnDetail(p *Printer, e Event, column string) string {
	return fmt.Sprintf("connection %d (%s)", p.uint(e, "conn"), p.dur(e, column))
}

func foldDetail(p *Printer, e Event) string {
	return fmt.Sprintf("connection %d %s: %d from %s", p.uint(e, "conn"), p.str(e, "turn_part"), p.uint(e, "turns"), p.dur(e, "from_ns"))
}

func rttDetail(p *Printer, e Event) string {
	return fmt.Sprintf("connection %d (srtt %s, least %s)", p.uint(e, "conn"), p.dur(e, "srtt_ns"), p.dur(e, "min_rtt_ns"))
}

func retransmitDetail(p *Printer, e Event) string {
	return fmt.Sprintf("connection %d %s: %d segments, %s", p.uint(e, "conn"), p.str(e, "tcp_state"), p.uint(e, "segments"), brief(Bytes(p.uint(e, "payload_bytes"))))
}

func stateDetail(p *Printer, e Event) string {
	return fmt.Sprintf("connection %d %s --> %s (%s)", p.uint(e, "conn"), p.str(e, "from_state"), p.str(e, "tcp_state"), p.dur(e, "state_ns"))
}

func resetDetail(p *Printer, e Event) string {
	return fmt.Sprintf("connection %d %s by the %s side", p.uint(e, "conn"), p.str(e, "tcp_state"), p.str(e, "reset_from"))
}

func closeDetail(p *Printer, e Event) string {
	return connection(p, e) + fmt.Sprintf(" (%s)", p.dur(e, "duration_ns"))
}

func socketDetail(p *Printer, e Event) string {
	return connection(p, e) + " " + p.str(e, "tcp_state")
}

// connection is what the kernel counted of a connection.
func connection(p *Printer, e Event) string {
	arrow := map[string]string{"active": "->", "passive": "<-"}[p.str(e, "direction")]
	if arrow == "" {
		arrow = "<->"
	}
	s := fmt.Sprintf("%s sent %s received %s rtt %s retransmits %d", endpoints(p, e, arrow),
		brief(Bytes(p.uint(e, "tx_bytes"))), brief(Bytes(p.uint(e, "rx_bytes"))),
		p.dur(e, "srtt_ns"), p.uint(e, "retransmits"))
	if name := p.errno(e); name != "" {
		s += " " + name
	}
	return s
}

func openDetail(p *Printer, e Event) string {
	path := p.bounded(e, "path")
	result := fmt.Sprint("fd ", e.Int(p.capture.Col("fd")))
	if name := p.errno(e); name != "" {
		result = name
	}
	return fmt.Sprintf("%s flags %#o %s (%s)", path, p.uint(e, "flags"), result, p.dur(e, "open_ns"))
}

func lossDetail(p *Printer, e Event) string {
	return fmt.Sprintf("%d %s events lost since %s: %s", p.uint(e, "lost"), p.str(e, "loss_source"),
		clock(e.Int(p.capture.Col("since")), p.zone), p.str(e, "loss_reason"))
}

// shown are the columns that a line has in front of its detail.
var shown = []string{format.ColumnTime, format.ColumnKind, format.ColumnPID, "comm", "ppid"}

// other is every column with its name: what a kind without a shape prints.
func other(p *Printer, e Event) string {
	var parts []string
	fields := e.Kind().Fields
	for i := range fields {
		f := &fields[i]
		if c := p.capture.Col(f.Name); !slices.Contains(shown, f.Name) && !e.Null(c) {
			parts = append(parts, Clean(f.Name)+"="+p.value(e, f, c))
		}
	}
	return strings.Join(parts, " ")
}

func (p *Printer) value(e Event, f *format.Field, c format.Col) string {
	switch {
	case f.Type == format.Timestamp:
		return clock(e.Int(c), p.zone)
	case f.Type == format.String || f.Type == format.Address || f.Type == format.Enum:
		return Clean(e.Str(c))
	case f.Type == format.Int32 || f.Type == format.Int64:
		return fmt.Sprint(e.Int(c))
	case f.Unit == "ns":
		return brief(Duration(e.Uint(c)))
	case f.Unit == "bytes":
		return brief(Bytes(e.Uint(c)))
	}
	return fmt.Sprint(e.Uint(c))
}
