// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	var p plan
	out := flag.String("o", "", "write the capture to `FILE`")
	flag.IntVar(&p.switches, "switches", 1_000_000, "context switches")
	flag.IntVar(&p.threads, "threads", 400, "threads, each a process")
	flag.IntVar(&p.cpus, "cpus", 8, "CPUs")
	flag.Uint64Var(&p.seed, "seed", 1, "of the random numbers")
	flag.Parse()
	if err := run(*out, p); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(out string, p plan) error {
	if out == "" || p.switches < 1 || p.threads < p.cpus || p.cpus < 1 {
		return fmt.Errorf("it takes -o, a switch, and as many threads as CPUs at least")
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := generate(f, p); err != nil {
		return err
	}
	return f.Close()
}

func generate(w io.Writer, p plan) error {
	m, err := newMachine(w, p)
	if err != nil {
		return err
	}
	return m.run()
}
