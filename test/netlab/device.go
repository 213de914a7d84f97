// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openTUN makes a TUN device in the calling thread's namespace and returns
// its non-blocking file descriptor. Reads and writes carry one bare IP packet.
func openTUN(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/net/tun (is the tun module loaded?): %w", err)
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return -1, errors.Join(fmt.Errorf("make TUN device %s: %w", name, err), unix.Close(fd))
	}
	return fd, nil
}

// configure gives the device its addresses and brings it up.
func configure(name string, a addresses) error {
	if err := setV4(name, a.v4); err != nil {
		return err
	}
	if err := setUp(name); err != nil {
		return err
	}
	return setV6(name, a.v6)
}

func setV4(name string, p netip.Prefix) error {
	mask := net.CIDRMask(p.Bits(), 32)
	for _, set := range []struct {
		what    string
		request uint
		value   []byte
	}{
		{"address", unix.SIOCSIFADDR, p.Addr().AsSlice()},
		{"netmask", unix.SIOCSIFNETMASK, mask},
	} {
		err := ifreq(unix.AF_INET, name, set.request, func(r *unix.Ifreq) error {
			return r.SetInet4Addr(set.value)
		})
		if err != nil {
			return fmt.Errorf("set %s %v of %s: %w", set.what, p, name, err)
		}
	}
	return nil
}

// in6Ifreq is the kernel's struct in6_ifreq.
type in6Ifreq struct {
	addr   [16]byte
	prefix uint32
	index  int32
}

// setV6 adds the address. A TUN device has no ARP, so the kernel skips
// duplicate address detection and the address works at once.
func setV6(name string, p netip.Prefix) error {
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open IPv6 socket: %w", err)
	}
	defer unix.Close(fd)
	req := in6Ifreq{addr: p.Addr().As16(), prefix: uint32(p.Bits()), index: int32(dev.Index)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return os.NewSyscallError("set IPv6 address "+p.String(), errno)
	}
	return nil
}

// setUp brings a device up.
func setUp(name string) error {
	err := ifreq(unix.AF_INET, name, unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error {
		r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		return nil
	})
	if err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// ifreq does one interface ioctl on a socket of the calling thread's namespace.
func ifreq(family int, name string, request uint, fill func(*unix.Ifreq) error) error {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := fill(req); err != nil {
		return err
	}
	return unix.IoctlIfreq(fd, request, req)
}
