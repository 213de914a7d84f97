// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/truth"
)

// selfCall is a connection of this process with itself.
type selfCall struct{ client, server *socket }

// selfCalls makes connections, all to one listener.
func selfCalls(n int) (all []selfCall, err error) {
	family, sa := sockaddr(loopback, 0)
	listener, err := newSocket(family, "server")
	if err != nil {
		return nil, err
	}
	defer unix.Close(listener.fd)
	if err := unix.Bind(listener.fd, sa); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(listener.fd, n); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	if sa, err = unix.Getsockname(listener.fd); err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	for range n {
		p, err := meet(family, sa, listener.fd)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func meet(family int, to unix.Sockaddr, listener int) (p selfCall, err error) {
	if p.client, err = newSocket(family, "client"); err != nil {
		return p, err
	}
	if err := unix.Connect(p.client.fd, to); err != nil {
		return p, os.NewSyscallError("connect", err)
	}
	fd, peer, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return p, os.NewSyscallError("accept", err)
	}
	p.server = &socket{fd: fd, log: truth.Conn{PID: os.Getpid(), Side: "server"}}
	if err := p.server.name(peer); err != nil {
		return p, err
	}
	return p, p.client.name(to)
}

// move sends bytes from one end to the other.
func move(from, to *socket, bytes int64) error {
	var both errgroup.Group
	both.Go(func() error { return from.writeAll(bytes) })
	both.Go(func() error { return to.readAll(bytes) })
	return both.Wait()
}

const mebi = 1 << 20

func (s *socket) writeAll(bytes int64) error {
	for buf := make([]byte, mebi); bytes > 0; {
		n, err := unix.Write(s.fd, buf[:min(bytes, mebi)])
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("write", err)
		}
		bytes -= int64(max(n, 0))
		s.log.TxBytes += int64(max(n, 0))
	}
	return nil
}

func (s *socket) readAll(bytes int64) error {
	for buf := make([]byte, mebi); bytes > 0; {
		n, err := unix.Read(s.fd, buf[:min(bytes, mebi)])
		if err != nil && err != unix.EINTR || n == 0 {
			return fmt.Errorf("read, with %d bytes to come: %w", bytes, err)
		}
		bytes -= int64(max(n, 0))
		s.log.RxBytes += int64(max(n, 0))
	}
	return nil
}

// large has a request of more bytes than a sequence number counts, and an answer of
// so many: one byte is answered by them, and they by one.
func large(_ *stage, o options) (*truth.Truth, error) {
	all, err := selfCalls(1)
	if err != nil {
		return nil, err
	}
	p := all[0]
	for _, bytes := range []int64{int64(o.bytes), 1} {
		if err := move(p.client, p.server, bytes); err != nil {
			return nil, err
		}
		if err := move(p.server, p.client, int64(o.bytes)+1-bytes); err != nil {
			return nil, err
		}
	}
	if err := move(p.client, p.server, 1); err != nil { // a reply to the last answer
		return nil, err
	}
	return &truth.Truth{TCP: []truth.Conn{p.client.log, p.server.log}}, nil
}

// What zeroCopy's turns carry.
const (
	zeroCopyTurns, zeroCopyRequest, zeroCopyAnswer = 5, 100, 2_000_000
)

