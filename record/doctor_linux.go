// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/bpf"
)

// Doctor tries what a recording does and says what works here: the kernel,
// privileges, settings that matter, and every source by attaching its programs
// for a moment.
func Doctor() []Finding {
	running := recorders() // before there are programs of our own
	all := append([]Finding{kernel(), typeInformation(), capabilities(), inNamespaces(), lockdown(), settings(), tracefs()}, sources()...)
	return append(all, running...)
}

// settings are those that make every program slower.
func settings() Finding {
	f := Finding{Name: "settings", State: Available, Says: "none makes programs slower"}
	if setting("kernel/bpf_stats_enabled") == "1" {
		f.State, f.Says, f.Remedy = Partial, "kernel.bpf_stats_enabled is 1: every run of a program takes some 30 ns more", "sysctl kernel.bpf_stats_enabled=0"
	}
	if setting("net/core/bpf_jit_enable") == "0" {
		f.State, f.Says, f.Remedy = Partial, "net.core.bpf_jit_enable is 0: programs are interpreted", "sysctl net.core.bpf_jit_enable=1"
	}
	return f
}

func setting(name string) string {
	data, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// recorders are the recordings under way, a finding each.
func recorders() []Finding {
	loaded, err := bpf.LoadedPrograms()
	if err != nil {
		return []Finding{{Name: "recorders", State: Available, Says: "not known: listing programs needs CAP_SYS_ADMIN"}}
	}
	if len(loaded) == 0 {
		return []Finding{{Name: "recorders", State: Available, Says: "none runs"}}
	}
	var all []Finding
	for _, l := range loaded {
		f := Finding{Name: "recorder", State: Available,
			Says: fmt.Sprintf("%d programs, %d maps of %d KiB:", len(l.Programs), l.Maps, l.Bytes>>10)}
		for _, p := range l.Programs {
			f.Says += fmt.Sprintf(" %s (id %d)", p.Name, p.ID)
			if p.Runs > 0 {
				f.Says += fmt.Sprintf(" %d runs measured, %d ns each;", p.Runs, uint64(p.Time)/p.Runs)
			}
		}
		all = append(all, f)
	}
	return all
}

func kernel() Finding {
	var u unix.Utsname
	_ = unix.Uname(&u) // fails only for a bad address
	release := unix.ByteSliceToString(u.Release[:])
	f := Finding{Name: "kernel", State: Available, Says: release + " " + unix.ByteSliceToString(u.Machine[:])}
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err == nil && (major < 5 || major == 5 && minor < 8) {
		f.State, f.Remedy = Missing, "it needs Linux 5.8 or later"
	}
	return f
}

func typeInformation() Finding {
	const path = "/sys/kernel/btf/vmlinux"
	if _, err := os.Stat(path); err != nil {
		return Finding{"BTF", Missing, path + " is not there", "use a kernel built with CONFIG_DEBUG_INFO_BTF"}
	}
	return Finding{Name: "BTF", State: Available, Says: path}
}

// capabilities are those of this process that recording needs, by their number.
func capabilities() Finding {
	needed := []struct {
		name string
		bit  uint
	}{{"CAP_BPF", unix.CAP_BPF}, {"CAP_PERFMON", unix.CAP_PERFMON}}
	f := Finding{Name: "privileges", State: Available}
	has := effective()
	if has&(1<<unix.CAP_SYS_ADMIN) != 0 {
		f.Says = "CAP_SYS_ADMIN"
		return f
	}
	var lacks []string
	for _, c := range needed {
		if has&(1<<c.bit) == 0 {
			lacks = append(lacks, c.name)
		}
	}
	if f.Says = "CAP_BPF, CAP_PERFMON"; len(lacks) > 0 {
		f.State, f.Says, f.Remedy = Missing, "lacks "+strings.Join(lacks, ", "), "run it with sudo, or as root"
	}
	return f
}

// effective is the set of this process's effective capabilities.
func effective() uint64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			return n
		}
	}
	return 0
}

// lockdown in mode confidentiality forbids reading kernel memory.
func lockdown() Finding {
	f := Finding{Name: "lockdown", State: Available, Says: "not in the way"}
	data, err := os.ReadFile("/sys/kernel/security/lockdown")
	if err == nil && strings.Contains(string(data), "[confidentiality]") {
		f.State, f.Says, f.Remedy = Missing, "confidentiality: programs may not read kernel memory", "boot with lockdown=integrity, or none"
	}
	return f
}

func tracefs() Finding {
	mountTracefs()
	const events = "/sys/kernel/tracing/events"
	_, err := os.Stat(events)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return Finding{"tracefs", Partial, "it may not be read: the source file lacks its hooks", "add CAP_DAC_READ_SEARCH, or run it with sudo"}
	case err != nil:
		return Finding{"tracefs", Partial, "it is not mounted: the source file lacks its hooks", "mount -t tracefs tracefs /sys/kernel/tracing"}
	}
	return Finding{Name: "tracefs", State: Available, Says: "mounted"}
}

// sources attaches each source's programs, and detaches them again.
func sources() []Finding {
	var all []Finding
	for _, name := range AllSources() {
		all = append(all, source(name))
	}
	return all
}

func source(name string) Finding {
	f := Finding{Name: "source " + name, State: Available, Says: "all its programs attach"}
	p, err := bpf.Load(bpf.Config{Sources: []string{name}})
	if err != nil {
		err = explain(err)
		f.State, f.Says = Missing, err.Error()
		var hint HintError
		if errors.As(err, &hint) {
			f.Remedy = hint.Hint()
		}
		return f
	}
	var lacks []string
	for _, m := range p.Missing() {
		lacks = append(lacks, fmt.Sprintf("%s (%s: %s)", m.Loses, m.Hook, m.Reason))
	}
	if len(lacks) > 0 {
		f.State, f.Says = Partial, "without "+strings.Join(lacks, "; ")
	}
	if err := p.Release(); err != nil {
		f.State, f.Says = Partial, err.Error()
	}
	return f
}
