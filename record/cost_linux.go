// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/bpf"
)

// measureFor is how long the kernel measures the programs' run time, from the
// start of the recording: it costs some 30 ns a run.
const measureFor = 200 * time.Millisecond

// cost is what recording costs: the programs in the kernel and the recorder.
type cost struct {
	programs *bpf.Programs
	stats    io.Closer // open while run time is measured
	before   []bpf.RunTime
	measured []bpf.RunTime // of the programs while it was; nil: it could not be
	began    time.Time
	span     time.Duration
}

// begin begins to measure. Where the privilege for it is lacking, nothing is.
func (c *cost) begin(p *bpf.Programs) error {
	c.programs = p
	if c.stats == nil {
		stats, err := bpf.MeasureRunTime()
		if err != nil {
			return nil
		}
		c.stats = stats
	}
	var err error
	c.began = time.Now()
	c.before, err = c.programs.RunTimes()
	return err
}

// end stops measuring once that is due.
func (c *cost) end(now time.Time, must bool) error {
	if c.stats == nil || !must && now.Sub(c.began) < measureFor {
		return nil
	}
	after, err := c.programs.RunTimes()
	if err != nil {
		return err
	}
	c.span = time.Since(c.began)
	for i := range after {
		after[i].Runs -= c.before[i].Runs
		after[i].Time -= c.before[i].Time
	}
	c.measured = after
	err = c.stats.Close()
	c.stats = nil
	return err
}

// add adds a row for each program.
func (c *cost) add(s *session, at uint64) error {
	for _, r := range c.measured {
		row := bpf.Program{
			H:    bpf.Header{Time: at, Kind: kindProgram},
			Runs: r.Runs, RunNS: uint64(r.Time), MeasuredNS: uint64(c.span),
		}
		setText(row.Program[:], r.Name)
		if err := s.writer.AddReading(bpf.Bytes(&row)); err != nil {
			return err
		}
	}
	return nil
}

// perRun is what one run of a program costs, in ns; 0: not known.
func (c *cost) perRun(name string) float64 {
	for _, r := range c.measured {
		if r.Name == name && r.Runs > 0 {
			return float64(r.Time) / float64(r.Runs)
		}
	}
	return 0
}

// ownCost is the recorder's CPU time and its largest resident set in bytes.
func ownCost() (time.Duration, int64) {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		return 0, 0
	}
	most := ru.Maxrss << 10
	if own := peakMemory(); own > 0 {
		most = own
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano()), most
}

// peakMemory is the largest resident set of the program, bytes; 0 when /proc does
// not tell. The figure of getrusage(2) may be that of the process that started it.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	var kib int64
	if _, err := fmt.Sscan(string(rest), &kib); err != nil {
		return 0
	}
	return kib << 10
}
