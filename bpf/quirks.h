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

/*
 * 6.1, commit f5d39b020809: a thread that the freezer holds (suspension, cgroup
 * version 1) is in state TASK_FROZEN. Before it was TASK_UNINTERRUPTIBLE, and the
 * flag PF_FROZEN told; the flag's bit means something else since. The loader knows
 * a function of the new freezer.
 */
const volatile bool freezer_has_state = false;

#define TASK_INTERRUPTIBLE 0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_RTLOCK_WAIT 0x1000 /* from 5.15 on, on real-time kernels; 0 before */
#define TASK_FROZEN 0x8000
#define PF_FROZEN 0x00010000

/*
 * A thread in a cgroup of version 2 that is frozen sleeps interruptibly, and
 * counts as frozen. One that is stopped, or waits for vfork, counts as frozen as
 * well, whether its cgroup is or not, but sleeps otherwise.
 */
static __always_inline bool is_frozen(struct task_struct *p, __u32 state)
{
	if (state & TASK_FROZEN)
		return true;
	if (state & TASK_UNINTERRUPTIBLE)
		return !freezer_has_state && p->flags & PF_FROZEN;
	return state & TASK_INTERRUPTIBLE && bpf_core_field_exists(p->frozen) && BPF_CORE_READ_BITFIELD_PROBED(p, frozen);
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

/*
 * 5.15, commit dd6e10fbd9fb: bpf_task_pt_regs. Before, the stack pointer of the
 * current thread in user space is unknown: 0.
 */
static __always_inline __u64 user_stack(void)
{
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return 0;
	return BPF_CORE_READ((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()), sp);
}

/*
 * Where the frame of a signal's handler has the stack pointer of what was
 * interrupted, from the stack pointer as the handler returns (rt_sigreturn). Part of
 * each architecture's ABI: struct rt_sigframe. Nothing is traced as that call ends.
 */
const volatile __u64 saved_stack_at = 0;

static __always_inline __u64 saved_stack(void)
{
	__u64 stack = user_stack(), saved = 0;

	if (stack)
		bpf_probe_read_user(&saved, sizeof(saved), (void *)(stack + saved_stack_at));
	return saved;
}

/* The CPU that a task runs on or ran on last; see vmlinux.h for the two places. */
static __always_inline __u16 cpu_of(struct task_struct *p)
{
	if (bpf_core_field_exists(p->thread_info.cpu))
		return BPF_CORE_READ(p, thread_info.cpu);
	return BPF_CORE_READ((struct task_struct___before_5_16 *)p, cpu);
}

#endif
