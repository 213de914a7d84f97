// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package need states what a test needs of the machine. A test skips only
// where the kernel proves that the need is not met; with EBREC_REQUIRE_ROOT=1
// it fails there instead, so that CI cannot pass by skipping.
package need

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Root skips t unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if uid := os.Geteuid(); uid != 0 {
		absent(t, fmt.Sprintf("needs root, runs as uid %d", uid))
	}
}

// BPF skips t unless it runs as root on a kernel that makes a BPF map.
func BPF(t testing.TB) {
	t.Helper()
	Root(t)
	if err := createMap(); err != nil {
		absent(t, fmt.Sprintf("needs BPF: create map: %v", err))
	}
}

// Program skips t unless a program is there.
func Program(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		absent(t, fmt.Sprintf("needs a program: %v", err))
	}
}

func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("EBREC_REQUIRE_ROOT") == "1" {
		t.Fatalf("%s, and EBREC_REQUIRE_ROOT=1", why)
	}
	t.Skip(why)
}

// mapAttr is the head of the kernel's union bpf_attr for BPF_MAP_CREATE.
type mapAttr struct {
	mapType, keySize, valueSize, maxEntries uint32
}

// createMap makes and drops an array map of one entry.
func createMap() error {
	attr := mapAttr{mapType: unix.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_MAP_CREATE, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}
