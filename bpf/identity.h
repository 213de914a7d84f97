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

/* Works on every struct that has IDENTITY after its header. */
#define identify(e, p)                                                          \
	do {                                                                    \
		(e)->h.pid = (p)->tgid;                                         \
		(e)->h.tid = (p)->pid;                                          \
		(e)->start = (p)->start_boottime;                               \
		(e)->ppid = (p)->real_parent->tgid;                             \
		(e)->kernel_thread = !!((p)->flags & PF_KTHREAD);               \
		(e)->running = on_cpu(p);                                       \
		(e)->reserved = 0;                                              \
		(e)->cgroup_id = (p)->cgroups->dfl_cgrp->kn->id;                \
		name_in_namespace(p, &(e)->ns_pid, &(e)->pid_namespace);        \
		bpf_probe_read_kernel(&(e)->comm, sizeof((e)->comm), &(p)->comm); \
	} while (0)

#endif
