// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ebrec/ebrec/test/truth"
)

// options are the flags of every workload; each reads those it knows.
type options struct {
	truth    string
	dir      string
	procs    int
	runs     time.Duration
	rtt      time.Duration
	requests int
	think    time.Duration
	family   int
	refused  int
	conns    int
	dropNth  int
	slower   int
	bytes    int
	fastOpen bool
	command  []string // behind the flags
	cgroups  string
}

// workload runs with a stage to make its processes on.
type workload func(*stage, options) (*truth.Truth, error)

var workloads = map[string]workload{
	"spin":        spin,
	"mixed":       mixed,
	"forkstorm":   forkstorm,
	"failing":     failing,
	"tcp":         tcp,
	"opens":       opens,
	"owners":      owners,
	"mptcp":       mptcp,
	"odd":         odd,
	"unsent":      unsent,
	"manyconns":   manyConns,
	"flood":       flood,
	"work":        work,
	"large":       large,
	"older":       older,
	"zerocopy":    zeroCopy,
	"interrupted": interrupted,
	"names":       names,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "workload: error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("name a workload: spin, mixed, forkstorm, failing, tcp, opens, interrupted, names, owners, mptcp, odd, unsent, manyconns, flood, work, large, older, zerocopy, settle or all")
	}
	if args[0] == "child" {
		return runChild(args[1:])
	}
	if args[0] == "nudge" && len(args) == 3 {
		return nudge(args[1], args[2])
	}
	opts, err := parse(args[0], args[1:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "all":
		return all(opts)
	case "settle":
		return settle(opts.truth)
	}
	return runOne(args[0], opts)
}

func parse(name string, args []string) (options, error) {
	var o options
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.StringVar(&o.truth, "truth", "", "write the truth to `FILE`")
	f.StringVar(&o.dir, "dir", ".", "all: write NAME.json for each workload into `DIR`")
	f.IntVar(&o.procs, "procs", 50, "mixed, forkstorm: number of processes")
	f.DurationVar(&o.runs, "for", 2*time.Second, "spin, mixed, work: how long")
	f.DurationVar(&o.rtt, "rtt", 20*time.Millisecond, "tcp: round trip of the path")
	f.IntVar(&o.requests, "requests", 20, "tcp: turns per connection; flood: SYNs")
	f.DurationVar(&o.think, "think", 5*time.Millisecond, "tcp: what the server takes to answer")
	f.IntVar(&o.family, "family", 4, "tcp: 4 or 6")
	f.IntVar(&o.refused, "refused", 2, "tcp: connects to a closed port")
	f.IntVar(&o.conns, "connections", 1, "tcp: connections, one after the other; owners, manyconns: connections")
	f.IntVar(&o.dropNth, "drop-every", 0, "tcp: drop each nth packet of each direction")
	f.IntVar(&o.slower, "slower", 0, "work: percent of work that one process does more")
	f.IntVar(&o.bytes, "bytes", 4_500_000_000, "large: bytes of the request, and of the answer")
	f.BoolVar(&o.fastOpen, "fast-open", false, "tcp: send the first request with the SYN")
	f.StringVar(&o.cgroups, "cgroups", "", "spin, mixed, work: give each process a cgroup of its own below `DIR`, of version 2")
	err := f.Parse(args)
	o.command = f.Args()
	if err == nil && name == "older" && len(o.command) == 0 {
		err = fmt.Errorf("older: give it the command of a recorder")
	}
	return o, err
}

// runOne runs one workload on a stage of its own and writes its truth.
func runOne(name string, opts options) error {
	do, ok := workloads[name]
	if !ok {
		return fmt.Errorf("no workload %q", name)
	}
	s, err := newStage()
	if err != nil {
		return err
	}
	defer s.close()
	s.cgroups = opts.cgroups
	t, err := do(s, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	t.Workload, t.Command = name, os.Args[1:]
	slices.SortFunc(t.Processes, func(a, b truth.Process) int { return a.PID - b.PID })
	if opts.truth == "" {
		return nil
	}
	return t.Write(opts.truth)
}

// settle adds to the truth of a workload what is known only when its last threads
// have left their CPUs.
func settle(path string) error {
	t, err := truth.Read(path)
	if err != nil {
		return err
	}
	if err := t.Settle(); err != nil {
		return err
	}
	return t.Write(path)
}

// all runs every workload with small counts, for a guest of little speed.
func all(o options) error {
	o.procs, o.runs, o.requests, o.refused, o.conns = 8, time.Second, 5, 1, 1
	for _, name := range []string{"spin", "mixed", "forkstorm", "failing", "tcp", "opens"} {
		o.truth = filepath.Join(o.dir, name+".json")
		if err := runOne(name, o); err != nil {
			return err
		}
	}
	return nil
}
