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
}

// Lab is two namespaces and the path between them.
type Lab struct {
	Client *Side // 10.77.0.1 and fd77::1
	Server *Side // 10.77.0.2 and fd77::2

	there, back *pipe
	loops       sync.WaitGroup
}

// New builds the lab. The caller must Close it.
func New(opts Options) (*Lab, error) {
	if opts.Delay < 0 || opts.DropEvery < 0 {
		return nil, fmt.Errorf("build lab: negative delay %v or drop %d", opts.Delay, opts.DropEvery)
	}
	client, err := newSide(addresses{
		v4: netip.MustParsePrefix("10.77.0.1/24"),
		v6: netip.MustParsePrefix("fd77::1/64"),
	})
	if err != nil {
		return nil, fmt.Errorf("build client side: %w", err)
	}
	server, err := newSide(addresses{
		v4: netip.MustParsePrefix("10.77.0.2/24"),
		v6: netip.MustParsePrefix("fd77::2/64"),
	})
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
