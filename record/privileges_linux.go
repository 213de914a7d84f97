// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// keep is the capabilities that the rest of a recording needs: reading the
// programs' maps (before 5.19 every bpf call does), ending a command of another
// user, and making and giving away further files.
func (s *session) keep() (set uint64) {
	set = 1 << unix.CAP_BPF
	if s.command != nil {
		set |= 1 << unix.CAP_KILL
	}
	if s.parts != nil {
		set |= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_CHOWN | 1<<unix.CAP_FOWNER
	}
	return set
}

// dropPrivileges gives up every capability but some, for good and in every
// thread of the process, and lets no program that it might run gain any.
func dropPrivileges(keep uint64) error {
	if _, _, err := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); err != 0 {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	var has [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &has[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	var want [2]unix.CapUserData
	for i := range want {
		left := has[i].Permitted & uint32(keep>>(32*i))
		want[i] = unix.CapUserData{Effective: left, Permitted: left}
	}
	_, _, err := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&want)), 0)
	if err != 0 {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}
