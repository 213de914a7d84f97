// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/ebrec/ebrec/test/truth"
)

// spin burns one CPU in one process.
func spin(s *stage, o options) (*truth.Truth, error) {
	c, err := s.child("eb-spin", "spin", o.runs.String(), "100")
	if err != nil {
		return nil, err
	}
	return s.together([]*child{c})
}

// mixed runs spinners of several duty cycles, sleepers, processes of several
// threads and pairs that pass a byte to and fro through pipes, all at once.
func mixed(s *stage, o options) (*truth.Truth, error) {
	var cast []*child
	for i := 0; len(cast) < o.procs; i++ {
		group, err := s.group(i, o)
		if err != nil {
			return nil, err
		}
		cast = append(cast, group...)
	}
	return s.together(cast)
}

// group makes the ith process of the mix, or pair of processes.
func (s *stage) group(i int, o options) ([]*child, error) {
	one := func(name, role string, duty int) ([]*child, error) {
		c, err := s.child(fmt.Sprintf("eb-%s-%02d", name, i), role, o.runs.String(), strconv.Itoa(duty))
		return []*child{c}, err
	}
	switch i % 7 {
	case 0:
		return one("full", "spin", 100)
	case 1:
		return one("duty50", "spin", 50)
	case 2:
		return one("duty20", "spin", 20)
	case 3:
		return one("duty5", "spin", 5)
	case 4:
		return one("sleep", "sleep", 0)
	case 5:
		return one("thread", "threads", 30)
	}
	return s.pair(i, o)
}

// pair makes two processes joined by two pipes as files 4 and 5 of each.
func (s *stage) pair(i int, o options) ([]*child, error) {
	ping, err := s.child(fmt.Sprintf("eb-ping-%02d", i), "pong", o.runs.String(), "1")
	if err != nil {
		return nil, err
	}
	pong, err := s.child(fmt.Sprintf("eb-pong-%02d", i), "pong", o.runs.String(), "0")
	if err != nil {
		return nil, err
	}
	pongIn, pingOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	pingIn, pongOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ping.cmd.ExtraFiles = []*os.File{pingIn, pingOut}
	pong.cmd.ExtraFiles = []*os.File{pongIn, pongOut}
	return []*child{ping, pong}, nil
}

// together starts every process, lets them go at the same moment, and waits
// for all. Each gets the start pipe as file 3, before files it has already.
func (s *stage) together(cast []*child) (*truth.Truth, error) {
	ready, start, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	for _, c := range cast {
		own := c.cmd.ExtraFiles
		c.cmd.ExtraFiles = append([]*os.File{ready}, own...)
		if err := s.startApart(c); err != nil {
			return nil, err
		}
		for _, f := range own {
			f.Close() // the process has it now, and must see its end
		}
	}
	start.Close()
	return waitAll(cast)
}

// waitAll waits for processes that must all succeed.
func waitAll(cast []*child) (*truth.Truth, error) {
	t := new(truth.Truth)
	for _, c := range cast {
		p, err := c.wait()
		if err != nil {
			return nil, err
		}
		if p.ExitCode != 0 || p.Signal != 0 {
			return nil, fmt.Errorf("%s ended with code %d, signal %d", p.Comm, p.ExitCode, p.Signal)
		}
		t.Processes = append(t.Processes, p)
	}
	return t, nil
}
