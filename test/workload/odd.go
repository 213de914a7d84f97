// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/netlab"
	"github.com/ebrec/ebrec/test/truth"
)

// odd makes connections that begin or end in unusual ways, both ends in this
// process, in a network of its own: nobody else has its ports.
func odd(*stage, options) (*truth.Truth, error) {
	runtime.LockOSThread()
	if err := netlab.Unshare(); err != nil {
		return nil, err
	}
	t := new(truth.Truth)
	for _, do := range []func() ([]truth.Conn, error){
		halfClose, resetWhileOpen, closeUnread, resetAfterFIN, samePortsAgain, selfConnect, mappedAddress, unanswered,
	} {
		ends, err := do()
		if err != nil {
			return nil, err
		}
		t.TCP = append(t.TCP, ends...)
	}
	return t, nil
}

// pair is a connection over loopback.
type pair struct{ client, server *socket }

func dial(from, to netip.Addr, fromPort int) (*pair, error) {
	listener, port, err := listenAnywhere()
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	family, sa := sockaddr(to, port)
	c, err := newSocket(family, "client")
	if err != nil {
		return nil, err
	}
	if err := bindTo(c.fd, from, fromPort); err != nil {
		return nil, err
	}
	if err := unix.Connect(c.fd, sa); err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	fd, peer, err := unix.Accept4(int(listener.Fd()), unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("accept", err)
	}
	s := &socket{fd: fd, log: truth.Conn{PID: os.Getpid(), Side: "server"}}
	if err := s.name(peer); err != nil {
		return nil, err
	}
	return &pair{c, s}, c.name(sa)
}

// bindTo binds a socket to a port; 0: the kernel chooses one as it connects.
func bindTo(fd int, addr netip.Addr, port int) error {
	if port == 0 {
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("SO_REUSEADDR", err)
	}
	_, sa := sockaddr(addr, port)
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}

// turn sends a request and, unless it is not to be read, looks at it, which takes
// nothing, and receives it by two calls.
func (p *pair) turn(read bool) error {
	request := make([]byte, requestBytes)
	if err := p.client.write(request); err != nil || !read {
		return err
	}
	if _, _, err := unix.Recvfrom(p.server.fd, request, unix.MSG_PEEK); err != nil {
		return os.NewSyscallError("recv", err)
	}
	if _, err := p.server.readFull(request[:requestBytes/4]); err != nil {
		return err
	}
	_, err := p.server.readFull(request[requestBytes/4:])
	return err
}

// asked is a connection with a request, which was received or is not to be.
func asked(read bool) (*pair, error) {
	p, err := dial(loopback, loopback, 0)
	if err != nil {
		return nil, err
	}
	return p, p.turn(read)
}

// ends are what both sides know, each closed in the order given.
func (p *pair) ends(client, server string) []truth.Conn {
	p.client.log.Outcome, p.server.log.Outcome = client, server
	return []truth.Conn{p.client.log, p.server.log}
}

// abort closes a socket with a reset.
func (s *socket) abort() error {
	if err := unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return os.NewSyscallError("SO_LINGER", err)
	}
	return unix.Close(s.fd)
}

// halfClose has the client send its FIN first, and the server answer after that.
func halfClose() ([]truth.Conn, error) {
	p, err := asked(true)
	if err != nil {
		return nil, err
	}
	if err := unix.Shutdown(p.client.fd, unix.SHUT_WR); err != nil {
		return nil, os.NewSyscallError("shutdown", err)
	}
	if err := p.server.write(make([]byte, responseBytes)); err != nil {
		return nil, err
	}
	if err := unix.Close(p.server.fd); err != nil {
		return nil, err
	}
	if n, err := p.client.readFull(make([]byte, responseBytes)); err != nil || n < responseBytes {
		return nil, fmt.Errorf("%d bytes behind the FIN: %w", n, err)
	}
	p.client.log.Receives, p.client.log.LargestReceive = 0, 0 // with the FIN the connection had ended
	return p.ends("closed", "closed"), unix.Close(p.client.fd)
}

