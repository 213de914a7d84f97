/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Which processes are recorded: the programs that see them change keep targets. */
#ifndef EBREC_FILTER_H
#define EBREC_FILTER_H

#include "maps.h"

const volatile bool by_comm = false;

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

static __always_inline void put_target(struct process_id id, struct target t)
{
	if (bpf_map_update_elem(&targets, &id, &t, BPF_ANY))
		count_lost(source_process, loss_reason_map_full);
}

static __always_inline __u32 why_target(struct process_id id)
{
	struct target *t = bpf_map_lookup_elem(&targets, &id);

	return t ? t->why : 0;
}

/* set_target gives a living process its reasons to be a target; 0: none. */
static __always_inline void set_target(struct process_id id, __u32 why, __u64 now)
{
	struct target *was = bpf_map_lookup_elem(&targets, &id);
	struct target t = { .joined = now, .why = why };

	if (!why && !(was && was->why))
		return;
	if (was && was->why)
		t.joined = was->joined;
	if (was)
		t.left = why ? was->left : now;
	put_target(id, t);
}

/* follow makes a new process a target when the one that created it is, or for
 * the cgroup that it begins in. */
static __always_inline void follow(struct task_struct *child)
{
	__u64 cgroup = child->cgroups->dfl_cgrp->kn->id;
	struct target t = {};

	if (!filtered || child->pid != child->tgid)
		return;
	t.why = why_target(this_process()) & TARGET_FAMILY;
	if (by_cgroup && bpf_map_lookup_elem(&cgroups, &cgroup))
		t.why |= TARGET_CGROUP;
	if (t.why)
		put_target(process_of(child), t);
}

/* follow_name makes a process a target for the name that it takes. */
static __always_inline void follow_name(struct task_struct *p, const char *name, __u64 now)
{
	struct process_id id = process_of(p);
	comm_t comm = {};

	if (!by_comm)
		return;
	bpf_probe_read_kernel_str(comm, sizeof(comm), name);
	if (bpf_map_lookup_elem(&comms, &comm))
		set_target(id, why_target(id) | TARGET_FAMILY, now);
}

/* follow_cgroup is told that a process is in another cgroup now. It tells whether
 * the process left the targets by that. */
static __always_inline bool follow_cgroup(struct task_struct *p, __u64 cgroup, __u64 now)
{
	struct process_id id = process_of(p);
	__u32 was, why;

	if (!by_cgroup)
		return false;
	was = why_target(id);
	why = was & TARGET_FAMILY;
	if (bpf_map_lookup_elem(&cgroups, &cgroup))
		why |= TARGET_CGROUP;
	set_target(id, why, now);
	return was && !why;
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
