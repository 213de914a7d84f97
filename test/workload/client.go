// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/ebrec/ebrec/test/truth"
	"golang.org/x/sys/unix"
)

// clientRole makes connections one after the other, then the refused ones.
// Args: ADDRESS CONNECTIONS REQUESTS REFUSED FAST-OPEN.
func clientRole(args []string) error {
	runtime.LockOSThread()
	addr, n, err := addrAndCounts(args, 3)
	if err != nil {
		return err
	}
	begin := connect
	if len(args) > 4 && args[4] == "true" {
		begin = connectFast
	}
	var log []truth.Conn
	for range n[0] {
		c, err := converse(begin, addr, serverPort, n[1])
		if err != nil {
			return err
		}
		log = append(log, c)
	}
	for range n[2] {
		c, err := beRefused(addr)
		if err != nil {
			return err
		}
		log = append(log, c)
	}
	return json.NewEncoder(os.Stdout).Encode(log)
}

// addrAndCounts parses an address and n numbers after it.
func addrAndCounts(args []string, n int) (netip.Addr, []int, error) {
	if len(args) < n+1 {
		return netip.Addr{}, nil, fmt.Errorf("want an address and %d numbers, have %q", n, args)
	}
	addr, err := netip.ParseAddr(args[0])
	if err != nil {
		return addr, nil, err
	}
	counts := make([]int, n)
	for i := range counts {
		if counts[i], err = strconv.Atoi(args[i+1]); err != nil {
			return addr, nil, err
		}
	}
	return addr, counts, nil
}

// converse makes one connection of so many turns. Each request follows the
// last response at once.
func converse(begin func(netip.Addr, int) (*socket, error), addr netip.Addr, port, turns int) (truth.Conn, error) {
	s, err := begin(addr, port)
	if err != nil {
		return truth.Conn{}, err
	}
	if s.log.Errno != 0 {
		return s.log, fmt.Errorf("connect to %v: %w", addr, unix.Errno(s.log.Errno))
	}
	request, response := make([]byte, requestBytes), make([]byte, responseBytes)
	for range turns {
		if err := s.write(request); err != nil {
			return s.log, err
		}
		if n, err := s.readFull(response); err != nil || n < len(response) {
			return s.log, fmt.Errorf("response of %d bytes: %w", n, err)
		}
		if s.log.ConnectNS == 0 { // with Fast Open it has no call of its own
			s.log.ConnectNS = s.log.GotNS[0] - s.log.Sent[0].FromNS
		}
	}
	return s.end()
}

// connect times connect(2). A refusal is noted, not an error.
func connect(addr netip.Addr, port int) (*socket, error) {
	family, sa := sockaddr(addr, port)
	s, err := newSocket(family, "client")
	if err != nil {
		return nil, err
	}
	start := time.Now()
	err = unix.Connect(s.fd, sa)
	s.log.ConnectNS = time.Since(start).Nanoseconds()
	if errno, ok := err.(unix.Errno); ok {
		s.log.Errno = int(errno)
	}
	return s, s.name(sa)
}

// connectFast has the first message connect: it goes with the SYN where the server
// has given a cookie before, else behind the handshake.
func connectFast(addr netip.Addr, port int) (*socket, error) {
	family, sa := sockaddr(addr, port)
	s, err := newSocket(family, "client")
	if err != nil {
		return nil, err
	}
	s.fast = sa
	return s, nil
}

// beRefused connects to a port nobody listens on.
func beRefused(addr netip.Addr) (truth.Conn, error) {
	s, err := connect(addr, closedPort)
	if err != nil {
		return truth.Conn{}, err
	}
	if s.log.Errno != int(unix.ECONNREFUSED) {
		return s.log, fmt.Errorf("connect to a closed port: errno %d", s.log.Errno)
	}
	return s.log, unix.Close(s.fd)
}
