// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/ebrec/ebrec/bpf"
)

// initialPIDNS is the inode number of the initial pid namespace
// (include/linux/proc_ns.h, PROC_PID_INIT_INO).
const initialPIDNS = 0xEFFFFFFC

// filtered tells whether only some processes are recorded.
func (o *Options) filtered() bool {
	return len(o.PIDs) > 0 || len(o.Comms) > 0 || len(o.Cgroups) > 0 || len(o.Command) > 0 && !o.All
}

func filterText(o Options) string {
	var parts []string
	if len(o.PIDs) > 0 {
		parts = append(parts, "processes "+strings.Trim(fmt.Sprint(o.PIDs), "[]"))
	}
	if len(o.Comms) > 0 {
		parts = append(parts, "processes named "+strings.Join(o.Comms, ", "))
	}
	if len(o.Command) > 0 && !o.All {
		parts = append(parts, "the recorded command")
	}
	text := strings.Join(parts, ", ")
	if text != "" {
		text += " and their children"
		if len(parts) == 1 && len(o.Command) > 0 && !o.All {
			text = "the recorded command and its children"
		}
	}
	if len(o.Cgroups) > 0 {
		text = strings.TrimPrefix(text+"; processes in cgroup "+strings.Join(o.Cgroups, ", "), "; ")
	}
	return text
}

// tasks are the tasks there are.
func tasks(p *bpf.Programs) ([]*bpf.Task, error) {
	data, err := p.Tasks()
	if err != nil {
		return nil, err
	}
	var all []*bpf.Task
	for rec := range slices.Chunk(data, len(bpf.Bytes(new(bpf.Task)))) {
		all = append(all, bpf.View[bpf.Task](rec))
	}
	return all, nil
}

// aim tells the programs which of the processes there are to record: those
// chosen and their descendants. It looks again until it finds nobody new,
// because processes may be created before their parent is known.
func (s *session) aim() error {
	all, err := tasks(s.programs)
	if err != nil {
		return err
	}
	if !s.options.IncludeSelf {
		if err := s.leaveOutSelf(all); err != nil {
			return err
		}
	}
	if !s.options.filtered() {
		return nil
	}
	chosen, err := s.chosen(all)
	if err != nil {
		return err
	}
	known := map[uint32]uint8{}
	for {
		added, err := s.spread(all, chosen, known)
		if err != nil || added == 0 {
			return err
		}
		if all, err = tasks(s.programs); err != nil {
			return err
		}
	}
}

func (s *session) leaveOutSelf(all []*bpf.Task) error {
	self, err := hostPID(all, uint32(os.Getpid()))
	if err != nil {
		return err
	}
	return s.programs.LeaveOut(self)
}

// chosen are the processes asked for by number, by their number in the initial
// pid namespace.
func (s *session) chosen(all []*bpf.Task) (map[uint32]bool, error) {
	pids := slices.Clone(s.options.PIDs)
	if s.command != nil && !s.options.All {
		pids = append(pids, s.command.pid())
	}
	chosen := map[uint32]bool{}
	for _, pid := range pids {
		host, err := hostPID(all, pid)
		if err != nil {
			return nil, err
		}
		chosen[host] = true
	}
	return chosen, nil
}

// hostPID is the number in the initial pid namespace of a process that has the
// given one in ours.
func hostPID(all []*bpf.Task, pid uint32) (uint32, error) {
	var st syscall.Stat_t
	if err := syscall.Stat("/proc/self/ns/pid", &st); err != nil || st.Ino == initialPIDNS {
		return pid, nil // without /proc there is no other way either
	}
	for _, t := range all {
		if uint64(t.PIDNamespace) == st.Ino && t.NSPID == pid {
			return t.H.PID, nil
		}
	}
	return 0, fmt.Errorf("record process %d: it is not in this pid namespace", pid)
}

// spread makes targets of the chosen, of who has a chosen name or cgroup, and
// of the children of those that are in the family.
func (s *session) spread(all []*bpf.Task, chosen map[uint32]bool, known map[uint32]uint8) (added int, err error) {
	for {
		before := added
		for _, t := range all {
			if t.H.PID != t.H.TID {
				continue
			}
			why := known[t.H.PID] | s.why(t, chosen, known)
			if why == known[t.H.PID] {
				continue
			}
			if err := s.programs.Target(t.H.PID, why); err != nil {
				return added, err
			}
			known[t.H.PID] = why
			added++
		}
		if added == before {
			return added, nil
		}
	}
}

func (s *session) why(t *bpf.Task, chosen map[uint32]bool, known map[uint32]uint8) (why uint8) {
	if chosen[t.H.PID] || known[t.PPID]&bpf.TargetFamily != 0 || slices.Contains(s.options.Comms, text(t.Comm[:])) {
		why |= bpf.TargetFamily
	}
	if slices.Contains(s.cgroups, t.CgroupID) {
		why |= bpf.TargetCgroup
	}
	return why
}
