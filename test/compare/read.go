// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ebrec/ebrec/format"
)

const (
	generated = 10_000_000
	rounds    = 5
)

// read has both add up CPU time by process: ebrec over ten million generated
// switches, perf over a recording of some hundred thousand, because it would
// take minutes otherwise.
func (b *bench) read() error {
	if _, err := b.output("generate", "--switches", fmt.Sprint(generated), "-o", "big.arrow"); err != nil {
		return err
	}
	perf := b.command("perf", "sched", "record", "-q", "-o", "sched.data", "perf", "bench", "sched", "messaging", "-g", "4", "-l", "1500")
	perf.Env = append(os.Environ(), "HOME="+b.dir)
	if out, err := perf.CombinedOutput(); err != nil {
		return fmt.Errorf("perf sched record: %w\n%s", err, out)
	}
	script, err := b.output("perf", "script", "-i", "sched.data", "-F", "event")
	if err != nil {
		return err
	}
	events := bytes.Count(script, []byte("sched:sched_switch"))
	var analyze, scan, timehist []time.Duration
	for range rounds {
		for _, m := range []struct {
			to  *[]time.Duration
			run func() (time.Duration, error)
		}{
			{&analyze, func() (time.Duration, error) { return b.took("ebrec", "analyze", "cputime", "big.arrow") }},
			{&timehist, func() (time.Duration, error) { return b.took("perf", "sched", "timehist", "-s", "-i", "sched.data") }},
			{&scan, func() (time.Duration, error) { return scanAll(b.path("big.arrow")) }},
		} {
			d, err := m.run()
			if err != nil {
				return err
			}
			*m.to = append(*m.to, d)
		}
	}
	perSwitch := func(all []time.Duration, n int) float64 { return float64(median(all)) / float64(n) }
	theirs := perSwitch(timehist, events)
	fmt.Printf("perf sched timehist -s    %.0f ns a switch (%d switches, median of %d)\n", theirs, events, rounds)
	ours := perSwitch(analyze, generated)
	fmt.Printf("ebrec analyze cputime     %.2f ns a switch (%d switches), %.0f M rows/s: the sums are read, switches passed over; %.0f times as fast\n", ours, generated, 1e3/ours, theirs/ours)
	ours = perSwitch(scan, generated)
	fmt.Printf("reading every switch      %.2f ns a switch, %.1f M rows/s, four columns; %.0f times as fast\n", ours, 1e3/ours, theirs/ours)
	return nil
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// scanAll adds up what every CPU did from its switches: the least that a
// program must read for CPU time from events.
func scanAll(path string) (time.Duration, error) {
	begin := time.Now()
	c, err := format.Open(path)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	cols := []format.Col{c.Col(format.ColumnCPU), c.Col(format.ColumnTID), c.Col("next_tid"), c.Col(format.ColumnTime)}
	var values [4][4096]uint64
	var since, on [1 << 16]uint64
	for b, err := range c.Batches(format.Scan{Kinds: []string{"sched_switch"}, Columns: cols}) {
		if err != nil {
			return 0, err
		}
		for from := 0; from < b.Len(); from += len(values[0]) {
			n := min(len(values[0]), b.Len()-from)
			for i, col := range cols {
				b.Uints(col, from, values[i][:n])
			}
			for i, t := range values[3][:n] {
				cpu := values[0][i] & 0xffff
				on[values[1][i]&0xffff] += t - since[cpu]
				since[cpu] = t
			}
		}
	}
	return time.Since(begin), nil
}
