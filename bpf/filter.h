/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Which processes are recorded: the programs that see them change keep targets. */
#ifndef EBREC_FILTER_H
#define EBREC_FILTER_H

#include "maps.h"

const volatile bool by_comm = false;
const volatile bool by_cgroup = false;

/* Names that make a process a target. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, comm_t);
	__type(value, __u8);
} comms SEC(".maps");

/* Cgroups, by id, whose processes are targets; those made below one join. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);
	__type(value, __u8);
} cgroups SEC(".maps");

static __always_inline void set_target(__u32 tgid, __u8 why)
{
	if (bpf_map_update_elem(&targets, &tgid, &why, BPF_ANY))
		count_lost(source_process, loss_reason_map_full);
}

static __always_inline __u8 why_target(__u32 tgid)
{
	__u8 *why = bpf_map_lookup_elem(&targets, &tgid);

	return why ? *why : 0;
}

/* follow makes a new process a target when the one that created it is, or for
 * the cgroup that it begins in. */
static __always_inline void follow(__u32 parent, struct task_struct *child)
{
	__u64 cgroup = child->cgroups->dfl_cgrp->kn->id;
	__u8 why;

	if (!filtered || child->pid != child->tgid)
		return;
	why = why_target(parent) & TARGET_FAMILY;
	if (by_cgroup && bpf_map_lookup_elem(&cgroups, &cgroup))
		why |= TARGET_CGROUP;
	if (why)
		set_target(child->tgid, why);
}

/* follow_name makes a process a target for the name that it takes. */
static __always_inline void follow_name(struct task_struct *p, const char *name)
{
	comm_t comm = {};

	if (!by_comm)
		return;
	bpf_probe_read_kernel_str(comm, sizeof(comm), name);
	if (bpf_map_lookup_elem(&comms, &comm))
		set_target(p->tgid, why_target(p->tgid) | TARGET_FAMILY);
}

/* follow_cgroup is told that a process is in another cgroup now. */
static __always_inline void follow_cgroup(struct task_struct *p, __u64 id)
{
	__u32 tgid = p->tgid;
	__u8 why;

	if (!by_cgroup)
		return;
	why = why_target(tgid) & TARGET_FAMILY;
	if (bpf_map_lookup_elem(&cgroups, &id))
		why |= TARGET_CGROUP;
	if (why)
		set_target(tgid, why);
	else
		bpf_map_delete_elem(&targets, &tgid);
}

/* follow_mkdir tells whether a new cgroup lies in one that was asked for. */
static __always_inline bool follow_mkdir(struct cgroup *made, __u64 id)
{
	__u64 parent = made->self.parent->cgroup->kn->id;
	__u8 one = 1;

	if (!by_cgroup || !bpf_map_lookup_elem(&cgroups, &parent))
		return false;
	if (bpf_map_update_elem(&cgroups, &id, &one, BPF_ANY))
		count_lost(source_process, loss_reason_map_full);
	return true;
}

#endif
