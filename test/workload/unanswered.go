// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/truth"
)

// unanswered has connects that nobody answers: one gives up in the end, of the
// other one a router says that it cannot arrive. The listener's queue is full, so
// that SYNs to it are dropped.
func unanswered() ([]truth.Conn, error) {
	listener, port, err := listenAnywhere()
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	if err := unix.Listen(int(listener.Fd()), 0); err != nil { // room for one
		return nil, os.NewSyscallError("listen", err)
	}
	waiting, err := connect(loopback, port)
	if err != nil {
		return nil, err
	}
	patient, err := caller(loopback)
	if err != nil {
		return nil, err
	}
	told, err := caller(loopback.Next()) // with the same port
	if err != nil {
		return nil, err
	}
	if err := patient.timeOut(port); err != nil {
		return nil, err
	}
	if err := told.beUnreachable(port); err != nil {
		return nil, err
	}
	fd, _, err := unix.Accept4(int(listener.Fd()), unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("accept", err)
	}
	server := &socket{fd: fd, log: truth.Conn{PID: os.Getpid(), Side: "server"}}
	_, peer := sockaddr(loopback, waiting.log.LPort)
	if err := server.name(peer); err != nil {
		return nil, err
	}
	p := &pair{waiting, server}
	if err := p.turn(true); err != nil {
		return nil, err
	}
	if err := unix.Close(p.client.fd); err != nil {
		return nil, err
	}
	return append(p.ends("closed", "closed"), patient.log, told.log), unix.Close(fd)
}

// caller is a socket of its own port: one whose connect fails loses another.
func caller(from netip.Addr) (*socket, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s, err := newSocket(unix.AF_INET, "client")
	if err != nil {
		return nil, err
	}
	return s, bindTo(s.fd, from, port)
}

// timeOut gives up behind the second SYN.
func (s *socket) timeOut(port int) error {
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_SYNCNT, 1); err != nil {
		return os.NewSyscallError("TCP_SYNCNT", err)
	}
	_, sa := sockaddr(loopback, port)
	start := time.Now()
	err := unix.Connect(s.fd, sa)
	s.log.ConnectNS = time.Since(start).Nanoseconds()
	s.log.LeastNS = secondSYN().Nanoseconds()
	return s.failed(sa, "timed out", err, unix.ETIMEDOUT)
}

// secondSYN is how long a connect takes at least that gives up behind its second
// SYN. That follows the first after a second, and is waited for twice as long; or as
// long, where timeouts are linear at first (from 6.5 on). The kernel's timers go by
// ticks, of 10 ms at most.
func secondSYN() time.Duration {
	const first, tick = time.Second, 10 * time.Millisecond
	linear, err := os.ReadFile("/proc/sys/net/ipv4/tcp_syn_linear_timeouts")
	if err == nil && string(linear) != "0\n" {
		return 2*first - 2*tick
	}
	return 3*first - 2*tick
}

// failed notes how a connect ended, and closes the socket.
func (s *socket) failed(to unix.Sockaddr, outcome string, err error, want unix.Errno) error {
	if err != want {
		return fmt.Errorf("connect that fails: %v, want %v", err, want)
	}
	s.log.Errno, s.log.Outcome = int(want), outcome
	if err := s.name(to); err != nil {
		return err
	}
	return unix.Close(s.fd)
}

// beUnreachable is told that the host is, as a router does whose neighbour does
// not answer.
func (s *socket) beUnreachable(port int) error {
	packets, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return os.NewSyscallError("raw socket", err)
	}
	defer unix.Close(packets)
	_, sa := sockaddr(loopback, port)
	connected := make(chan error, 1)
	go func() {
		start := time.Now()
		err := unix.Connect(s.fd, sa)
		s.log.ConnectNS = time.Since(start).Nanoseconds()
		connected <- err
	}()
	syn, err := firstTo(packets, port)
	if err != nil {
		return err
	}
	seen := time.Now()
	time.Sleep(50 * time.Millisecond)
	s.log.LeastNS = time.Since(seen).Nanoseconds()
	for { // until the process waits in connect(2): before, the error is only noted
		if err := tellUnreachable(syn); err != nil {
			return err
		}
		select {
		case err := <-connected:
			return s.failed(sa, "unreachable", err, unix.EHOSTUNREACH)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// firstTo reads the first IPv4 packet to a port, headers included.
func firstTo(packets, port int) ([]byte, error) {
	for {
		p := make([]byte, 1500)
		n, _, err := unix.Recvfrom(packets, p, 0)
		if err != nil {
			return nil, os.NewSyscallError("read raw socket", err)
		}
		ip := int(p[0]&15) * 4
		if n >= ip+20 && int(binary.BigEndian.Uint16(p[ip+2:])) == port {
			return p[:n], nil
		}
	}
}

// tellUnreachable sends "host unreachable" about a packet (RFC 792).
func tellUnreachable(packet []byte) error {
	raw, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return os.NewSyscallError("raw socket", err)
	}
	defer unix.Close(raw)
	const header, quoted = 8, 8 // bytes; of the packet behind its IP header
	m := append(make([]byte, header), packet[:int(packet[0]&15)*4+quoted]...)
	m[0], m[1] = 3, 1 // destination unreachable, host
	binary.BigEndian.PutUint16(m[2:], checksum(nil, m, 0))
	return os.NewSyscallError("sendto", unix.Sendto(raw, m, 0, &unix.SockaddrInet4{Addr: loopback.As4()}))
}
