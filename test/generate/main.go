// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// plan is what to generate.
type plan struct {
	switches, tasks, cpus int
	seed                  uint64
}

func main() {
	var p plan
	out := flag.String("o", "", "write the capture to `FILE`")
	flag.IntVar(&p.switches, "switches", 1_000_000, "context switches")
	flag.IntVar(&p.tasks, "tasks", 400, "tasks that are there from start to end")
	flag.IntVar(&p.cpus, "cpus", 8, "CPUs")
	flag.Uint64Var(&p.seed, "seed", 1, "of the random numbers")
	flag.Parse()
	if err := run(*out, p); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(out string, p plan) error {
	if out == "" || p.switches < 1 || p.cpus < 1 || p.tasks < p.cpus {
		return errors.New("it takes -o FILE, a switch, and as many tasks as CPUs at least")
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	return errors.Join(generate(f, p), f.Close())
}

func generate(w io.Writer, p plan) error {
	m, err := newMachine(w, p)
	if err != nil {
		return err
	}
	return errors.Join(m.run(), m.out.writer.Close())
}
