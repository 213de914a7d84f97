// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/ebrec/ebrec/test/truth"
	"golang.org/x/sys/unix"
)

// serverRole answers a number of connections, one after the other.
// Args: ADDRESS CONNECTIONS THINK.
func serverRole(args []string) error {
	runtime.LockOSThread()
	listener, conns, think, err := listen(args)
	if err != nil {
		return err
	}
	if err := unix.Close(3); err != nil { // tells the parent that it may connect
		return os.NewSyscallError("close ready pipe", err)
	}
	var log []truth.Conn
	for range conns {
		fd, peer, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return os.NewSyscallError("accept", err)
		}
		c, err := answer(fd, peer, think)
		if err != nil {
			return err
		}
		log = append(log, c)
	}
	return json.NewEncoder(os.Stdout).Encode(log)
}

func listen(args []string) (listener, conns int, think time.Duration, err error) {
	if len(args) != 3 {
		return 0, 0, 0, fmt.Errorf("want ADDRESS CONNECTIONS THINK, have %q", args)
	}
	addr, n, err := addrAndCounts(args[:2], 1)
	if err != nil {
		return 0, 0, 0, err
	}
	if think, err = time.ParseDuration(args[2]); err != nil {
		return 0, 0, 0, err
	}
	family, sa := sockaddr(addr, serverPort)
	s, err := newSocket(family, "server")
	if err != nil {
		return 0, 0, 0, err
	}
	if err := unix.Bind(s.fd, sa); err != nil {
		return 0, 0, 0, os.NewSyscallError("bind "+addr.String()+":"+strconv.Itoa(serverPort), err)
	}
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16); err != nil { // only where the namespace allows it
		return 0, 0, 0, os.NewSyscallError("TCP_FASTOPEN", err)
	}
	return s.fd, n[0], think, os.NewSyscallError("listen", unix.Listen(s.fd, 16))
}

// answer answers the requests of a connection until it ends.
func answer(fd int, peer unix.Sockaddr, think time.Duration) (truth.Conn, error) {
	s := &socket{fd: fd, log: truth.Conn{PID: os.Getpid(), Side: "server"}}
	if err := s.name(peer); err != nil {
		return s.log, err
	}
	request, response := make([]byte, requestBytes), make([]byte, responseBytes)
	for {
		n, err := s.readFull(request)
		if err != nil {
			return s.log, err
		}
		if n == 0 {
			return s.end()
		}
		time.Sleep(think)
		if err := s.write(response); err != nil {
			return s.log, err
		}
	}
}
