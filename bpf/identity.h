/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Who a task is, read from its task_struct. */
#ifndef EBREC_IDENTITY_H
#define EBREC_IDENTITY_H

#include "quirks.h"

#define PF_KTHREAD 0x00200000

#define PIDTYPE_TGID 1

/* name_in_namespace finds what a process calls itself: its number in the
 * innermost of the pid namespaces that it has one in. */
static __always_inline void name_in_namespace(struct task_struct *p, __u32 *number, __u32 *ns)
{
	struct pid *pid = BPF_CORE_READ(p, signal, pids[PIDTYPE_TGID]);
	__u64 level = BPF_CORE_READ(pid, level);
	struct upid own = {};

	bpf_core_read(&own, bpf_core_type_size(struct upid),
		      (void *)pid + bpf_core_field_offset(pid->numbers) + level * bpf_core_type_size(struct upid));
	*number = own.nr;
	*ns = BPF_CORE_READ(own.ns, ns.inum);
}

/* own_number is the number that something has in the pid namespace of who runs
 * this; 0: none. */
static __always_inline __u32 own_number(struct pid *pid)
{
	struct pid *mine = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), thread_pid);
	__u32 level = BPF_CORE_READ(mine, level), size = bpf_core_type_size(struct upid);
	struct upid own = {}, other = {};

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	bpf_core_read(&own, size, (void *)mine + bpf_core_field_offset(mine->numbers) + (__u64)level * size);
	bpf_core_read(&other, size, (void *)pid + bpf_core_field_offset(pid->numbers) + (__u64)level * size);
	return own.ns == other.ns ? other.nr : 0;
}

/* Two ways to read p->a->b: with types, and of an address that was found. */
#define TYPED(p, a...) ___arrow(p, a)
#define FOUND(p, a...) BPF_CORE_READ(p, a)

/* Works on every struct that has IDENTITY after its header. */
#define identify(e, p) identify_by(TYPED, e, p)
#define identify_by(READ, e, p)                                                 \
	do {                                                                    \
		(e)->h.pid = READ(p, tgid);                                     \
		(e)->h.tid = READ(p, pid);                                      \
		(e)->start = READ(p, start_boottime);                           \
		(e)->ppid = READ(p, real_parent, tgid);                         \
		(e)->kernel_thread = !!(READ(p, flags) & PF_KTHREAD);           \
		(e)->running = on_cpu(p);                                       \
		(e)->reserved = 0;                                              \
		(e)->cgroup_id = READ(p, cgroups, dfl_cgrp, kn, id);            \
		name_in_namespace(p, &(e)->ns_pid, &(e)->pid_namespace);        \
		bpf_probe_read_kernel(&(e)->comm, sizeof((e)->comm), &(p)->comm); \
	} while (0)

#endif
