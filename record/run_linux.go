// SPDX-License-Identifier: Apache-2.0

package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// lead is how far ahead an edge of the window is set, so that every CPU knows
// of it in time.
const lead = 2 * time.Millisecond

// Run records until ctx ends, the duration is over or the command exits, and
// finishes the file in each case. Ending ctx is no error.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Sources == nil {
		o.Sources = DefaultSources()
	}
	if err := check(o); err != nil {
		return nil, err
	}
	out, err := createOutput(o.Output, o.Force)
	if err != nil {
		return nil, err
	}
	res, err := runTo(ctx, o, out)
	return res, errors.Join(err, out.finish())
}

func check(o Options) error {
	for _, s := range o.Sources {
		if !slices.Contains(AllSources(), s) {
			return hinted{fmt.Errorf("unknown source %q", s), "the sources are " + strings.Join(AllSources(), ", ") + " (ebrec record --list)"}
		}
	}
	if o.MaxSize != 0 && o.MaxSize < LeastMaxSize {
		return hinted{fmt.Errorf("a capture of at most %d bytes", o.MaxSize), fmt.Sprintf("give it %d or more", LeastMaxSize)}
	}
	for _, pid := range o.PIDs {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
			return fmt.Errorf("record process %d: no such process", pid)
		}
	}
	return checkCommand(o.Command)
}

func runTo(ctx context.Context, o Options, out *output) (*Result, error) {
	if slices.Contains(o.Sources, "file") {
		mountTracefs()
	}
	programs, err := bpf.Load(bpf.Config{
		Sources:  o.Sources,
		Filtered: len(o.PIDs) > 0 || len(o.Command) > 0 && !o.All,
		MaxTasks: o.MaxTasks,
	})
	if err != nil {
		return nil, explain(err)
	}
	cmd, err := startCommand(o.Command, o.AsRoot)
	if err != nil {
		return nil, errors.Join(err, programs.Release())
	}
	s := &session{options: o, out: out, programs: programs, command: cmd}
	res, err := s.run(ctx)
	return res, errors.Join(err, cmd.end(), programs.Release())
}

// mountTracefs makes classic tracepoints reachable where nobody mounted it, as
// trace-cmd does. A failure shows as the hooks that cannot attach.
func mountTracefs() {
	const dir = "/sys/kernel/tracing"
	if _, err := os.Stat(dir + "/events"); errors.Is(err, fs.ErrNotExist) {
		_ = unix.Mount("tracefs", dir, "tracefs", 0, "")
	}
}

// explain adds what to do to the reasons why nothing can be recorded.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return hinted{fmt.Errorf("recording needs privileges: %w", err),
			"run it with sudo, or as root with CAP_BPF and CAP_PERFMON"}
	case errors.Is(err, fs.ErrNotExist):
		return hinted{err, "it needs a kernel built with CONFIG_DEBUG_INFO_BTF (5.8 or later), which has /sys/kernel/btf/vmlinux"}
	}
	return err
}

// describe collects what the file says of its making.
func describe(o Options, p *bpf.Programs, opens uint64) *format.Metadata {
	var u unix.Utsname
	_ = unix.Uname(&u) // fails only for a bad address
	host, _ := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	offset := bootOffset()
	start := time.Unix(0, int64(opens)+offset)
	_, utcOffset := start.Zone()
	return &format.Metadata{
		Ebrec:      o.Version,
		Host:       host,
		Kernel:     unix.ByteSliceToString(u.Release[:]),
		Arch:       unix.ByteSliceToString(u.Machine[:]),
		CPUs:       len(onlineCPUs()),
		BootID:     strings.TrimSpace(string(boot)),
		Start:      start.UTC(),
		BootOffset: offset,
		UTCOffset:  utcOffset,
		Command:    o.CommandLine,
		Sources:    o.Sources,
		Filter:     filterText(o),
		Missing:    p.Missing(),
	}
}

func filterText(o Options) string {
	switch {
	case len(o.PIDs) > 0:
		return "processes " + strings.Trim(fmt.Sprint(o.PIDs), "[]") + " and their children"
	case len(o.Command) > 0 && !o.All:
		return "the recorded command and its children"
	}
	return ""
}

// bootOffset is Unix time less boot time. Of several readings the one whose
// two boot readings lie closest together is the most exact.
func bootOffset() int64 {
	best, offset := uint64(1<<63), int64(0)
	for range 20 {
		before, wall, after := bpf.Now(), time.Now().UnixNano(), bpf.Now()
		if after-before < best {
			best, offset = after-before, wall-int64(before+(after-before)/2)
		}
	}
	return offset
}

// kindsOf are the kinds that a recording of the sources can have.
func kindsOf(sources []string) ([]format.Kind, error) {
	all, err := bpf.Kinds()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(k format.Kind) bool {
		return k.Source != "recording" && !slices.Contains(sources, k.Source)
	}), nil
}
