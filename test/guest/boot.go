// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Options say what to boot and what to run there.
type Options struct {
	Kernel   string            // one of Kernels
	Programs map[string]string // static programs put into /bin, path by name
	Commands []string          // shell commands, run in /out until one fails
	Out      string            // directory for the files the commands left in /out
	CPUs     int               // 2 if zero
	Timeout  time.Duration     // of the whole boot; 2 minutes if zero
	Clock    time.Time         // what the guest believes; the machine's time if zero
}

// Result is what a guest that ran to its end left.
type Result struct {
	Status  int      // exit status of the command that failed, or 0
	Console string   // all that kernel and commands printed
	Kernel  []string // "NAME VERSION" of the kernel's packages
	QEMU    string   // version
}

const (
	diskBytes   = 64 << 20
	memoryMiB   = "1024"
	tailOfError = 40 // console lines shown with an error
)

// Boot boots a guest, waits for its end and unpacks its files into Out. A
// command that fails is a Status, not an error.
func (c Cache) Boot(ctx context.Context, o Options) (*Result, error) {
	o.setDefaults()
	tools, err := c.tools(ctx)
	if err != nil {
		return nil, err
	}
	kernel, err := c.Kernel(ctx, o.Kernel)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ebrec-guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	m := &machine{dir: dir, kernel: kernel, tools: tools}
	if err := m.prepare(o); err != nil {
		return nil, err
	}
	r := &Result{Kernel: kernel.Packages, QEMU: tools.version}
	r.Console, err = m.run(ctx, o)
	if err == nil {
		r.Status, err = unpackDisk(m.path("disk"), o.Out)
	}
	if err != nil {
		return r, fmt.Errorf("guest %s: %w; its console ends:\n%s", o.Kernel, err, tail(r.Console))
	}
	return r, nil
}

func (o *Options) setDefaults() {
	if o.CPUs == 0 {
		o.CPUs = 2
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
}

// machine is one guest's files.
type machine struct {
	dir    string
	kernel *Kernel
	tools  *tools
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

// prepare writes the initramfs and an empty disk.
func (m *machine) prepare(o Options) error {
	modules, err := m.kernel.load(wantedModules)
	if err != nil {
		return err
	}
	err = writeInitramfs(m.path("initramfs"), func(a *archive) error {
		return o.fill(a, m.tools.busybox, modules)
	})
	if err != nil {
		return err
	}
	disk, err := os.Create(m.path("disk"))
	if err != nil {
		return err
	}
	return errors.Join(disk.Truncate(diskBytes), disk.Close())
}

// run runs QEMU to its end and returns the console's text.
func (m *machine) run(ctx context.Context, o Options) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, m.tools.qemu, m.args(o)...).CombinedOutput()
	console, readErr := os.ReadFile(m.path("console"))
	text := strings.ReplaceAll(string(console), "\r", "")
	switch {
	case ctx.Err() != nil:
		return text, fmt.Errorf("no end after %v: %w", o.Timeout, ctx.Err())
	case err != nil:
		return text, fmt.Errorf("run QEMU: %w\n%s", err, out)
	}
	return text, readErr
}

func (m *machine) args(o Options) []string {
	var args []string
	for _, dir := range m.tools.dirs {
		args = append(args, "-L", dir)
	}
	args = append(args,
		"-accel", "tcg,thread=multi", "-cpu", "max", "-smp", fmt.Sprint(o.CPUs), "-m", memoryMiB,
		"-nodefaults", "-no-reboot", "-display", "none",
		"-kernel", m.kernel.image, "-initrd", m.path("initramfs"),
		"-append", "console=ttyS0 panic=-1 loglevel=4",
		"-serial", "file:"+m.path("console"),
		"-drive", "file="+m.path("disk")+",format=raw,if=virtio,cache=unsafe")
	if !o.Clock.IsZero() {
		args = append(args, "-rtc", "base="+o.Clock.UTC().Format("2006-01-02T15:04:05"))
	}
	return args
}

// tail is the end of the console.
func tail(console string) string {
	lines := strings.Split(strings.TrimSpace(console), "\n")
	return strings.Join(lines[max(0, len(lines)-tailOfError):], "\n")
}
