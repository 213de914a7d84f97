// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package netlab joins two private network namespaces by a delay box, so that
// a test has TCP peers at a known distance without a second machine.
//
// Each side owns a namespace with one TUN device, an IPv4 and an IPv6 address.
// The box is two loops in this process, one per direction, that carry packets
// from one device to the other after a fixed delay and drop every nth if asked.
// It needs root and the tun module, and nothing else: no netem, no netlink.
//
// The invariant that bites: a namespace lives as long as the threads and
// processes in it. Nothing is named or mounted, so a killed process leaves
// nothing behind, and Close ends commands that still run inside.
package netlab
