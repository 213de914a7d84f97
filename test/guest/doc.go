// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package guest boots a stock Debian kernel in QEMU with nothing but busybox
// and the programs it is given, runs shell commands there, and brings files
// back. There is no KVM: the guest is emulated, 15 to 60 times slower than the
// machine, so it is for what is correct, never for what is fast.
//
// Kernels, QEMU and busybox are Debian packages, fetched and verified by apt
// from the mirror that this machine already uses, and unpacked into a cache;
// once they are there, no network is needed. Nothing is installed except, as
// root, the libraries that QEMU needs.
//
// The invariant that bites: only what a command leaves in /out, its working
// directory, comes back.
package guest
