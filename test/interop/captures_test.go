// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
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
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*format.Kind{}
	for i := range kinds {
		byName[kinds[i].Name] = &kinds[i]
	}
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
