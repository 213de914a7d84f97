// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringParams is struct io_uring_params.
type ringParams struct {
	sqEntries, cqEntries, flags, cpu, idle, features, wq uint32
	_                                                    [3]uint32
	sq                                                   struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// ringEntry is struct io_uring_sqe.
type ringEntry struct {
	op, flags uint8
	ioprio    uint16
	fd        int32
	off, addr uint64
	len, open uint32
	user      uint64
	_         [3]uint64
}

const (
	opOpenAt   = 18
	getEvents  = 1
	mapSQRing  = 0
	mapCQRing  = 0x8000000
	mapEntries = 0x10000000
)

// openByRing opens a file by io_uring, with a ring of its own.
func openByRing(dirFD int, path string, flags int) (int, error) {
	var p ringParams
	r, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return -1, fmt.Errorf("io_uring_setup: %w", errno)
	}
	ring := int(r)
	defer unix.Close(ring)
	var maps [3][]byte
	for i, m := range []struct {
		at   int64
		size uint32
	}{{mapSQRing, p.sq.array + 4*p.sqEntries}, {mapCQRing, p.cq.cqes + 16*p.cqEntries}, {mapEntries, 64 * p.sqEntries}} {
		var err error
		if maps[i], err = unix.Mmap(ring, m.at, int(m.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
			return -1, fmt.Errorf("map io_uring: %w", err)
		}
		defer unix.Munmap(maps[i])
	}
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	*(*ringEntry)(unsafe.Pointer(&maps[2][0])) = ringEntry{op: opOpenAt, fd: int32(dirFD), addr: uint64(uintptr(unsafe.Pointer(name))), open: uint32(flags)}
	*(*uint32)(unsafe.Pointer(&maps[0][p.sq.array])) = 0
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&maps[0][p.sq.tail])), 1)
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(ring), 1, 1, getEvents, 0, 0); errno != 0 {
		return -1, fmt.Errorf("io_uring_enter: %w", errno)
	}
	runtime.KeepAlive(name)
	if atomic.LoadUint32((*uint32)(unsafe.Pointer(&maps[1][p.cq.tail]))) != 1 {
		return -1, fmt.Errorf("io_uring: no completion")
	}
	if res := *(*int32)(unsafe.Pointer(&maps[1][p.cq.cqes+8])); res < 0 {
		return -1, unix.Errno(-res)
	} else {
		return int(res), nil
	}
}
