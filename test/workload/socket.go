// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"net/netip"
	"os"
	"time"

	"github.com/ebrec/ebrec/test/truth"
	"golang.org/x/sys/unix"
)

// socket is a blocking TCP socket, outside Go's poller: the time from the
// kernel to the reader is then one wakeup.
type socket struct {
	fd  int
	log truth.Conn
}

func newSocket(family int, side string) (*socket, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &socket{fd: fd, log: truth.Conn{PID: os.Getpid(), Side: side}}, nil
}

// sockaddr returns the address family and the kernel's form of an endpoint.
func sockaddr(a netip.Addr, port int) (int, unix.Sockaddr) {
	if a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: a.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: a.As16()}
}

// endpoint is the other way round.
func endpoint(sa unix.Sockaddr) (addr string, port int) {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr).String(), sa.Port
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr).String(), sa.Port
	}
	return "", 0
}

// name notes the local address, and the remote one given.
func (s *socket) name(remote unix.Sockaddr) error {
	local, err := unix.Getsockname(s.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	s.log.LAddr, s.log.LPort = endpoint(local)
	s.log.RAddr, s.log.RPort = endpoint(remote)
	return nil
}

// readFull fills buf and returns when the first byte was there. At the end of
// the stream it reads nothing and returns no error.
func (s *socket) readFull(buf []byte) (first time.Time, n int, err error) {
	for n < len(buf) {
		m, err := unix.Read(s.fd, buf[n:])
		if n == 0 {
			first = time.Now()
		}
		if err == unix.EINTR {
			continue
		}
		if err != nil || m == 0 {
			return first, n, os.NewSyscallError("read", err)
		}
		n += m
		s.log.RxBytes += int64(m)
		s.log.Receives++
		s.log.LargestReceive = max(s.log.LargestReceive, int64(m))
	}
	return first, n, nil
}

// write writes buf at once and returns when write(2) did.
func (s *socket) write(buf []byte) (time.Time, error) {
	n, err := unix.Write(s.fd, buf)
	sent := time.Now()
	if n > 0 {
		s.log.TxBytes += int64(n)
		s.log.Sends++
		s.log.LargestSend = max(s.log.LargestSend, int64(n))
	}
	return sent, os.NewSyscallError("write", err)
}

// close notes the kernel's view of the connection and closes it.
func (s *socket) close() (truth.Conn, error) {
	info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return s.log, os.NewSyscallError("TCP_INFO", err)
	}
	s.log.Info = &truth.TCPInfo{
		RTTUS: info.Rtt, MinRTTUS: info.Min_rtt, Retransmits: info.Total_retrans,
		BytesAcked: info.Bytes_acked, BytesReceived: info.Bytes_received,
	}
	return s.log, os.NewSyscallError("close", unix.Close(s.fd))
}
