// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// ahead is a capture by a clock that is so much ahead.
func ahead(ns int64) capture {
	return capture{meta: func(m *format.Metadata) { m.BootOffset += ns }}
}

// wire is how long segments are on their way, and what clocks run apart by in a second.
type wire struct {
	there, back, varies int
	drift               float64
}

// shaken are handshakes as both sides see them, one each 20 ms.
func (w wire) shaken(n int, seed uint64) (client, server []row) {
	random := rand.New(rand.NewPCG(seed, 1))
	on := func(ns int) int { return ns + random.IntN(w.varies+1) }
	for i := range n {
		begun := (i + 1) * 20 * ms
		sent := begun + on(w.there)
		done := sent + on(w.back)
		ended := done + on(w.there)
		apart := func(ns int) int64 { return int64(ns) + int64(float64(ns)*w.drift) }
		client = append(client, row{int64(done), "tcp_connect", merge(ends(i, 2, 40000+i, 80, "active"), owner(7, "client"), v{"connect_ns": done - begun})})
		mirrored := ends(i, 1, 80, 40000+i, "passive")
		mirrored["laddr"], mirrored["raddr"] = ends(i, 2, 0, 0, "active")["raddr"], ends(i, 2, 0, 0, "active")["laddr"]
		server = append(server, row{apart(ended) + 5000, "tcp_accept", merge(mirrored, owner(8, "server"), v{"accept_ns": 5000, "srtt_ns": (ended - sent) / 1000 * 1000})})
	}
	return append(client, end), append(server, end)
}

func aligned(t *testing.T, here, there *format.Capture) (offset, low, high int64, residual, drift uint64) {
	t.Helper()
	r := run(t, here, "tcplat", analyze.Options{Other: there, Align: true})
	i := slices.IndexFunc(r.Tables, func(t analyze.Table) bool { return t.Title == "Clocks" })
	row := r.Tables[i].Rows[0]
	return row[1].(int64), row[2].(int64), row[3].(int64), row[4].(uint64), row[5].(uint64)
}

// Clocks that are up to 10 s apart are aligned within half of the least round trip,
// and the truth is within the bounds, whichever capture comes first.
func TestClocksAreAligned(t *testing.T) {
	for _, w := range []wire{{5 * ms, 5 * ms, 0, 0}, {1 * ms, 9 * ms, 0, 0}, {9 * ms, 1 * ms, 3 * ms, 0}, {100_000, 100_000, 400_000, 0}} {
		for i, offset := range []int64{0, 10_000 * ms, -10_000 * ms, 3 * ms, -1} {
			client, server := w.shaken(20, uint64(i))
			here, there := ahead(0).write(t, client...), ahead(offset).write(t, server...)
			half := int64(w.there+w.back+2*w.varies) / 2
			if w.varies == 0 {
				half = int64(w.there+w.back)/2 + 60_000 // and what rows are later than the kernel's measure
			}
			for _, sign := range []int64{1, -1} {
				got, low, high, residual, drift := aligned(t, here, there)
				if truth := sign * offset; got < truth-half || got > truth+half || low > truth || high < truth || drift != 0 {
					t.Errorf("%+v: %d between %d and %d, drift %d, want %d within %d", w, got, low, high, drift, truth, half)
				}
				if residual > uint64(half+1) || got-low > int64(residual) || high-got > int64(residual) {
					t.Errorf("%+v: %d between %d and %d is said to be true within %d", w, got, low, high, residual)
				}
				here, there = there, here
			}
		}
	}
}

// Without being asked to, it says that clocks disagree, and only then.
func TestClocksThatDisagree(t *testing.T) {
	client, server := wire{5 * ms, 5 * ms, 0, 0}.shaken(3, 1)
	for offset, want := range map[int64]bool{0: false, 3 * ms: false, 8 * ms: true, -8 * ms: true} {
		r := run(t, ahead(0).write(t, client...), "tcplat", analyze.Options{Other: ahead(offset).write(t, server...)})
		table := r.Tables[len(r.Tables)-1]
		if got := strings.Contains(fmt.Sprint(table.Notes), "clocks disagree"); got != want || table.Title != "Both ends" {
			t.Errorf("%d ns apart: %q", offset, table.Notes)
		}
	}
}

