// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/ebrec/ebrec/test/truth"
)

// crowd is how many short processes run at the same time.
const crowd = 8

// ending is how a short process ends: by an exit code or by a signal.
type ending struct {
	code   int
	signal syscall.Signal
}

// endings gives n different ends: all codes in turn, each tenth a signal.
func endings(n int) []ending {
	signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGSEGV, syscall.SIGTERM, syscall.SIGABRT}
	all := make([]ending, n)
	for i := range all {
		if i%10 == 9 {
			all[i].signal = signals[i/10%len(signals)]
		} else {
			all[i].code = i % 256
		}
	}
	return all
}

// forkstorm runs many short processes: half as children, half as
// grandchildren through four processes in between.
func forkstorm(s *stage, o options) (*truth.Truth, error) {
	const between = 4
	all := endings(o.procs)
	half := len(all) / 2
	t := new(truth.Truth)
	direct, err := s.endAll("eb-storm", all[:half])
	if err != nil {
		return nil, err
	}
	t.Processes = direct
	rest := all[half:]
	for i := range between {
		share := rest[len(rest)*i/between : len(rest)*(i+1)/between]
		family, err := s.family(i, share)
		if err != nil {
			return nil, err
		}
		t.Processes = append(t.Processes, family...)
	}
	return t, nil
}

// family runs a process that runs the processes given, and returns them all.
func (s *stage) family(i int, share []ending) ([]truth.Process, error) {
	c, err := s.child(fmt.Sprintf("eb-parent-%d", i), "intermediate")
	if err != nil {
		return nil, err
	}
	for _, e := range share {
		c.cmd.Args = append(c.cmd.Args, strconv.Itoa(e.code), strconv.Itoa(int(e.signal)))
	}
	var out = &c.stdout
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	p, err := c.reap()
	if err != nil {
		return nil, err
	}
	var all []truth.Process
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		return nil, fmt.Errorf("read children of %s: %w", c.name, err)
	}
	return append(all, p), nil
}

// intermediateRole runs the ends named in args and writes what it saw.
func intermediateRole(args []string) error {
	var share []ending
	for i := 0; i+1 < len(args); i += 2 {
		e, err := parseEnding(args[i : i+2])
		if err != nil {
			return err
		}
		share = append(share, e)
	}
	s, err := newStage()
	if err != nil {
		return err
	}
	defer s.close()
	all, err := s.endAll("eb-grandchild", share)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// endAll runs one process per ending, crowd at a time.
func (s *stage) endAll(name string, all []ending) ([]truth.Process, error) {
	out := make([]truth.Process, len(all))
	errs := make(chan error, len(all))
	slots := make(chan struct{}, crowd)
	var running sync.WaitGroup
	for i, e := range all {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			var err error
			out[i], err = s.end(name, e)
			errs <- err
		})
	}
	running.Wait()
	for range all {
		if err := <-errs; err != nil {
			return nil, err
		}
	}
	return out, nil
}

// end runs one process to its end and checks that it ended as it was told.
func (s *stage) end(name string, e ending) (truth.Process, error) {
	c, err := s.child(name, "end", strconv.Itoa(e.code), strconv.Itoa(int(e.signal)))
	if err != nil {
		return truth.Process{}, err
	}
	if err := c.cmd.Start(); err != nil {
		return truth.Process{}, err
	}
	p, err := c.wait()
	if err != nil {
		return p, err
	}
	if p.ExitCode != e.code || p.Signal != int(e.signal) {
		return p, fmt.Errorf("pid %d ended with code %d, signal %d; told %+v", p.PID, p.ExitCode, p.Signal, e)
	}
	return p, nil
}
