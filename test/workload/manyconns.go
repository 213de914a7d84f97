// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/truth"
)

// connsOfOne is how many connections a process of manyConns has: both ends of
// each count towards its limit of open files.
const (
	connsOfOne = 9000
	filesOfOne = 2*connsOfOne + 1000
)

// manyConns has so many connections open at once, both ends of each in one of
// several processes.
func manyConns(s *stage, o options) (*truth.Truth, error) {
	allOpen, closeAll, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer allOpen.Close()
	var holders []*holder
	for left := o.conns; left > 0; left -= connsOfOne {
		h, err := s.holder(min(left, connsOfOne), allOpen)
		if err != nil {
			return nil, errors.Join(err, closeAll.Close())
		}
		holders = append(holders, h)
	}
	for _, h := range holders {
		if err := h.awaitOpen(); err != nil {
			return nil, errors.Join(err, closeAll.Close())
		}
	}
	if err := closeAll.Close(); err != nil {
		return nil, err
	}
	for _, h := range holders {
		if err := h.cmd.Wait(); err != nil {
			return nil, err
		}
	}
	return new(truth.Truth), nil
}

// holder is a process that holds connections.
type holder struct {
	*child
	open *os.File // has a byte when all are open
}

// holder starts one.
func (s *stage) holder(conns int, allOpen *os.File) (*holder, error) {
	c, err := s.child("eb-holder", "holder", strconv.Itoa(conns))
	if err != nil {
		return nil, err
	}
	open, ready, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	c.cmd.ExtraFiles = []*os.File{ready, allOpen}
	return &holder{c, open}, c.cmd.Start()
}

// awaitOpen waits until all of its connections are open.
func (h *holder) awaitOpen() error {
	defer h.open.Close()
	if n, err := h.open.Read(make([]byte, 1)); n != 1 {
		return errors.Join(fmt.Errorf("connections not open: %w", err), h.cmd.Wait())
	}
	return nil
}

// holderRole opens connections, says so in file 3, and closes them when file 4
// is closed. Args: CONNECTIONS.
func holderRole(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the number of connections, have %q", args)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	limit := unix.Rlimit{Cur: filesOfOne, Max: filesOfOne}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	open, err := openConns(n)
	if err != nil {
		return err
	}
	if _, err := os.NewFile(3, "ready").Write([]byte{1}); err != nil {
		return err
	}
	_, _ = os.NewFile(4, "all open").Read(make([]byte, 1)) // its end is what is waited for
	for _, fd := range open {
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	return nil
}

// openConns opens connections to this process and returns both ends of each.
func openConns(n int) (open []int, err error) {
	listener, port, err := listenAnywhere()
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	family, sa := sockaddr(loopback, port)
	for range n {
		client, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
		if err != nil {
			return nil, os.NewSyscallError("socket", err)
		}
		if err := unix.Connect(client, sa); err != nil {
			return nil, os.NewSyscallError("connect", err)
		}
		server, _, err := unix.Accept4(int(listener.Fd()), unix.SOCK_CLOEXEC)
		if err != nil {
			return nil, os.NewSyscallError("accept", err)
		}
		open = append(open, client, server)
	}
	return open, nil
}