// resetWhileOpen has the client reset an idle connection.
func resetWhileOpen() ([]truth.Conn, error) {
	p, err := asked(true)
	if err != nil {
		return nil, err
	}
	if err := p.client.abort(); err != nil {
		return nil, err
	}
	return p.ends("reset", "reset"), p.server.expectReset()
}

// expectReset reads, finds the connection reset, and closes the socket.
func (s *socket) expectReset() error {
	if _, err := unix.Read(s.fd, make([]byte, 1)); err != unix.ECONNRESET {
		return fmt.Errorf("read on a connection that was reset: %v", err)
	}
	return unix.Close(s.fd)
}

// closeUnread has the server close without having read what came, which resets.
func closeUnread() ([]truth.Conn, error) {
	p, err := asked(false)
	if err != nil {
		return nil, err
	}
	p.server.log.RxBytes = requestBytes // the kernel received them
	if err := unix.Close(p.server.fd); err != nil {
		return nil, err
	}
	return p.ends("reset", "reset"), p.client.expectReset()
}

// resetAfterFIN has the server close, and the client reset then.
func resetAfterFIN() ([]truth.Conn, error) {
	p, err := asked(true)
	if err != nil {
		return nil, err
	}
	if err := unix.Shutdown(p.server.fd, unix.SHUT_WR); err != nil {
		return nil, os.NewSyscallError("shutdown", err)
	}
	if err := p.client.abort(); err != nil {
		return nil, err
	}
	return p.ends("reset", "reset"), unix.Close(p.server.fd)
}

// samePortsAgain connects from one port three times. The listeners differ only in
// their ports, so there is nothing else that tells who is who from the client's.
func samePortsAgain() (all []truth.Conn, err error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	for range 3 {
		p, err := dial(loopback, loopback, port)
		if err != nil {
			return nil, err
		}
		if err := p.turn(true); err != nil {
			return nil, err
		}
		if err := p.client.abort(); err != nil {
			return nil, err
		}
		if err := p.server.expectReset(); err != nil {
			return nil, err
		}
		all = append(all, p.ends("reset", "reset")...)
	}
	return all, nil
}

// freePort is a port that can be bound, not one of those that the kernel gives to
// connections: of such another one may be about to end, or begin.
func freePort() (int, error) {
	for port := 7100; port < 7200; port++ {
		s, err := newSocket(unix.AF_INET, "")
		if err != nil {
			return 0, err
		}
		bound := bindTo(s.fd, loopback, port)
		if err := unix.Close(s.fd); err != nil {
			return 0, err
		}
		if bound == nil {
			return port, nil
		}
	}
	return 0, errors.New("no port from 7100 to 7199 is free")
}

// selfConnect connects a socket to itself, which is how a simultaneous open
// looks on one machine.
func selfConnect() ([]truth.Conn, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	family, sa := sockaddr(loopback, port)
	s, err := newSocket(family, "client")
	if err != nil {
		return nil, err
	}
	if err := bindTo(s.fd, loopback, port); err != nil {
		return nil, err
	}
	if err := unix.Connect(s.fd, sa); err != nil {
		return nil, os.NewSyscallError("connect to itself", err)
	}
	if err := s.name(sa); err != nil {
		return nil, err
	}
	if err := (&pair{s, s}).turn(true); err != nil {
		return nil, err
	}
	s.log.Outcome = "closed"
	return []truth.Conn{s.log}, unix.Close(s.fd)
}

// mappedAddress connects an IPv6 socket to an IPv4 address.
func mappedAddress() ([]truth.Conn, error) {
	p, err := dial(loopback, netip.AddrFrom16(loopback.As16()), 0)
	if err != nil {
		return nil, err
	}
	if err := p.turn(true); err != nil {
		return nil, err
	}
	p.client.log.LAddr, p.client.log.RAddr = loopback.String(), loopback.String()
	if err := unix.Close(p.client.fd); err != nil {
		return nil, err
	}
	return p.ends("closed", "closed"), unix.Close(p.server.fd)
}
