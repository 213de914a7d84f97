// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/binary"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/netlab"
	"github.com/ebrec/ebrec/test/truth"
)

// flood sends SYNs from addresses that nobody has, in turn to a port that is
// open and to one that is not, in a network of its own.
func flood(_ *stage, o options) (*truth.Truth, error) {
	runtime.LockOSThread()
	if err := netlab.Unshare(); err != nil {
		return nil, err
	}
	listener, port, err := listenAnywhere()
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	raw, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, os.NewSyscallError("raw socket", err)
	}
	defer unix.Close(raw)
	to := &unix.SockaddrInet4{Addr: loopback.As4()}
	for i := range o.requests {
		dport := uint16(port)
		if i%2 == 1 {
			dport = closedPort
		}
		if err := unix.Sendto(raw, syn(i, dport), 0, to); err != nil {
			return nil, os.NewSyscallError("sendto", err)
		}
	}
	return new(truth.Truth), nil
}

// syn is the nth SYN to a port of this machine, from an address below 127/8. The
// kernel fills in the checksum of the IP header.
func syn(n int, dport uint16) []byte {
	const ipBytes, tcpBytes = 20, 20
	p := make([]byte, ipBytes+tcpBytes)
	p[0], p[8], p[9] = 4<<4|ipBytes/4, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	binary.BigEndian.PutUint32(p[12:], 127<<24|1<<20|uint32(n)>>8)
	copy(p[16:], loopback.AsSlice())
	t := p[ipBytes:]
	binary.BigEndian.PutUint16(t, uint16(1024+n%60000))
	binary.BigEndian.PutUint16(t[2:], dport)
	binary.BigEndian.PutUint32(t[4:], uint32(n))
	t[12], t[13] = tcpBytes/4<<4, 2 // its length; SYN
	binary.BigEndian.PutUint16(t[14:], 65535)
	binary.BigEndian.PutUint16(t[16:], checksum(p[12:20], t, unix.IPPROTO_TCP+tcpBytes))
	return p
}

// checksum is the internet's (RFC 1071), of what precedes data and data. sum is
// what it begins with: of TCP its number (RFC 9293, section 3.1).
func checksum(before, data []byte, sum uint32) uint16 {
	for _, part := range [][]byte{before, data} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