// Clocks that run apart have bounds of all times.
func TestClocksThatRunApart(t *testing.T) {
	client, server := wire{100_000, 100_000, 0, 0.01}.shaken(40, 1)
	_, low, high, _, drift := aligned(t, ahead(0).write(t, client...), ahead(0).write(t, server...))
	if drift == 0 || low > 20*ms/100 || high < 800*ms/100 {
		t.Errorf("between %d and %d, drift %d", low, high, drift)
	}
}

// Nothing tells what clocks differ by where no handshake is in both.
func TestClocksThatNothingTellsOf(t *testing.T) {
	client, server := wire{5 * ms, 5 * ms, 0, 0}.shaken(2, 1)
	twice := append(slices.Clone(server[:2]), row{server[1].at + ms, "tcp_accept", merge(server[0].values, v{"conn": 77})}, row{server[1].at + ms, "tcp_accept", merge(server[1].values, v{"conn": 78})}, end)
	unmeasured := []row{{server[0].at, "tcp_accept", merge(server[0].values, v{"srtt_ns": 0})}, end}
	a, _ := analyze.Find("tcplat")
	for name, rows := range map[string][]row{"none": {end}, "which of two": twice, "no round trip": unmeasured, "from before time": {{server[0].at, "tcp_accept", merge(server[0].values, v{"accept_ns": uint64(1) << 63})}, end}} {
		_, err := analyze.Run(t.Context(), write(t, client...), a, analyze.Options{Other: write(t, rows...), Align: true})
		var unknown *analyze.ClocksError
		if !errors.As(err, &unknown) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Real handshakes of two namespaces, of which one gets another clock: each is within the
// bounds, and half the least round trip of where it is.
func TestRealClocksAreAligned(t *testing.T) {
	c, err := format.Open("../testdata/tcp/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var sides [2][]row
	least := uint64(1 << 62)
	num := func(e replay.Event, name string) uint64 { return e.Uint(c.Col(name)) }
	for e, err := range replay.New(c).Events(replay.Select{}) {
		if err != nil {
			t.Fatal(err)
		}
		values := v{}
		switch e.Kind().Name {
		case "tcp_connect":
			values["connect_ns"], values["error"] = num(e, "connect_ns"), e.Int(c.Col("error"))
		case "tcp_accept":
			values["accept_ns"], values["srtt_ns"] = num(e, "accept_ns"), num(e, "srtt_ns")
		case "tcp_close":
			if rtt := num(e, "min_rtt_ns"); rtt > 0 {
				least = min(least, rtt)
			}
			continue
		default:
			continue
		}
		for _, name := range []string{"laddr", "raddr"} {
			addr := netip.MustParseAddr(e.Str(c.Col(name))).As16()
			values[name] = addr[:]
		}
		for _, name := range []string{"lport", "rport", "conn"} {
			values[name] = num(e, name)
		}
		values["direction"] = e.Str(c.Col("direction"))
		side := 0
		if e.Kind().Name == "tcp_accept" {
			side = 1
		}
		sides[side] = append(sides[side], row{e.Time() - c.Meta().Start.UnixNano(), e.Kind().Name, merge(values, owner(int(e.PID()), e.Str(c.Col("comm"))))})
	}
	for _, offset := range []int64{0, 10_000 * ms, -7_000 * ms} {
		last := row{3000 * ms, end.kind, end.values}
		got, low, high, _, drift := aligned(t, ahead(0).write(t, append(slices.Clone(sides[0]), last)...), ahead(offset).write(t, append(slices.Clone(sides[1]), last)...))
		if off := max(got-offset, offset-got); off > int64(least/2) || low > offset || high < offset || drift != 0 {
			t.Errorf("%d between %d and %d, want %d within %d", got, low, high, offset, least/2)
		}
	}
}
