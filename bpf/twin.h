/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Since 6.19 a program at a tracepoint in process context can be preempted, and
 * while it is, the kernel skips it for whoever runs on that CPU. So hooks there
 * have a second program with the same body, the twin: it runs right behind the
 * first and does what that did not do. Where whole crowds pass, as they do when
 * processes end, there is a third one. Only when all are preempted on one CPU at
 * once is an event lost; the loader counts that. A program that keeps others
 * from its CPU (bpf_preempt_disable) does not help: it is preempted as it stops
 * to, and that is still inside of it.
 *
 * Connections change their state in process context and in interrupts, so that on
 * every kernel one program may come while another is at it, and is skipped: two in
 * a hundred thousand connections. That program has its twin everywhere.
 */
#ifndef EBREC_TWIN_H
#define EBREC_TWIN_H

#include "maps.h"

const volatile bool twins = false; /* there are */

enum twin { twin_exec, twin_rename, twin_exit, twin_state, twin_segment, twin_send, twin_receive, twin_receive_call, twin_retransmit, twin_reset_in, twin_reset_out };

/* Events that a first program handles and its twin has not met yet. */
struct twin_key {
	__u64 what; /* the object that the event is about */
	__u32 tid;  /* the thread that it runs on */
	__u32 hook;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, struct twin_key);
	__type(value, __u8);
} handled SEC(".maps");

/* handle is called by the first program. */
static __always_inline void handle(enum twin hook, const void *what)
{
	struct twin_key k = { .what = (__u64)what, .hook = hook };
	__u8 one = 1;

	if (!twins && hook != twin_state)
		return;
	k.tid = bpf_get_current_pid_tgid();
	bpf_map_update_elem(&handled, &k, &one, BPF_ANY);
}

/* missed tells a twin whether those before it were skipped, and counts it. The
 * last one forgets the event. */
static __always_inline bool missed(enum twin hook, const void *what, enum source s, bool last)
{
	struct twin_key k = { (__u64)what, (__u32)bpf_get_current_pid_tgid(), hook };
	struct counters *c;
	__u8 one = 1;

	if (last) {
		if (!(int)bpf_map_delete_elem(&handled, &k))
			return false;
	} else {
		if (bpf_map_lookup_elem(&handled, &k))
			return false;
		bpf_map_update_elem(&handled, &k, &one, BPF_ANY);
	}
	c = cpu_counters();
	if (c)
		__sync_fetch_and_add(&c->saved[s], 1);
	return true;
}

#endif
