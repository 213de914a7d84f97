// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/truth"
)

// Files that the roles of owners get, behind standard error.
const (
	listenerFile = 3 + iota
	gateFile     // ends when there are no more callers
	counterFile  // where connections are handed over
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// owners has processes of their own call processes that were forked before, all
// of which accept from one listener. Some answer themselves, one passes what it
// accepts to a clerk that does.
func owners(s *stage, o options) (*truth.Truth, error) {
	listener, port, err := listenAnywhere()
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	if err := unix.SetNonblock(int(listener.Fd()), true); err != nil { // several wait for the same connection
		return nil, os.NewSyscallError("fcntl", err)
	}
	gate, open, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer gate.Close()
	defer open.Close()
	answering, err := s.answering(listener, gate)
	if err != nil {
		return nil, err
	}
	calling, err := s.call(port, o.conns)
	if err != nil {
		return nil, err
	}
	open.Close()
	return finish(append(calling, answering...)...)
}

// listenAnywhere is a listener whose accept waits: connect may return before it has
// the connection.
func listenAnywhere() (*os.File, int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, 0, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback.As4()}); err != nil {
		return nil, 0, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		return nil, 0, os.NewSyscallError("listen", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, 0, os.NewSyscallError("getsockname", err)
	}
	_, port := endpoint(sa)
	return f, port, nil
}

// answering starts who answers.
func (s *stage) answering(listener, gate *os.File) (all []*child, err error) {
	const workers = 4
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	here, there := os.NewFile(uintptr(pair[0]), "counter"), os.NewFile(uintptr(pair[1]), "counter")
	defer here.Close()
	defer there.Close()
	start := func(name, role string, files ...*os.File) error {
		c, err := s.child(name, role)
		if err != nil {
			return err
		}
		c.cmd.ExtraFiles = files
		all = append(all, c)
		return c.cmd.Start()
	}
	for i := range workers {
		if err := start(fmt.Sprint("eb-worker-", i), "worker", listener, gate); err != nil {
			return nil, err
		}
	}
	if err := start("eb-reception", "reception", listener, gate, here); err != nil {
		return nil, err
	}
	return all, start("eb-clerk", "clerk", there)
}

// call runs n processes with one connection each, crowd at a time.
func (s *stage) call(port, n int) ([]*child, error) {
	all, errs := make([]*child, n), make([]error, n)
	slots := make(chan struct{}, crowd)
	var running sync.WaitGroup
	for i := range all {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if all[i], errs[i] = s.child("eb-caller", "caller", strconv.Itoa(port)); errs[i] == nil {
				errs[i] = all[i].run()
			}
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// callerRole makes one connection. Args: PORT.
func callerRole(args []string) error {
	port, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	c, err := converse(connect, loopback, port, 1)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode([]truth.Conn{c})
}

// workerRole answers what it accepts.
func workerRole([]string) error {
	log := []truth.Conn{}
	err := accepting(func(fd int, peer unix.Sockaddr) error {
		c, err := answer(fd, peer, 0)
		log = append(log, c)
		return err
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(log)
}

// receptionRole passes on what it accepts.
func receptionRole([]string) error {
	err := accepting(func(fd int, _ unix.Sockaddr) error {
		if err := unix.Sendmsg(counterFile, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
			return os.NewSyscallError("sendmsg", err)
		}
		return unix.Close(fd)
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode([]truth.Conn{})
}

// accepting takes connections until the gate closes.
func accepting(take func(fd int, peer unix.Sockaddr) error) error {
	for {
		ready := []unix.PollFd{{Fd: listenerFile, Events: unix.POLLIN}, {Fd: gateFile, Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		fd, peer, err := unix.Accept4(listenerFile, unix.SOCK_CLOEXEC)
		switch {
		case err == unix.EAGAIN && ready[1].Revents != 0:
			return nil
		case err == unix.EAGAIN || err == unix.EINTR: // another was faster
			continue
		case err != nil:
			return os.NewSyscallError("accept", err)
		}
		if err := take(fd, peer); err != nil {
			return err
		}
	}
}

// clerkRole answers what it is handed through its first file.
func clerkRole([]string) error {
	log := []truth.Conn{}
	for {
		fd, err := handed(listenerFile)
		if err != nil || fd < 0 {
			if err == nil {
				err = json.NewEncoder(os.Stdout).Encode(log)
			}
			return err
		}
		peer, err := unix.Getpeername(fd)
		if err != nil {
			return os.NewSyscallError("getpeername", err)
		}
		c, err := answer(fd, peer, 0)
		if err != nil {
			return err
		}
		log = append(log, c)
	}
}

// handed receives a file, -1 when there are no more.
func handed(from int) (int, error) {
	note, control := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, cn, _, _, err := unix.Recvmsg(from, note, control, unix.MSG_CMSG_CLOEXEC)
	if err == syscall.EINTR {
		return handed(from)
	}
	if err != nil || n == 0 {
		return -1, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:cn])
	if err != nil {
		return -1, err
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return files[0], nil
}
