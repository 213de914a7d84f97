// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"github.com/ebrec/ebrec/test/truth"
)

// mptcp makes one MPTCP connection over loopback, both ends in this process,
// with requestBytes each way.
func mptcp(*stage, options) (*truth.Truth, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(true)
	listener, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	answered := make(chan error, 1)
	go func() { answered <- echo(listener) }()
	var dialer net.Dialer
	dialer.SetMultipathTCP(true)
	conn, err := dialer.Dial("tcp4", listener.Addr().String())
	if err != nil {
		return nil, err
	}
	if is, err := conn.(*net.TCPConn).MultipathTCP(); err != nil || !is {
		return nil, errors.Join(err, errors.New("the connection is not one of MPTCP"))
	}
	if err := ask(conn); err != nil {
		return nil, err
	}
	process := truth.Process{PID: os.Getpid(), PPID: os.Getppid(), Comm: "workload", Role: "mptcp"}
	return &truth.Truth{Processes: []truth.Process{process}}, <-answered
}

func ask(conn net.Conn) error {
	defer conn.Close()
	buf := make([]byte, requestBytes)
	if _, err := conn.Write(buf); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, buf)
	return err
}

func echo(listener net.Listener) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(conn, conn)
	return err
}
