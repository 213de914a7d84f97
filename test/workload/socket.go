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
	fd   int
	log  truth.Conn
	fast unix.Sockaddr // the next message connects to it
}

// stateClosed is TCP_CLOSE of the kernel's net/tcp_states.h. A connection that waits
// for stray segments (TIME_WAIT) has left its socket, which is closed.
const stateClosed = 7

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

// readFull fills buf. At the end of the stream it reads nothing and returns no
// error.
func (s *socket) readFull(buf []byte) (n int, err error) {
	for n < len(buf) {
		m, err := unix.Read(s.fd, buf[n:])
		now := monotonic()
		if err == unix.EINTR {
			continue
		}
		if err != nil || m == 0 {
			return n, os.NewSyscallError("read", err)
		}
		if n == 0 {
			s.log.GotNS = append(s.log.GotNS, now)
		}
		n += m
		s.log.RxBytes += int64(m)
		s.log.Receives++
		s.log.LargestReceive = max(s.log.LargestReceive, int64(m))
	}
	return n, nil
}

// monotonic is the clock that all processes of a machine share.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err) // every kernel has it
	}
	return now.Nano()
}

// write writes buf at once.
func (s *socket) write(buf []byte) error {
	call := truth.Call{FromNS: monotonic()}
	n, err := s.send(buf)
	call.ToNS = monotonic()
	if n > 0 {
		s.log.Sent = append(s.log.Sent, call)
		s.log.TxBytes += int64(n)
		s.log.LargestSend = max(s.log.LargestSend, int64(n))
	}
	return os.NewSyscallError("write", err)
}

// send is write(2), or the call that connects.
func (s *socket) send(buf []byte) (int, error) {
	to := s.fast
	if to == nil {
		return unix.Write(s.fd, buf)
	}
	s.fast = nil
	n, err := unix.SendmsgN(s.fd, buf, nil, to, unix.MSG_FASTOPEN)
	if err != nil {
		return n, err
	}
	return n, s.name(to)
}

// end ends the connection, once the peer does so too, and notes the kernel's view
// of it, to which nothing comes any more.
func (s *socket) end() (truth.Conn, error) {
	if err := unix.Shutdown(s.fd, unix.SHUT_WR); err != nil {
		return s.log, os.NewSyscallError("shutdown", err)
	}
	info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	for err == nil && info.State != stateClosed {
		time.Sleep(time.Millisecond)
		info, err = unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	}
	if err != nil {
		return s.log, os.NewSyscallError("TCP_INFO", err)
	}
	s.log.Info = &truth.TCPInfo{
		RTTUS: info.Rtt, MinRTTUS: info.Min_rtt, Retransmits: info.Total_retrans,
		BytesAcked: info.Bytes_acked, BytesReceived: info.Bytes_received,
	}
	return s.log, os.NewSyscallError("close", unix.Close(s.fd))
}
