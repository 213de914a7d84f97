// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/ebrec/ebrec/format"
)

// account is what info says of a recording.
type account struct {
	Details struct {
		Summary struct {
			Seen, Written, Lost uint64
			OwnCPUNS            float64 `json:"own_cpu_ns"`
			MaxRSSBytes         int64   `json:"max_rss_bytes"`
		}
	}
	Capture struct {
		DurationNS float64 `json:"duration_ns"`
	}
}

func (b *bench) account(path string) (a account, err error) {
	out, err := b.output("ebrec", "info", "--format", "json", path)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(out, &a)
}

// limits measures the recorder itself: its CPU time for a switch, what it loses
// at a million switches a second, how fast it starts and ends.
func (b *bench) limits() error {
	idle, err := b.recordFor(30*time.Second, 0)
	if err != nil {
		return err
	}
	busy, err := b.recordFor(30*time.Second, 1<<30)
	if err != nil {
		return err
	}
	s, d := busy.Details.Summary, busy.Capture.DurationNS
	fmt.Printf("%.0f switches/s for %.1f s: %d seen, %d written, %d lost, %d MB resident\n", float64(s.Seen)/d*1e9, d/1e9, s.Seen, s.Written, s.Lost, s.MaxRSSBytes>>20)
	fmt.Printf("the recorder's CPU time: %.0f ns a switch (idle: %.0f ms, busy: %.0f ms)\n",
		(s.OwnCPUNS-idle.Details.Summary.OwnCPUNS)/float64(s.Written), idle.Details.Summary.OwnCPUNS/1e6, s.OwnCPUNS/1e6)
	return b.startAndStop()
}

// recordFor records while the two threads take turns, if loops says so.
func (b *bench) recordFor(d time.Duration, loops int) (a account, err error) {
	if loops > 0 {
		stop, err := b.stress(loops)
		if err != nil {
			return a, err
		}
		defer stop()
	}
	if _, err := b.output("ebrec", "record", "--force", "-o", "limits.arrow", "-e", "sched", "-d", d.String()); err != nil {
		return a, err
	}
	return b.account("limits.arrow")
}

// startAndStop measures from the start of the program to its first rows in the
// file, and from Ctrl-C to its end, under load.
func (b *bench) startAndStop() error {
	stop, err := b.stress(1 << 30)
	if err != nil {
		return err
	}
	defer stop()
	var starts, opens, stops []time.Duration
	for range pairs {
		_ = os.Remove(b.path("t.arrow"))
		cmd := b.command("ebrec", "record", "-o", "t.arrow", "-e", "cpu,sched,process,tcp")
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			return err
		}
		for size(b.path("t.arrow")) == 0 {
			time.Sleep(time.Millisecond)
		}
		starts = append(starts, time.Since(begin))
		time.Sleep(3 * time.Second)
		end := time.Now()
		if err := finish(cmd); err != nil {
			return err
		}
		stops = append(stops, time.Since(end))
		c, err := format.Open(b.path("t.arrow"))
		if err != nil {
			return err
		}
		opens = append(opens, c.Meta().Start.Sub(begin))
		c.Close()
	}
	for name, all := range map[string][]time.Duration{"start to the file": starts, "start to the first instant recorded": opens, "Ctrl-C to the end": stops} {
		slices.Sort(all)
		fmt.Printf("%s: median %s, most %s\n", name, all[len(all)/2].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond))
	}
	return nil
}

// kills ends a hundred recorders under load at random moments: each file opens,
// and ends at most five seconds before.
func (b *bench) kills() error {
	const n = 100
	stop, err := b.stress(1 << 30)
	if err != nil {
		return err
	}
	defer stop()
	var missing []time.Duration
	var errs []error
	for i := range n {
		d, err := b.killOne()
		if err != nil {
			errs = append(errs, fmt.Errorf("recorder %d: %w", i, err))
		}
		missing = append(missing, d)
	}
	slices.Sort(missing)
	fmt.Printf("%d of %d files open; before the kill is missing: median %s, most %s\n", n-len(errs), n, missing[n/2].Round(time.Millisecond), missing[n-1].Round(time.Millisecond))
	return errors.Join(errs...)
}

// killOne returns how much of the time before the kill is not in the file.
func (b *bench) killOne() (time.Duration, error) {
	_ = os.Remove(b.path("t.arrow"))
	cmd := b.command("ebrec", "record", "-o", "t.arrow", "-e", "cpu,sched,process")
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for size(b.path("t.arrow")) == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Duration(rand.Int64N(int64(8 * time.Second))))
	killed := time.Now()
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	c, err := format.Open(b.path("t.arrow"))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var cut *format.CutError
	if !errors.As(c.Cut(), &cut) {
		return 0, errors.New("the file does not say that it is cut short")
	}
	if cut.End.IsZero() { // nothing but its metadata had been written
		return killed.Sub(c.Meta().Start), nil
	}
	return killed.Sub(cut.End), nil
}