// zeroCopy has answers that are not written: the kernel is handed a file, a pipe, or the
// memory that they lie in.
func zeroCopy(s *stage, _ options) (*truth.Truth, error) {
	file, err := os.Create(filepath.Join(s.dir, "answer"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(zeroCopyAnswer); err != nil {
		return nil, err
	}
	ways := []func(*socket, *os.File) error{sendFile, splice, sendMemory}
	all, err := selfCalls(len(ways))
	if err != nil {
		return nil, err
	}
	t := &truth.Truth{}
	for i, way := range ways {
		p := all[i]
		for range zeroCopyTurns {
			if err := move(p.client, p.server, zeroCopyRequest); err != nil {
				return nil, err
			}
			var both errgroup.Group
			both.Go(func() error { return way(p.server, file) })
			both.Go(func() error { return p.client.readAll(zeroCopyAnswer) })
			if err := both.Wait(); err != nil {
				return nil, err
			}
			p.server.log.TxBytes += zeroCopyAnswer
		}
		t.TCP = append(t.TCP, p.client.log, p.server.log)
	}
	return t, nil
}

func sendFile(s *socket, file *os.File) error {
	for at := int64(0); at < zeroCopyAnswer; {
		if _, err := unix.Sendfile(s.fd, int(file.Fd()), &at, int(zeroCopyAnswer-at)); err != nil {
			return os.NewSyscallError("sendfile", err)
		}
	}
	return nil
}

func splice(s *socket, file *os.File) error {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe", err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	for at := int64(0); at < zeroCopyAnswer; {
		n, err := unix.Splice(int(file.Fd()), &at, pipe[1], nil, int(zeroCopyAnswer-at), 0)
		for err == nil && n > 0 {
			var moved int64
			moved, err = unix.Splice(pipe[0], nil, s.fd, nil, int(n), 0)
			n -= moved
		}
		if err != nil {
			return os.NewSyscallError("splice", err)
		}
	}
	return nil
}

func sendMemory(s *socket, _ *os.File) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); err != nil {
		return os.NewSyscallError("SO_ZEROCOPY", err)
	}
	for buf := make([]byte, zeroCopyAnswer); len(buf) > 0; {
		n, err := unix.SendmsgN(s.fd, buf, nil, nil, unix.MSG_ZEROCOPY)
		if err != nil {
			return os.NewSyscallError("sendmsg", err)
		}
		buf = buf[n:]
	}
	return nil
}

// What older's connection carried before the recording, and in it: turns of a few bytes.
const (
	olderBytes, olderTurns, olderTurnBytes = 50_000_000, 100, 10
)

// older begins two connections, lets one carry something, and then runs a recorder, the
// command behind its flags, which lasts as long as "workload nudge" does. In that the
// first connection carries more and closes; the other idles.
func older(s *stage, o options) (*truth.Truth, error) {
	all, err := selfCalls(2)
	if err != nil {
		return nil, err
	}
	used := all[0]
	if err := move(used.client, used.server, olderBytes); err != nil {
		return nil, err
	}
	used.client.log.TxBytes, used.server.log.RxBytes = 0, 0
	begun, done := filepath.Join(s.dir, "begun"), filepath.Join(s.dir, "done")
	for _, fifo := range []string{begun, done} {
		if err := unix.Mkfifo(fifo, 0o666); err != nil {
			return nil, os.NewSyscallError("mkfifo", err)
		}
	}
	recorder := exec.Command(o.command[0], append(o.command[1:], begun, done)...)
	recorder.Stdout, recorder.Stderr = os.Stdout, os.Stderr
	if err := recorder.Start(); err != nil {
		return nil, err
	}
	talked := make(chan error, 1)
	go func() { talked <- used.converse(begun, done) }()
	if err := recorder.Wait(); err != nil { // the conversation may never have begun
		return nil, fmt.Errorf("record: %w", err)
	}
	if err := <-talked; err != nil {
		return nil, err
	}
	t := &truth.Truth{}
	for _, p := range all {
		t.TCP = append(t.TCP, p.client.log, p.server.log)
	}
	return t, nil
}

// converse has its turns between what the files tell.
func (p selfCall) converse(begun, done string) error {
	if _, err := os.ReadFile(begun); err != nil { // until its writer has closed it
		return err
	}
	for range olderTurns {
		if err := move(p.client, p.server, olderTurnBytes); err != nil {
			return err
		}
		if err := move(p.server, p.client, olderTurnBytes); err != nil {
			return err
		}
	}
	for _, end := range []*socket{p.client, p.server} {
		if err := unix.Close(end.fd); err != nil {
			return os.NewSyscallError("close", err)
		}
	}
	return os.WriteFile(done, nil, 0) // until it has a reader
}

// nudge tells older that it may go on, and waits until it has.
func nudge(begun, done string) error {
	if err := os.WriteFile(begun, nil, 0); err != nil {
		return err
	}
	_, err := os.ReadFile(done)
	return err
}
