// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// plan is what to generate.
type plan struct {
	switches, tasks, cpus int
	seed                  uint64
	slow                  string        // name of tasks that take longer for the same
	slower                int           // by so many percent
	comm                  string        // of all user processes; empty: several
	host                  string        // its name; empty: generated
	idle                  time.Duration // of a CPU at a time, on average; 0: usualIdle
}

const usualIdle = 120 * time.Microsecond

func main() {
	var p plan
	out := flag.String("o", "", "write the capture to `FILE`")
	flag.IntVar(&p.switches, "switches", 1_000_000, "context switches")
	flag.IntVar(&p.tasks, "tasks", 400, "tasks that are there from start to end")
	flag.IntVar(&p.cpus, "cpus", 8, "CPUs")
	flag.StringVar(&p.comm, "comm", "", "name of all user processes, instead of several")
	flag.StringVar(&p.host, "host", "", "name of the host, which has a boot id of its own")
	flag.DurationVar(&p.idle, "idle", usualIdle, "how long a CPU is idle at a time, on average: makes long recordings of few switches")
	flag.Uint64Var(&p.seed, "seed", 1, "of the random numbers")
	flag.StringVar(&p.slow, "slow", "", "resident tasks of this `NAME` take longer for what they do")
	flag.IntVar(&p.slower, "slower", 10, "by so many percent")
	flag.Parse()
	if err := run(*out, p); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(out string, p plan) error {
	if out == "" || p.idle < 0 || p.switches < 1 || p.cpus < 1 || p.tasks < p.cpus || p.slower < 0 {
		return errors.New("it takes -o FILE, a switch, and as many tasks as CPUs at least, which are idle for no less than 0")
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	return errors.Join(generate(f, p), f.Close())
}

func generate(w io.Writer, p plan) error {
	p.idle = cmp.Or(p.idle, usualIdle)
	m, err := newMachine(w, p)
	if err != nil {
		return err
	}
	return errors.Join(m.run(), m.out.writer.Close())
}
