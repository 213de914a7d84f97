// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tools are the programs that run a guest.
type tools struct {
	qemu    string // path of qemu-system-x86_64
	dirs    []string
	busybox string // path of a static busybox
	version string // QEMU's own words
}

// hostPackages are what must be installed: QEMU's libraries come with the
// installed, older QEMU.
var hostPackages = []string{"qemu-system-x86", "busybox-static", "xz-utils"}

// qemuPackages are unpacked, not installed. QEMU 7.2 of Debian 12 hangs or
// faults with these kernels; the one in its backports does not.
var qemuPackages = []string{"qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"}

const qemuSuite = "bookworm-backports"

// tools prepares the programs, installing what is missing if it may.
func (c Cache) tools(ctx context.Context) (*tools, error) {
	if err := ensureInstalled(ctx); err != nil {
		return nil, err
	}
	busybox, err := staticBusybox()
	if err != nil {
		return nil, err
	}
	dir, err := c.unpacked("qemu", func(dir string) error { return fetchQEMU(ctx, dir) })
	if err != nil {
		return nil, err
	}
	t := &tools{
		qemu:    filepath.Join(dir, "usr/bin/qemu-system-x86_64"),
		dirs:    []string{filepath.Join(dir, "usr/share/qemu"), filepath.Join(dir, "usr/share/seabios")},
		busybox: busybox,
	}
	out, err := exec.CommandContext(ctx, t.qemu, "--version").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("run QEMU: %w\n%s", err, out)
	}
	t.version, _, _ = strings.Cut(string(out), "\n")
	return t, nil
}

func fetchQEMU(ctx context.Context, dir string) error {
	return withSuite(ctx, qemuSuite, func(s *suite) error {
		for _, name := range qemuPackages {
			version, err := s.version(ctx, name)
			if err != nil {
				return err
			}
			if err := s.unpack(ctx, name, version, dir); err != nil {
				return err
			}
		}
		return nil
	})
}

// ensureInstalled installs the host packages if any is missing.
func ensureInstalled(ctx context.Context) error {
	missing := missingTools()
	if len(missing) == 0 {
		return nil
	}
	install := append([]string{"install", "-y", "--no-install-recommends"}, hostPackages...)
	if os.Geteuid() != 0 {
		return fmt.Errorf("guests need %s: run, as root, apt-get %s",
			strings.Join(missing, " and "), strings.Join(install, " "))
	}
	for _, args := range [][]string{{"update"}, install} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// missingTools names what a guest needs and this machine lacks.
func missingTools() []string {
	var missing []string
	for _, program := range []string{"qemu-system-x86_64", "xz", "dpkg", "apt-get"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if _, err := staticBusybox(); err != nil {
		missing = append(missing, "a static busybox")
	}
	return missing
}

// staticBusybox finds a busybox that runs without libraries.
func staticBusybox() (string, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return "", err
	}
	f, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.Join(fmt.Errorf("%s is not static", path), f.Close())
		}
	}
	return path, f.Close()
}
