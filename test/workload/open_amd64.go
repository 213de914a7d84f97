// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// oldAttempts are those with calls that only this architecture still has.
func oldAttempts(dir string, uid int) []attempt {
	if uid != os.Geteuid() {
		return nil
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	return []attempt{
		{call: "open", path: in("present"), flags: unix.O_RDONLY},
		{call: "open", path: in("missing"), flags: unix.O_WRONLY, errno: unix.ENOENT},
		{call: "open", path: padded(in("present"), unix.PathMax-1), flags: unix.O_RDONLY},
		{call: "creat", path: in("made"), flags: unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC},
		{call: "creat", path: in("missing/made"), flags: unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC, errno: unix.ENOENT},
	}
}

func oldOpen(a attempt) (int, error) {
	path, err := unix.BytePtrFromString(a.path)
	if err != nil {
		return -1, err
	}
	var fd uintptr
	var errno unix.Errno
	if a.call == "open" {
		fd, _, errno = unix.Syscall(unix.SYS_OPEN, uintptr(unsafe.Pointer(path)), uintptr(a.flags), 0)
	} else {
		fd, _, errno = unix.Syscall(unix.SYS_CREAT, uintptr(unsafe.Pointer(path)), 0o600, 0)
	}
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
