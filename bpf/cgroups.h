/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The paths of the cgroups that tasks are in, from the root of the hierarchy: a
 * mount shows those below the root of a cgroup namespace only, and from there.
 */
#ifndef EBREC_CGROUPS_H
#define EBREC_CGROUPS_H

#include "maps.h"

/* Cgroups that were told in this listing, by id; emptied by who reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);
	__type(value, __u8);
} told_cgroups SEC(".maps");

#define LEVELS 64

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *kn)
{
	struct kernfs_node___since_6_15 *newer = (void *)kn;

	if (bpf_core_field_exists(newer->__parent))
		return BPF_CORE_READ(newer, __parent);
	return BPF_CORE_READ(kn, parent);
}

/* tell_cgroup writes the names of a cgroup and of those above it, up to the root,
 * once a listing. What the reader has no room for is asked for again. */
static __always_inline int tell_cgroup(struct seq_file *seq, struct task_struct *p)
{
	struct kernfs_node *kn = BPF_CORE_READ(p, cgroups, dfl_cgrp, kn);
	struct cgroup_part part = {};
	__u8 one = 1;

	part.id = BPF_CORE_READ(kn, id);
	if (bpf_map_lookup_elem(&told_cgroups, &part.id))
		return 0;
	for (int i = 0; i < LEVELS; i++) {
		struct kernfs_node *above = parent_of(kn);

		part.root = !above;
		bpf_probe_read_kernel_str(part.name, sizeof(part.name), BPF_CORE_READ(kn, name));
		if (bpf_seq_write(seq, &part, sizeof(part)))
			return 0;
		if (!above)
			break;
		kn = above;
	}
	bpf_map_update_elem(&told_cgroups, &part.id, &one, BPF_ANY);
	return 0;
}

#endif
