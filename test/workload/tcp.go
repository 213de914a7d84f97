// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebrec/ebrec/test/netlab"
	"github.com/ebrec/ebrec/test/truth"
)

const (
	requestBytes  = 100
	responseBytes = 300
	serverPort    = 7000
	closedPort    = 7001
)

// tcp runs a client and a server as processes in two namespaces whose round
// trip is known.
func tcp(s *stage, o options) (*truth.Truth, error) {
	network := uint16(os.Getpid() & (1<<15 - 1)) // others may run at the same time
	lab, err := netlab.New(netlab.Options{Delay: o.rtt / 2, DropEvery: o.dropNth, FastOpen: o.fastOpen, Network: network})
	if err != nil {
		return nil, err
	}
	t, err := talk(s, lab, o)
	if closeErr := lab.Close(); err == nil {
		err = closeErr
	}
	return t, err
}

func talk(s *stage, lab *netlab.Lab, o options) (*truth.Truth, error) {
	addr, err := serverAddr(lab, o.family)
	if err != nil {
		return nil, err
	}
	server, err := s.child("eb-server", "server", addr.String(), strconv.Itoa(o.conns), o.think.String())
	if err != nil {
		return nil, err
	}
	client, err := s.child("eb-client", "client", addr.String(),
		strconv.Itoa(o.conns), strconv.Itoa(o.requests), strconv.Itoa(o.refused), strconv.FormatBool(o.fastOpen))
	if err != nil {
		return nil, err
	}
	if err := startListening(lab, server); err != nil {
		return nil, err
	}
	if err := lab.Client.Start(client.cmd); err != nil {
		return nil, err
	}
	t, err := finish(client, server)
	if err != nil {
		return nil, err
	}
	t.DelayNS = (o.rtt / 2).Nanoseconds()
	t.SentAgain, err = s.sentAgain(lab)
	return t, err
}

// sentAgain asks both namespaces, which are new, what was sent again.
func (s *stage) sentAgain(lab *netlab.Lab) (map[string]truth.SentAgain, error) {
	all := map[string]truth.SentAgain{}
	for name, side := range map[string]*netlab.Side{"client": lab.Client, "server": lab.Server} {
		c, err := s.child("eb-retrans", "retrans")
		if err != nil {
			return nil, err
		}
		if err := side.Start(c.cmd); err != nil {
			return nil, err
		}
		if err := c.cmd.Wait(); err != nil {
			return nil, err
		}
		var n truth.SentAgain
		if err := json.Unmarshal(c.stdout.Bytes(), &n); err != nil {
			return nil, err
		}
		all[name] = n
	}
	return all, nil
}

// retransRole prints the counts of its network namespace.
func retransRole([]string) error {
	n, err := retransmitted()
	for err == nil {
		n.AtNS = time.Now().UnixNano()
		var later truth.SentAgain
		if later, err = retransmitted(); later.Segments == n.Segments && later.Failed == n.Failed {
			return errors.Join(err, json.NewEncoder(os.Stdout).Encode(n))
		}
		n = later // something was sent meanwhile: at that instant there were more, or not yet
	}
	return err
}

// retransmitted reads the counts.
func retransmitted() (n truth.SentAgain, err error) {
	var failed error
	n.Segments, err = counter("/proc/self/net/snmp", "Tcp:", "RetransSegs")
	n.Failed, failed = counter("/proc/self/net/netstat", "TcpExt:", "TCPRetransFail")
	return n, errors.Join(err, failed)
}

// counter reads one of a file that has lines in pairs: names and numbers.
func counter(path, group, name string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	at := -1
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if fields[0] != group {
			continue
		}
		if at >= 0 {
			return strconv.ParseInt(fields[at], 10, 64)
		}
		if at = slices.Index(fields, name); at < 0 {
			break
		}
	}
	return 0, fmt.Errorf("%s has no %s %s", path, group, name)
}

func serverAddr(lab *netlab.Lab, family int) (netip.Addr, error) {
	switch family {
	case 4:
		return lab.Server.V4, nil
	case 6:
		return lab.Server.V6, nil
	}
	return netip.Addr{}, fmt.Errorf("address family %d, want 4 or 6", family)
}

// startListening starts the server and waits until it closes the ready pipe,
// file 3, which it does once it listens.
func startListening(lab *netlab.Lab, server *child) error {
	wait, ready, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wait.Close()
	server.cmd.ExtraFiles = []*os.File{ready}
	err = lab.Server.Start(server.cmd)
	ready.Close()
	if err != nil {
		return err
	}
	_, _ = wait.Read(make([]byte, 1))
	return nil
}

// finish waits for the ends, the client first, unless they have ended, and collects what they saw.
func finish(ends ...*child) (*truth.Truth, error) {
	t := new(truth.Truth)
	for _, c := range ends {
		if c.ended == nil {
			if _, err := c.reap(); err != nil {
				return nil, err
			}
		}
		var conns []truth.Conn
		if err := json.Unmarshal(c.stdout.Bytes(), &conns); err != nil {
			return nil, fmt.Errorf("read report of %s: %w", c.name, err)
		}
		t.Processes = append(t.Processes, *c.ended)
		t.TCP = append(t.TCP, conns...)
	}
	return t, nil
}
