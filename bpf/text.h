/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Rows that end with a text take as many bytes of the ring as the text needs. Each
 * is put together in memory of its CPU and its program, and then copied: a program
 * that is preempted there is not run a second time on that CPU, another may be.
 */
#ifndef EBREC_TEXT_H
#define EBREC_TEXT_H

#include "maps.h"

struct draft { __u8 bytes[8192]; };
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 5); /* programs of an object that make drafts */
	__type(key, __u32);
	__type(value, struct draft);
} drafts SEC(".maps");

/* draft is a row to be filled in by the program that has this number. */
static __always_inline void *draft(__u32 program, __u16 kind, __u64 now)
{
	void *row = bpf_map_lookup_elem(&drafts, &program);

	if (row)
		head(row, kind, now);
	return row;
}

/* One more than a text may have: so it shows whether there is more. */
#define TEXT_READ (sizeof(path_t) + 1)

/* measured is the bytes of a text, its NUL among them, of which n were read; 1 when
 * it could not be. What is too long is cut. */
static __always_inline __u64 measured(char *text, long n, bool_t *cut)
{
	*cut = 0;
	if (n < 1) {
		text[0] = 0;
		return 1;
	}
	if (n <= (long)sizeof(path_t))
		return n;
	text[sizeof(path_t) - 1] = 0;
	*cut = 1;
	return sizeof(path_t);
}

/* send hands a row over; it is lost (and counted) when the ring has no room. */
static __always_inline void send(void *row, __u64 bytes, enum source s)
{
	struct counters *c = cpu_counters();

	if (!c)
		return;
	__sync_fetch_and_add(&c->seen[s], 1);
	if (bpf_ringbuf_output(&ring, row, bytes, wakeup()))
		__sync_fetch_and_add(&c->lost[s * LOSS_REASONS + loss_reason_ring_full], 1);
}

#endif
