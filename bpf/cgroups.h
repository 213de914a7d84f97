/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The paths of the cgroups that tasks are in, from the root of the hierarchy: a
 * mount shows those below the root of a cgroup namespace only, and from there.
 */
#ifndef EBREC_CGROUPS_H
#define EBREC_CGROUPS_H

#include "text.h"

/* Cgroups that were told in this listing, by id; emptied by who reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);
	__type(value, __u8);
} told_cgroups SEC(".maps");

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *kn)
{
	struct kernfs_node___since_6_15 *newer = (void *)kn;

	if (bpf_core_field_exists(newer->__parent))
		return BPF_CORE_READ(newer, __parent);
	return BPF_CORE_READ(kn, parent);
}

#define LEVELS 256 /* of cgroups, at most: bounded for the verifier */
#define NAME_SIZE 256 /* of a cgroup (NAME_MAX), with the NUL */

/*
 * names_of writes a cgroup's name, that of the one it is in, and so on, each with its
 * NUL: the recorder makes the path of them. The path that the tracepoints bring ends
 * at 1,023 bytes. Returns how many bytes that is.
 */
static __always_inline __u64 names_of(struct kernfs_node *kn, char *to, bool_t *cut)
{
	struct kernfs_node *parent = parent_of(kn);
	__u64 bytes = 0;
	long n;

	for (int level = 0; level < LEVELS && parent && bytes < sizeof(path_t); level++) {
		n = bpf_probe_read_kernel_str(to + bytes, NAME_SIZE, BPF_CORE_READ(kn, name));
		if (n < 1)
			break;
		bytes += n;
		kn = parent;
		parent = parent_of(kn);
	}
	*cut = parent || bytes >= sizeof(path_t);
	return bytes;
}

/* tell_cgroup writes a cgroup's names, once a listing. What the reader has no room
 * for is asked for again. One reader at a time lists, so its programs share a draft. */
static __always_inline int tell_cgroup(struct seq_file *seq, struct task_struct *p, __u32 program)
{
	struct kernfs_node *kn = BPF_CORE_READ(p, cgroups, dfl_cgrp, kn);
	struct cgroup_names *row = bpf_map_lookup_elem(&drafts, &program);
	bool_t cut;
	__u64 id = BPF_CORE_READ(kn, id), n;
	__u8 one = 1;

	if (!row || bpf_map_lookup_elem(&told_cgroups, &id))
		return 0;
	n = names_of(kn, (char *)(row + 1), &cut);
	row->id = id;
	row->bytes = n;
	row->cut = cut;
	if (n < sizeof(path_t) + NAME_SIZE && !bpf_seq_write(seq, row, sizeof(*row) + n))
		bpf_map_update_elem(&told_cgroups, &id, &one, BPF_ANY);
	return 0;
}

#endif
