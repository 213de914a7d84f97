// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/netlab"
	"github.com/ebrec/ebrec/test/truth"
)

// unsent has connects that fail before a SYN is sent: to all hosts of a network,
// and, in a network of its own, from a port that has such a connection already.
func unsent(*stage, options) (*truth.Truth, error) {
	runtime.LockOSThread()
	t := new(truth.Truth)
	for _, to := range []netip.Addr{netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("ff02::1")} {
		family, _ := sockaddr(to, 80)
		s, err := newSocket(family, "client")
		if err != nil {
			return nil, err
		}
		if err := s.fail(to, 80, "unreachable", unix.ENETUNREACH); err != nil {
			return nil, err
		}
		t.TCP = append(t.TCP, s.log)
	}
	if err := netlab.Unshare(); err != nil {
		return nil, err
	}
	taken, err := portTaken()
	if err != nil {
		return nil, err
	}
	t.TCP = append(t.TCP, *taken)
	return t, nil
}

// fail connects, which must fail in a certain way, and closes the socket.
func (s *socket) fail(to netip.Addr, port int, outcome string, want unix.Errno) error {
	_, sa := sockaddr(to, port)
	return s.failed(sa, outcome, unix.Connect(s.fd, sa), want)
}

// portTaken connects twice from one port to one address.
func portTaken() (*truth.Conn, error) {
	listener, to, err := listenAnywhere()
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	var sockets [2]*socket
	for i := range sockets { // both are bound before one has a connection
		if sockets[i], err = newSocket(unix.AF_INET, "client"); err != nil {
			return nil, err
		}
		if err := bindTo(sockets[i].fd, loopback, port); err != nil {
			return nil, err
		}
	}
	_, sa := sockaddr(loopback, to)
	if err := unix.Connect(sockets[0].fd, sa); err != nil {
		return nil, fmt.Errorf("the first connect: %w", err)
	}
	if err := sockets[1].fail(loopback, to, "failed", unix.EADDRNOTAVAIL); err != nil {
		return nil, err
	}
	return &sockets[1].log, os.NewSyscallError("close", unix.Close(sockets[0].fd))
}
