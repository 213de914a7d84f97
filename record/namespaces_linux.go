// SPDX-License-Identifier: Apache-2.0

package record

import (
	"strings"

	"golang.org/x/sys/unix"
)

// namespace is a kind of namespace of which the recorder may be in one of its own,
// and what that means.
type namespace struct {
	name    string // in /proc/self/ns
	initial uint64 // inode number of the initial one (include/linux/proc_ns.h)
	state   State
	says    string
	remedy  string
}

var namespaces = []namespace{
	{"user", 0xEFFFFFFD, Missing, "user: privileges in it count for nothing, the kernel wants those of the machine", "run it in the machine's user namespace (docker: without userns-remap; podman: as root)"},
	{"pid", 0xEFFFFFFC, Partial, "pid: of processes outside of it, connections older than a recording are not listed, and the CPU time of slices that go on as sums are read is known within bounds", "run it in the machine's pid namespace (docker run --pid=host)"},
	{"cgroup", 0xEFFFFFFB, Available, "cgroup: --cgroup takes what is below its root; paths are from the machine's root", ""},
	{"time", 0xEFFFFFFA, Available, "time: its clock is moved; times are the machine's", ""},
}

// own tells whether the recorder is in a namespace that is not the initial one.
func (n *namespace) own() bool {
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/"+n.name, &st) == nil && st.Ino != n.initial
}

// inNamespaces says which namespaces of its own the recorder is in.
func inNamespaces() Finding {
	f := Finding{Name: "namespaces", State: Available, Says: "the machine's"}
	worst := map[State]int{Available: 0, Partial: 1, Missing: 2}
	var says, remedies []string
	for _, n := range namespaces {
		if !n.own() {
			continue
		}
		says = append(says, n.says)
		if n.remedy != "" {
			remedies = append(remedies, n.remedy)
		}
		if worst[n.state] > worst[f.State] {
			f.State = n.state
		}
	}
	if len(says) > 0 {
		f.Says, f.Remedy = "of its own: "+strings.Join(says, "; "), strings.Join(remedies, "; ")
	}
	return f
}
