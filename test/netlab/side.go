// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Side is one network namespace with one TUN device.
type Side struct {
	V4, V6 netip.Addr // the side's own addresses

	tun  int // file descriptor of the device, opened inside the namespace
	work chan func()
	done chan struct{}
}

type addresses struct{ v4, v6 netip.Prefix }

// newSide makes a namespace on a thread of its own and sets its device up.
func newSide(a addresses) (*Side, error) {
	s := &Side{
		V4: a.v4.Addr(), V6: a.v6.Addr(), tun: -1,
		work: make(chan func()), done: make(chan struct{}),
	}
	go s.live()
	if err := s.do(func() error { return s.enter(a) }); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// live runs work on a locked thread, which is never unlocked: it leaves with
// its goroutine, and the namespace with it.
func (s *Side) live() {
	runtime.LockOSThread()
	defer close(s.done)
	for f := range s.work {
		f()
	}
}

// do runs f on the side's thread and returns its error.
func (s *Side) do(f func() error) error {
	result := make(chan error, 1)
	s.work <- func() { result <- f() }
	return <-result
}

// Unshare gives the calling thread a network of its own, of which only loopback is
// up. Its goroutine must be locked to it for good.
func Unshare() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make network namespace (needs root): %w", err)
	}
	if err := quietIPv6(); err != nil {
		return err
	}
	return setUp("lo")
}

func (s *Side) enter(a addresses) error {
	if err := Unshare(); err != nil {
		return err
	}
	fd, err := openTUN("lab0")
	if err != nil {
		return err
	}
	s.tun = fd
	if err := configure("lab0", a); err != nil {
		return err
	}
	return awaitV6(a.v6.Addr())
}

// awaitV6 returns once the address can be bound to. The kernel makes it usable
// in a worker of its own, also where it need not look for duplicates.
func awaitV6(addr netip.Addr) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open IPv6 socket: %w", err)
	}
	defer unix.Close(fd)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := unix.Bind(fd, &unix.SockaddrInet6{Addr: addr.As16()})
		if err == nil {
			return nil
		}
		if err != unix.EADDRNOTAVAIL || time.Now().After(deadline) {
			return fmt.Errorf("bind to %s: %w", addr, err)
		}
	}
}

// close ends the thread and closes the device.
func (s *Side) close() error {
	close(s.work)
	<-s.done
	if s.tun < 0 {
		return nil
	}
	return unix.Close(s.tun)
}

// quietIPv6 stops router solicitations, which would count as traffic.
// /proc/sys/net shows the namespace of the thread that opens it.
func quietIPv6() error {
	const knob = "/proc/sys/net/ipv6/conf/default/router_solicitations"
	if err := os.WriteFile(knob, []byte("0"), 0); err != nil {
		return fmt.Errorf("quiet IPv6: %w", err)
	}
	return nil
}

// allowFastOpen lets clients and servers of the thread's namespace have TCP Fast Open,
// whatever was lost before.
func allowFastOpen() error {
	for knob, value := range map[string]string{"tcp_fastopen": "3", "tcp_fastopen_blackhole_timeout_sec": "0"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+knob, []byte(value), 0); err != nil {
			return fmt.Errorf("allow Fast Open: %w", err)
		}
	}
	return nil
}

// startBound starts cmd so that it dies with the calling thread.
func startBound(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return cmd.Start()
}
