// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

type values = map[string]any

// row is one of a capture that a test makes.
type row struct {
	kind   string
	values values
}

// writeCapture makes a capture of rows.
func writeCapture(t *testing.T, path string, meta *format.Metadata, rows []row) {
	t.Helper()
	kinds, byName := capturetest.Kinds(t)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := format.NewWriter(f, meta, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		raw, err := byName[r.kind].Encode(r.values)
		if err == nil {
			err = w.Add(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// chance makes rows by chance, several of one instant among them.
type chance struct {
	*rand.Rand
	now  int64 // boot time, ns
	rows []row
}

const chanceBoot = int64(100e9)

// madeOn is the metadata of a capture that a test makes.
func madeOn(host string) *format.Metadata {
	start := time.Unix(1_700_000_000, 0).UTC()
	return &format.Metadata{Host: host, CPUs: 3, Start: start, BootOffset: start.UnixNano() - chanceBoot, Sources: bpf.Sources()}
}

// randomCaptures are captures in which everything may follow everything.
func randomCaptures(t *testing.T, dir, name string, rows int, add func(*chance)) (all []string) {
	t.Helper()
	for seed := range 12 {
		c := &chance{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), now: chanceBoot}
		for range rows {
			c.now += int64(c.IntN(3) * c.IntN(400))
			add(c)
		}
		meta := madeOn(fmt.Sprintf("%s-%d", name, seed%3))
		begin, last := meta.Start.UnixNano(), meta.BootOffset+c.now
		if seed%2 == 1 {
			meta.Filter = "only some"
		}
		if seed%3 == 1 {
			meta.Sources = slices.DeleteFunc(meta.Sources, func(s string) bool { return s == "wakeups" || s == "tcpturns" })
		}
		if seed%3 == 2 {
			meta.Format = "1.2"
		}
		if seed%4 == 2 {
			meta.Window.From = begin + (last-begin)/4
		}
		if seed >= 6 && seed%4 > 1 {
			meta.Window.To = last - (last-begin)/4
		}
		path := filepath.Join(dir, fmt.Sprintf("%s-%d.arrow", name, seed))
		writeCapture(t, path, meta, c.rows)
		all = append(all, path)
	}
	return all
}

// add puts a row at the present instant.
func (c *chance) add(kind string, v values) {
	v["time"] = c.now
	c.rows = append(c.rows, row{kind, v})
}

// waits are so many of one thread.
func waits(t *testing.T, dir string, n int) (path string) {
	t.Helper()
	c := &chance{Rand: rand.New(rand.NewPCG(1, 1)), now: chanceBoot}
	c.add("task", values{"tid": 1, "pid": 1, "comm": "one", "reason": "snapshot"})
	for range n + 1 { // the first does not count
		c.now += 1000
		c.add("sched_switch", values{"tid": 1, "next_tid": 1, "delay_ns": c.length(32)})
	}
	path = filepath.Join(dir, fmt.Sprintf("waits-%d.arrow", n))
	writeCapture(t, path, madeOn("waits"), c.rows)
	return path
}

// length is a duration that is as often short as long.
func (c *chance) length(most int) uint64 { return c.Uint64() >> (64 - c.IntN(most+1)) }

// switching adds switches, wakeups, and rows about who threads are. Some threads
// nobody introduces, processes have several threads, and ids come back.
func switching(c *chance) {
	const threads = 9
	who := func() int { return c.IntN(threads) }
	switch n := c.IntN(100); {
	case n < 60:
		cpu, tid := c.IntN(3), -1
		for i := len(c.rows) - 1; i >= 0 && tid < 0 && c.IntN(50) > 0; i-- {
			if r := c.rows[i]; r.kind == "sched_switch" && r.values["cpu"] == cpu {
				tid = r.values["next_tid"].(int) // as it should be
			}
		}
		if tid < 0 {
			tid = who()
		}
		c.add("sched_switch", values{"cpu": cpu, "tid": tid, "next_tid": who(), "delay_ns": c.length(32), "preempted": c.IntN(4) / 3})
	case n < 90:
		c.add("sched_waking", values{"cpu": c.IntN(3), "tid": who(), "woken_tid": who()})
	case n < 91:
		c.add("cgroup_path", values{"cgroup_id": 1, "cgroup": "/"})
	case c.IntN(50) == 0:
		c.lost()
	case c.IntN(8) == 0:
		tid := 1 + c.IntN(threads-3)
		kind := []string{"task", "fork", "exec", "exit", "thread_start"}[c.IntN(5)]
		v := values{"tid": tid, "pid": 1 + (tid-1)/3*3, "ppid": 1, "start": chanceBoot + int64(c.IntN(2)), "comm": fmt.Sprintf("name-%d", c.IntN(5))}
		if tid%3 != 1 && c.IntN(3) == 0 {
			v["pid"] = 1 + c.IntN(threads)
		}
		if kind == "task" {
			v["reason"] = []string{"snapshot", "exiting", "created", "renamed"}[c.IntN(4)]
		}
		c.add(kind, v)
	}
}

// lost adds a loss of switches or of others. Some are of any CPU, and some went unseen
// right before the last switch.
func (c *chance) lost() {
	pick := func(from ...string) string { return from[c.IntN(len(from))] }
	c.add("loss", values{
		"cpu": []int{0, 1, 2, 65535}[c.IntN(4)], "lost": 1, "since": c.now - int64(c.IntN(20_000)),
		"loss_source": pick("sched", "sched", "cpu"), "loss_reason": pick("ring_full", "unseen", "unseen"),
	})
}

// talking adds what connections do. Some have no addresses, owners change, ids come
// back, and turns are folded.
func talking(c *chance) {
	conn := c.IntN(6)
	v := values{"conn": conn, "tid": c.IntN(3), "pid": c.IntN(3)}
	pick := func(from ...string) string { return from[c.IntN(len(from))] }
	ends := func() {
		maps.Copy(v, values{
			"laddr": slices.Repeat([]byte{byte(c.IntN(2))}, 16), "raddr": append(make([]byte, 10), 255, 255, 10, 0, 0, byte(c.IntN(3))), "lport": c.IntN(3), "rport": c.IntN(3),
			"direction": pick("unknown", "active", "passive"), "socket_of": pick("process", "process", "kernel", "mptcp"), "comm": pick("", "one", "two"),
		})
	}
	figures := func() {
		ends()
		for _, name := range []string{"tx_bytes", "rx_bytes", "srtt_ns", "min_rtt_ns", "duration_ns", "segments_out", "segments_in", "sends"} {
			v[name] = c.length(64)
		}
		v["retransmits"], v["error"] = c.length(32), c.errno()
	}
	kind := "tcp_response"
	switch n := c.IntN(2000); {
	case n < 1200:
		maps.Copy(v, values{"response_ns": c.length(50), "ack_ns": c.length(50), "turn_tx_bytes": c.length(64)})
	case n < 1600:
		kind, v["read_ns"] = "tcp_read", c.length(50)
	case n < 1900:
		kind, v["think_ns"], v["turn_rx_bytes"] = "tcp_reply", c.length(64), c.length(64)
	case n < 1960:
		kind, v["srtt_ns"] = "tcp_rtt", c.length(64)
	case n < 1970 && conn < 2:
		kind = "tcp_fold"
		maps.Copy(v, values{"turns": c.IntN(4), "sum_ns": c.length(64), "largest_ns": c.length(64), "turn_part": pick("response", "ack", "read", "think")})
	case n < 1971:
		kind, v["comm"] = "task", "three"
		delete(v, "conn")
	case n < 1975:
		kind, v["connect_ns"], v["error"] = "tcp_connect", c.length(64), c.errno()
		ends()
	case n < 1980:
		kind = "tcp_accept"
		ends()
	case n < 1985:
		kind = "tcp_close"
		figures()
	case n < 1995:
		kind = "tcp_socket"
		figures()
		v["tcp_state"] = pick("established", "fin_wait1", "close_wait", "time_wait", "last_ack", "closing", "fin_wait2")
	default:
		kind, v["reset_from"] = "tcp_reset", pick("local", "remote")
	}
	c.add(kind, v)
}

// errno is that of a socket, most often none.
func (c *chance) errno() int {
	return []int{0, 0, 0, 0, 0, 0, 0, 0, 32, 100, 101, 104, 110, 111, 112, 113, 125}[c.IntN(17)]
}
