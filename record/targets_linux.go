// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/bpf"
)

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

// aim tells the programs which of the processes there are to record: those
// chosen and their descendants. It looks again until it finds nobody new,
// because processes may be created before their parent is known.
func (s *session) aim() error {
	all, err := s.programs.Tasks()
	if err != nil {
		return err
	}
	if s.self, err = hostPID(all, uint32(os.Getpid())); err != nil {
		return err
	}
	if !s.options.IncludeSelf {
		if err := s.programs.LeaveOut(s.self); err != nil {
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
	known := map[bpf.Process]uint32{}
	for {
		added, err := s.spread(all, chosen, known)
		if err != nil {
			return err
		}
		if added == 0 {
			return s.release(all, known)
		}
		if all, err = s.programs.Tasks(); err != nil {
			return err
		}
	}
}

// chosen are the processes asked for by number, by their number in the initial
// pid namespace.
func (s *session) chosen(all []*bpf.ListedTask) (map[uint32]bool, error) {
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
// given one in ours, which those of namespaces below have, too.
func hostPID(all []*bpf.ListedTask, pid uint32) (uint32, error) {
	if !bpf.OwnPIDNamespace() {
		return pid, nil // without /proc there is no other way either
	}
	for _, t := range all {
		if t.OwnPID == pid {
			return t.T.H.PID, nil
		}
	}
	return 0, fmt.Errorf("record process %d: there is no such process in this pid namespace", pid)
}

// spread makes targets of the chosen, of who has a chosen name or cgroup, and
// of the children of those that are in the family.
func (s *session) spread(all []*bpf.ListedTask, chosen map[uint32]bool, known map[bpf.Process]uint32) (added int, err error) {
	starts := startsOf(all)
	for {
		before := added
		for _, t := range all {
			if t.T.H.PID != t.T.H.TID {
				continue
			}
			p := processOf(t)
			why := known[p] | s.why(&t.T, chosen, starts, known)
			if why == known[p] {
				continue
			}
			if err := s.programs.Target(p, why); err != nil {
				return added, err
			}
			known[p] = why
			added++
		}
		if added == before {
			return added, nil
		}
	}
}

// processOf is the process of a task that was listed.
func processOf(t *bpf.ListedTask) bpf.Process {
	return bpf.Process{PID: t.T.H.PID, Start: t.ProcessStart}
}

// startsOf are when the processes of a list started, by number.
func startsOf(all []*bpf.ListedTask) map[uint32]uint64 {
	starts := map[uint32]uint64{}
	for _, t := range all {
		starts[t.T.H.PID] = t.ProcessStart
	}
	return starts
}

// release lets those go that left the cgroups before the programs knew that they
// were in one.
func (s *session) release(all []*bpf.ListedTask, known map[bpf.Process]uint32) error {
	for _, t := range all {
		p := processOf(t)
		if t.T.H.PID != t.T.H.TID || known[p] != bpf.TargetCgroup || slices.Contains(s.cgroups, t.T.CgroupID) {
			continue
		}
		if now, _ := s.programs.TargetOf(p); now.Left != 0 || now.Joined != 0 { // a program saw it
			continue
		}
		if err := s.programs.Untarget(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) why(t *bpf.Task, chosen map[uint32]bool, starts map[uint32]uint64, known map[bpf.Process]uint32) (why uint32) {
	parent := bpf.Process{PID: t.PPID, Start: starts[t.PPID]}
	if chosen[t.H.PID] || known[parent]&bpf.TargetFamily != 0 || slices.Contains(s.options.Comms, text(t.Comm[:])) {
		why |= bpf.TargetFamily
	}
	if slices.Contains(s.cgroups, t.CgroupID) {
		why |= bpf.TargetCgroup
	}
	return why
}
