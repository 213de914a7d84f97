/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Every difference between kernels, under the version and commit that made it. */
#ifndef EBREC_QUIRKS_H
#define EBREC_QUIRKS_H

#include "maps.h"

/*
 * 5.18, commit fa2c3254d7cf: sched_switch passes the state that the scheduler
 * decided on. Before, only the task has it, and a wakeup on another CPU may
 * already have changed it. The loader knows the tracepoint's arguments.
 */
const volatile bool switch_has_state = false;

#define TASK_DEAD 0x80

static __always_inline __u32 state_of(struct task_struct *p)
{
	if (bpf_core_field_exists(p->__state))
		return BPF_CORE_READ(p, __state);
	return BPF_CORE_READ((struct task_struct___before_5_14 *)p, state);
}

static __always_inline __u32 prev_state(__u64 *ctx, struct task_struct *prev)
{
	return switch_has_state ? (__u32)ctx[3] : state_of(prev);
}

/*
 * From 6.15 on tcp_retransmit_skb comes, too, when a segment could not be sent
 * again, and has the error.
 */
const volatile bool retransmit_has_error = false;

static __always_inline bool not_sent(__u64 *ctx)
{
	return retransmit_has_error && (int)ctx[2];
}

/* Whether a task is on a CPU. An int until 7.0, then a byte; its low byte is
 * the same in both. */
static __always_inline __u8 on_cpu(struct task_struct *p)
{
	__u8 on = 0;

	bpf_core_read(&on, sizeof(on), &p->on_cpu);
	return on;
}

/* The CPU that a task runs on or ran on last; see vmlinux.h for the two places. */
static __always_inline __u16 cpu_of(struct task_struct *p)
{
	if (bpf_core_field_exists(p->thread_info.cpu))
		return BPF_CORE_READ(p, thread_info.cpu);
	return BPF_CORE_READ((struct task_struct___before_5_16 *)p, cpu);
}

#endif
