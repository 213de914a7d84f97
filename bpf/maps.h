/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * What every program shares: the ring, the counters, the window of the
 * recording and the filter. Each object declares them; the loader gives all
 * objects the same maps.
 */
#ifndef EBREC_MAPS_H
#define EBREC_MAPS_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "ebrec.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before loading. */
const volatile __u64 wakeup_bytes = 2 << 20; /* wake the reader when this much is pending */
const volatile bool filtered = false;        /* record only the processes in targets */
const volatile bool by_cgroup = false;       /* processes may leave them again */

/*
 * The window of the recording, in boot time. Programs attach before it opens
 * and count nothing outside it, so that all CPUs begin and end at one instant.
 */
struct window {
	__u64 opens;
	__u64 closes;
	__u32 shed; /* not 0: switches are counted, not recorded */
	__u32 self; /* process whose own events are left out: the recorder; 0: none */
	__u32 connects4; /* not 0: on_connect4_return is there */
	__u32 connects6; /* not 0: on_connect6_return is */
	__u64 canary; /* inode number of a socket that every listing must have; 0: none */
};
struct window window SEC(".data.window") = { ~0ULL, ~0ULL, 0, 0, 0, 0, 0 };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

/* Counters of one CPU; written by that CPU alone. */
struct counters {
	__u64 seen[SOURCES];
	__u64 lost[SOURCES * LOSS_REASONS];
	__u64 left_out; /* events of the recorder itself */
	__u64 wakeups;  /* of the reader */
	__u64 saved[SOURCES]; /* events that only a twin handled */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

/* A number is another process's as soon as a process was waited for, which may not
 * have left its CPU for the last time yet: only with its start it is one's own. */
struct process_id {
	__u64 start;
	__u64 tgid; /* 64 bits: no padding in a key */
};

/* Processes to record when filtered, and why. One that left stays until it is
 * freed: its threads are on their CPUs still. */
#define TARGET_FAMILY 1 /* asked for, or a descendant of one that is */
#define TARGET_CGROUP 2 /* in a cgroup that was asked for */
struct target {
	__u64 joined; /* when it became one while it lived; 0: from its start, or from the beginning */
	__u64 left;   /* when it was one no more, at last; 0: never */
	__u32 why;    /* 0: it left */
	__u32 reserved;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, struct process_id);
	__type(value, struct target);
} targets SEC(".maps");

static __always_inline bool within(__u64 now)
{
	return now >= window.opens && now <= window.closes;
}

static __always_inline struct process_id process_of(struct task_struct *p)
{
	struct process_id id = { p->group_leader->start_boottime, (__u32)p->tgid };

	return id;
}

/* this_process is the one that runs here. */
static __always_inline struct process_id this_process(void)
{
	struct task_struct *p = (void *)bpf_get_current_task();
	struct process_id id = { BPF_CORE_READ(p, group_leader, start_boottime), bpf_get_current_pid_tgid() >> 32 };

	return id;
}

static __always_inline bool is_target(struct process_id id)
{
	struct target *t = bpf_map_lookup_elem(&targets, &id);

	return t && t->why;
}

static __always_inline bool wanted(struct task_struct *p)
{
	return !filtered || is_target(process_of(p));
}

/* wanted_here is for the process that runs here. */
static __always_inline bool wanted_here(void)
{
	return !filtered || is_target(this_process());
}

static __always_inline struct counters *cpu_counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

/* ours tells whether an event is of the recorder itself, and counts it. */
static __always_inline bool ours(__u32 tgid)
{
	struct counters *c;

	if (!window.self || tgid != window.self)
		return false;
	c = cpu_counters();
	if (c)
		__sync_fetch_and_add(&c->left_out, 1);
	return true;
}

/* count_lost is for an event that does not come as far as begin. */
static __always_inline void count_lost(enum source s, enum loss_reason why)
{
	struct counters *c = cpu_counters();

	if (!c)
		return;
	__sync_fetch_and_add(&c->seen[s], 1);
	__sync_fetch_and_add(&c->lost[s * LOSS_REASONS + why], 1);
}

static __always_inline void head(struct header *h, __u16 kind, __u64 now)
{
	h->time = now;
	h->kind = kind;
	h->cpu = bpf_get_smp_processor_id();
	h->seq = 0;
}

/* begin reserves a record and fills its header; NULL when it is lost (and counted). */
static __always_inline void *begin(__u64 size, __u16 kind, enum source s, __u64 now)
{
	struct counters *c = cpu_counters();
	struct header *h;

	if (!c)
		return NULL;
	/* Programs of one CPU interrupt each other (softirq, irq), hence atomics. */
	__sync_fetch_and_add(&c->seen[s], 1);
	h = bpf_ringbuf_reserve(&ring, size, 0);
	if (!h) {
		__sync_fetch_and_add(&c->lost[s * LOSS_REASONS + loss_reason_ring_full], 1);
		return NULL;
	}
	head(h, kind, now);
	return h;
}

/* submit hands a record over and wakes the reader only when much is pending:
 * a wakeup per record costs the recorded machine microseconds each. */
static __always_inline __u64 wakeup(void)
{
	struct counters *c;

	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < wakeup_bytes)
		return BPF_RB_NO_WAKEUP;
	c = cpu_counters();
	if (c)
		__sync_fetch_and_add(&c->wakeups, 1);
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void submit(void *record)
{
	bpf_ringbuf_submit(record, wakeup());
}

#endif
