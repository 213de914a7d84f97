// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"sync"
	"time"
)

// Options describes the path between the two sides.
type Options struct {
	Delay     time.Duration // one way; the round trip is twice this
	DropEvery int           // drop each nth TCP packet of each direction; 0 drops none
	FastOpen  bool          // both sides have TCP Fast Open
	Network   uint16        // below 1<<15; other labs of this machine have other addresses with another
}

// Lab is two namespaces and the path between them.
type Lab struct {
	Client *Side // 10.77.0.1 and fd77::1 of network 0
	Server *Side // 10.77.0.2 and fd77::2

	there, back *pipe
	loops       sync.WaitGroup
}

// New builds the lab. The caller must Close it.
func New(opts Options) (*Lab, error) {
	if opts.Delay < 0 || opts.DropEvery < 0 || opts.Network >= 1<<15 {
		return nil, fmt.Errorf("build lab: negative delay %v or drop %d, or network %d of 32768", opts.Delay, opts.DropEvery, opts.Network)
	}
	client, err := newSide(opts.addresses(1))
	if err != nil {
		return nil, fmt.Errorf("build client side: %w", err)
	}
	server, err := newSide(opts.addresses(2))
	if err != nil {
		client.close()
		return nil, fmt.Errorf("build server side: %w", err)
	}
	l := &Lab{Client: client, Server: server}
	if opts.FastOpen {
		err = errors.Join(client.do(allowFastOpen), server.do(allowFastOpen))
	}
	if err := errors.Join(err, l.join(opts)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// addresses are those of a host of the network.
func (o Options) addresses(host byte) addresses {
	high, low := byte(o.Network>>8), byte(o.Network)
	v6 := [16]byte{0: 0xfd, 1: 0x77, 12: high, 13: low, 15: host}
	return addresses{
		v4: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77 + high, low, host}), 24),
		v6: netip.PrefixFrom(netip.AddrFrom16(v6), 64),
	}
}

// join starts the two directions of the delay box.
func (l *Lab) join(opts Options) error {
	var err error
	if l.there, err = newPipe(l.Client.tun, l.Server.tun, opts); err != nil {
		return err
	}
	if l.back, err = newPipe(l.Server.tun, l.Client.tun, opts); err != nil {
		return err
	}
	for _, p := range []*pipe{l.there, l.back} {
		l.loops.Go(p.run)
	}
	return nil
}

// Dropped is the number of packets dropped so far from client to server and
// from server to client.
func (l *Lab) Dropped() (there, back uint64) {
	return l.there.dropped.Load(), l.back.dropped.Load()
}

// Close stops the box and gives both namespaces up. Commands started on
// either side that still run are killed.
func (l *Lab) Close() error {
	var errs []error
	for _, p := range []*pipe{l.there, l.back} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	l.loops.Wait()
	for _, p := range []*pipe{l.there, l.back} {
		if p != nil {
			errs = append(errs, p.err)
		}
	}
	errs = append(errs, l.Client.close(), l.Server.close())
	return errors.Join(errs...)
}

// Start starts cmd inside the side's namespace. The caller waits for it.
func (s *Side) Start(cmd *exec.Cmd) error {
	return s.do(func() error { return startBound(cmd) })
}
