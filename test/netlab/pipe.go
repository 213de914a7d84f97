// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netlab

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// spin is how long before a packet is due the loop stops sleeping and polls.
// A sleeping thread wakes late by up to this much.
const spin = 300 * time.Microsecond

// pipe is one direction of the delay box.
type pipe struct {
	from, to int // TUN file descriptors, owned by the sides
	opts     Options

	wake    [2]int // closing the second end stops the loop
	queue   []packet
	seen    int // TCP packets since the last drop
	dropped atomic.Uint64
	err     error // why the loop ended, if not by stop; read after it ended
}

// packet waits until due.
type packet struct {
	due  time.Time
	data []byte
}

func newPipe(from, to int, opts Options) (*pipe, error) {
	p := &pipe{from: from, to: to, opts: opts}
	if err := unix.Pipe2(p.wake[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make stop pipe: %w", err)
	}
	return p, nil
}

// stop makes run return.
func (p *pipe) stop() error { return unix.Close(p.wake[1]) }

// run carries packets until stop. It owns a thread with the finest timer.
func (p *pipe) run() {
	runtime.LockOSThread() // never unlocked: the thread leaves with its timer slack
	defer unix.Close(p.wake[0])
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		p.err = fmt.Errorf("set timer slack: %w", err)
		return
	}
	buf := make([]byte, 64<<10)
	for {
		readable, stopped, err := p.wait()
		if stopped || err != nil {
			p.err = err
			return
		}
		if readable {
			p.receive(buf)
		}
		p.send()
	}
}

// wait sleeps until a packet comes in or the first one is nearly due.
func (p *pipe) wait() (readable, stopped bool, err error) {
	fds := []unix.PollFd{{Fd: int32(p.from), Events: unix.POLLIN}, {Fd: int32(p.wake[0]), Events: unix.POLLIN}}
	var timeout *unix.Timespec
	if len(p.queue) > 0 {
		ts := unix.NsecToTimespec(int64(max(0, time.Until(p.queue[0].due)-spin)))
		timeout = &ts
	}
	_, err = unix.Ppoll(fds, timeout, nil)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return false, false, fmt.Errorf("poll delay box: %w", err)
	}
	return fds[0].Revents != 0, fds[1].Revents != 0, nil
}

// receive takes every packet that waits in the device into the queue.
func (p *pipe) receive(buf []byte) {
	for {
		n, err := unix.Read(p.from, buf)
		if err != nil {
			return // EAGAIN: empty; anything else shows as loss to the peers
		}
		if p.drops(buf[:n]) {
			p.dropped.Add(1)
			continue
		}
		due := time.Now().Add(p.opts.Delay)
		p.queue = append(p.queue, packet{due, append([]byte(nil), buf[:n]...)})
	}
}

// send writes the packets that are due, in order.
func (p *pipe) send() {
	n := 0
	for n < len(p.queue) && !time.Now().Before(p.queue[n].due) {
		_, _ = unix.Write(p.to, p.queue[n].data) // a refused packet is loss, as on a wire
		n++
	}
	p.queue = p.queue[n:]
}

// drops says whether this packet is the nth TCP packet.
func (p *pipe) drops(data []byte) bool {
	if p.opts.DropEvery == 0 || !isTCP(data) {
		return false
	}
	p.seen++
	if p.seen < p.opts.DropEvery {
		return false
	}
	p.seen = 0
	return true
}

// isTCP reads the protocol number of an IPv4 or IPv6 packet without extension
// headers.
func isTCP(data []byte) bool {
	switch {
	case len(data) >= 20 && data[0]>>4 == 4:
		return data[9] == unix.IPPROTO_TCP
	case len(data) >= 40 && data[0]>>4 == 6:
		return data[6] == unix.IPPROTO_TCP
	}
	return false
}
