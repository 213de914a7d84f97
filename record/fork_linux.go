// SPDX-License-Identifier: Apache-2.0

package record

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These keep the runtime's signal handlers out of a process between its fork and
// its exec, as package syscall does.

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// child is what a forked process does until it executes a file. All memory is
// made before the fork: after it there is one thread and no runtime.
type child struct {
	gate   uintptr // it waits here for a byte, and tells an errno
	close  uintptr // the recorder's end of that
	path   *byte
	argv   []*byte
	script []*byte // argv for a shell, to run a file without #! as execvp(3) does
	env    []*byte

	ignored uint64 // signals, signal 1 in the lowest bit
	limits  []limit
	nice    uintptr
	says    bool // standard output is that of errors

	become   bool // another user
	uid, gid uintptr
	groups   []uint32

	one   [1]byte
	told  syscall.Errno
	quiet sigaction
}

type limit struct {
	number uintptr
	value  unix.Rlimit
}

// sigaction is the kernel's struct sigaction.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const ignoreSignal = 1 // SIG_IGN

var shell = []byte("/bin/sh\x00")

// fork starts the child and returns its pid. Unlike the fork of package syscall
// it copies the process: the child waits long, and the parent must go on.
//
//go:noinline
//go:norace
func (c *child) fork() (pid int, errno syscall.Errno) {
	syscall.ForkLock.Lock()
	beforeFork()
	r, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && r == 0 {
		c.live()
	}
	afterFork()
	syscall.ForkLock.Unlock()
	return int(r), errno
}

// live is the child's life up to its exec. It does not return.
//
//go:nosplit
//go:noinline
//go:norace
func (c *child) live() {
	syscall.RawSyscall(syscall.SYS_CLOSE, c.close, 0, 0)
	afterForkInChild()
	c.inherit()
	c.told = c.becomeUser()
	for c.told == 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, c.gate, uintptr(unsafe.Pointer(&c.one)), 1)
		if errno == syscall.EINTR {
			continue
		}
		if n != 1 { // the recorder is gone
			c.exit(1)
		}
		c.exec()
	}
	syscall.RawSyscall(syscall.SYS_WRITE, c.gate, uintptr(unsafe.Pointer(&c.told)), unsafe.Sizeof(c.told))
	c.exit(1)
}

// exec executes the file, or says why not.
//
//go:nosplit
//go:norace
func (c *child) exec() {
	env := uintptr(unsafe.Pointer(unsafe.SliceData(c.env)))
	_, _, c.told = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(c.path)), uintptr(unsafe.Pointer(unsafe.SliceData(c.argv))), env)
	if c.told == syscall.ENOEXEC {
		syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(unsafe.SliceData(shell))), uintptr(unsafe.Pointer(unsafe.SliceData(c.script))), env)
	}
}

// inherit gives the child what the recorder had from who started it.
//
//go:nosplit
//go:norace
func (c *child) inherit() {
	for sig := uintptr(1); sig <= 64; sig++ {
		if c.ignored>>(sig-1)&1 != 0 {
			syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&c.quiet)), 0, 8, 0, 0)
		}
	}
	for i := range c.limits {
		l := &c.limits[i]
		syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, l.number, uintptr(unsafe.Pointer(&l.value)), 0, 0, 0)
	}
	syscall.RawSyscall(syscall.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, c.nice)
	if c.says {
		syscall.RawSyscall(syscall.SYS_DUP3, 2, 1, 0)
	}
}

// becomeUser becomes the user that the command runs as.
//
//go:nosplit
//go:norace
func (c *child) becomeUser() (errno syscall.Errno) {
	if !c.become {
		return 0
	}
	_, _, errno = syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(c.groups)), uintptr(unsafe.Pointer(unsafe.SliceData(c.groups))), 0)
	if errno == 0 {
		_, _, errno = syscall.RawSyscall(syscall.SYS_SETGID, c.gid, 0, 0)
	}
	if errno == 0 {
		_, _, errno = syscall.RawSyscall(syscall.SYS_SETUID, c.uid, 0, 0)
	}
	return errno
}

//go:nosplit
//go:norace
func (c *child) exit(status uintptr) {
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, status, 0, 0)
	}
}
