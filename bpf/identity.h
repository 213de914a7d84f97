/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Who a task is, read from its task_struct. */
#ifndef EBREC_IDENTITY_H
#define EBREC_IDENTITY_H

#include "quirks.h"

#define PF_KTHREAD 0x00200000

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
		bpf_probe_read_kernel(&(e)->comm, sizeof((e)->comm), &(p)->comm); \
	} while (0)

#endif
