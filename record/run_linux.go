// SPDX-License-Identifier: Apache-2.0

package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// lead is how far ahead an edge of the window is set, so that every CPU knows
// of it in time, and openTries how often the window is tried to be opened.
const (
	lead      = 20 * time.Millisecond
	openTries = 5
)

// Run records until ctx ends, the duration is over or the command exits, and
// finishes the file in each case. Ending ctx is no error.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Sources == nil {
		o.Sources = DefaultSources()
	}
	if err := check(o); err != nil {
		return nil, err
	}
	parts := newParts(o)
	out, err := firstOutput(o, parts)
	if err != nil {
		return nil, err
	}
	s := &session{options: o, out: out, parts: parts, shedder: shedder{bound: o.MaxOverhead}}
	res, err := s.record(ctx)
	if s.out != nil {
		err = errors.Join(err, s.out.finish())
	}
	return res, err
}

// firstOutput makes the file to write first. When everything is kept in memory
// it is made again in the end, and made now only to see that it can be.
func firstOutput(o Options, p *parts) (*output, error) {
	if p != nil && !p.inMemory() {
		return p.open()
	}
	out, err := createOutput(o.Output, o.Force)
	if err != nil || p == nil {
		return out, err
	}
	return nil, out.finish()
}

func check(o Options) error {
	for _, s := range o.Sources {
		if !slices.Contains(AllSources(), s) {
			return hinted{fmt.Errorf("unknown source %q", s), "the sources are " + strings.Join(AllSources(), ", ") + " (ebrec record --list)"}
		}
	}
	for _, s := range []string{"tcpstates", "tcpturns"} {
		if slices.Contains(o.Sources, s) && !slices.Contains(o.Sources, "tcp") {
			return hinted{fmt.Errorf("source %s is of the connections of source tcp", s), "record both: -e tcp," + s}
		}
	}
	if o.MaxSize != 0 && o.MaxSize < LeastMaxSize {
		return hinted{fmt.Errorf("a capture of at most %d bytes", o.MaxSize), fmt.Sprintf("give it %d or more", LeastMaxSize)}
	}
	if (o.Rotate || o.Last > 0) && o.Output == "-" {
		return errors.New("standard output takes one capture: --rotate and --last need a file to number, -o FILE")
	}
	if o.Rotate && o.MaxSize == 0 {
		return hinted{errors.New("--rotate without a size"), "say how large a file may be with --max-size"}
	}
	for _, t := range o.Triggers {
		if !slices.Contains(o.Sources, t.Source()) {
			return hinted{fmt.Errorf("trigger %s: source %s is not recorded", t.Text, t.Source()), "add it to -e"}
		}
	}
	for _, pid := range o.PIDs {
		if err := checkPID(pid); err != nil {
			return err
		}
	}
	return checkCommand(o.Command)
}

// checkPID wants a number of a process. /proc takes those of threads, too. Where it
// has numbers of another pid namespace, the listing of tasks will tell.
func checkPID(pid uint32) error {
	if numbersInProc(uint32(os.Getpid())) == procUnknown {
		return nil
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return fmt.Errorf("record process %d: no such process", pid)
	}
	_, rest, _ := strings.Cut(string(status), "\nTgid:")
	line, _, _ := strings.Cut(rest, "\n")
	if leader := strings.TrimSpace(line); leader != fmt.Sprint(pid) {
		return hinted{fmt.Errorf("record process %d: it is a thread of process %s", pid, leader), "record the process: -p " + leader}
	}
	return nil
}

// record loads the programs, records and gives everything back.
func (s *session) record(ctx context.Context) (*Result, error) {
	o := s.options
	if slices.Contains(o.Sources, "file") {
		mountTracefs()
	}
	nice, err := hurry(o.Nice)
	if err != nil {
		return nil, err
	}
	if s.cgroups, err = cgroupIDs(o.Cgroups); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	if s.command, err = startCommand(o, nice); err != nil {
		return nil, errors.Join(err, s.programs.Release())
	}
	res, err := s.run(ctx)
	err = errors.Join(err, s.command.end())
	if s.programs != nil { // they could not be loaded anew
		err = errors.Join(err, s.programs.Release())
	}
	return res, err
}

func (s *session) load() (err error) {
	if slices.ContainsFunc(s.options.Triggers, func(t *Trigger) bool { return t.kind == "tcp_response" }) {
		s.options.MaxTurns = math.MaxUint32 // each is to be seen
	}
	s.programs, err = bpf.Load(bpf.Config{
		Sources:  s.options.Sources,
		Filtered: s.options.filtered(),
		Comms:    s.options.Comms,
		Cgroups:  s.cgroups,
		MaxTasks: s.options.MaxTasks,
		BlindTo:  s.options.BlindTo,
		MaxConns: s.options.MaxConns,
		MaxTurns: s.options.MaxTurns,
		RTTEvery: s.options.RTTInterval,
	})
	if err != nil {
		return explain(err)
	}
	return nil
}

// openWindow opens the window. When that comes too late the programs have
// counted already, and are loaded anew.
func (s *session) openWindow() (err error) {
	for try := range openTries {
		if err := errors.Join(s.aim(), s.cost.begin(s.programs)); err != nil {
			return err
		}
		if s.missed, err = s.programs.Busy(); err != nil {
			return err
		}
		s.opens, err = s.programs.OpenWindow(lead << try)
		if !errors.Is(err, bpf.ErrLate) {
			return err
		}
		if err := errors.Join(s.programs.Release(), s.load()); err != nil {
			return err
		}
	}
	return hinted{err, "the machine does not let the recorder run for a tenth of a second: try again when it is less busy"}
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
	case errors.Is(err, bpf.ErrClock):
		return hinted{err, "record from outside of it: nsenter --time -t 1"}
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
	offset := readWall().offset
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
