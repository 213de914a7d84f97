// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// groupID is what a row of sums is of: a process, a thread, or whatever has a
// name.
type groupID struct {
	processID
	tid    uint32
	name   string
	kernel bool
}

func compareGroups(a, b groupID) int {
	return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.start, b.start), cmp.Compare(a.tid, b.tid),
		cmp.Compare(a.name, b.name), cmp.Compare(boolInt(a.kernel), boolInt(b.kernel)))
}

// groups adds the threads of a ledger up as Options.By says.
type groups struct {
	by         string
	cgroups    map[uint64]string // paths by id
	containers map[uint64]string

	id, path, container format.Col
}

func newGroups(env *Env) *groups {
	c := env.Capture
	return &groups{
		by: env.Options.By, cgroups: map[uint64]string{}, containers: map[uint64]string{},
		id: c.Col("cgroup_id"), path: c.Col("cgroup"), container: c.Col("container"),
	}
}

// event learns a cgroup's path.
func (g *groups) event(e replay.Event) {
	id := e.Uint(g.id)
	g.cgroups[id], g.containers[id] = e.Str(g.path), e.Str(g.container)
}

// of adds up. Rows of threads have the threads' names.
func (g *groups) of(l *ledger) map[groupID]*process {
	all := addUp(l, g.group)
	for k, p := range all {
		if t := l.threads[threadID{k.tid, k.start}]; k.tid != 0 && t != nil {
			p.leader.Comm, p.named = t.comm, t.comm != "" || p.named
		}
	}
	return all
}

func (g *groups) group(id threadID, t *thread, leader *replay.Task) groupID {
	switch g.by {
	case "thread":
		return groupID{processID: processID{t.process.pid, id.start}, tid: id.tid}
	case "comm":
		return groupID{name: orNone(leader.Comm), kernel: leader.Kernel}
	case "cgroup":
		return groupID{name: g.cgroup(cgroupOf(t, leader)), kernel: leader.Kernel}
	case "container":
		return groupID{name: orNone(g.containers[cgroupOf(t, leader)]), kernel: leader.Kernel}
	}
	return groupID{processID: t.process}
}

// quotaNote is for waits by cgroup: what the kernel counts as one.
const quotaNote = "Time in which a cgroup's CPU quota (cpu.max) holds threads back counts as waiting; nr_throttled in its cpu.stat tells whether there is any."

// divides tells whether rows are of cgroups: processes go from one to another.
func (g *groups) divides() bool { return g.by == "cgroup" || g.by == "container" }

// cgroupOf is the cgroup of a thread, or that of its process where no row told.
func cgroupOf(t *thread, leader *replay.Task) uint64 {
	if t.cgroup != 0 {
		return t.cgroup
	}
	return leader.Cgroup
}

// cgroup is the path of a cgroup, or its number where that is not known.
func (g *groups) cgroup(id uint64) string {
	if path, ok := g.cgroups[id]; ok && (path == "" || path[0] == '/') {
		return path
	} else if ok { // the end of a path: others may have the same
		return fmt.Sprintf(".../%s (cgroup %d)", path, id)
	}
	return fmt.Sprintf("cgroup %d", id)
}

// orNone names what has no name.
func orNone(name string) string {
	if name == "" {
		return "(none)"
	}
	return name
}
