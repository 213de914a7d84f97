/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Calls that open files, from their begin to their row. */
#ifndef EBREC_OPENS_H
#define EBREC_OPENS_H

#include "quirks.h"
#include "text.h"

/* A call under way. */
struct call {
	__u64 since;
	const char *path;          /* in the process's memory */
	const struct open_how *how; /* there, too: has the flags, if not NULL */
	__u32 flags;
	enum open_call call;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, __u64); /* pid and tid */
	__type(value, struct call);
} calls SEC(".maps");

/* What the kernel returns of a call that it may restart (include/linux/errno.h). */
#define ERESTARTSYS 512    /* unless a handler without SA_RESTART runs */
#define ERESTARTNOINTR 513 /* in any case */
#define ERESTARTNOHAND 514 /* unless a handler runs */
#define EINTR 4
#define SA_RESTART 0x10000000
#define SIG_IGN 1 /* and SIG_DFL 0 */

/* A call that a signal interrupted. It goes on when its thread makes the same call
 * at the same place, after the handler, if one ran, has returned. */
struct interrupted {
	struct call call;
	__u32 code;
	bool_t handled;  /* a handler was begun */
	bool_t returned; /* and has returned */
	__u16 reserved;
};
struct place {
	__u64 id; /* pid and tid */
	__u64 stack;
};
/* What a handler never returned to (longjmp) is pushed out by others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, struct place);
	__type(value, struct interrupted);
} interrupted SEC(".maps");

static __always_inline struct place here(void)
{
	struct place p = { bpf_get_current_pid_tgid(), user_stack() };

	return p;
}

/* resume takes the beginning of a call from the one that it goes on with. */
static __always_inline void resume(struct call *c)
{
	struct place p = here();
	struct interrupted *was = bpf_map_lookup_elem(&interrupted, &p);

	if (!was || (was->handled && !was->returned))
		return;
	if (was->call.path == c->path && was->call.how == c->how && was->call.flags == c->flags && was->call.call == c->call)
		c->since = was->call.since;
	bpf_map_delete_elem(&interrupted, &p);
}

static __always_inline int enter(struct call c)
{
	__u64 id = bpf_get_current_pid_tgid();

	c.since = bpf_ktime_get_boot_ns();
	if (!within(c.since) || !wanted_here() || ours(id >> 32))
		return 0;
	resume(&c);
	if (bpf_map_update_elem(&calls, &id, &c, BPF_ANY))
		count_lost(source_file, loss_reason_map_full);
	return 0;
}

/* flags_of are those of a call; like the path, the kernel has paged them in by its
 * return. */
static __always_inline __u32 flags_of(struct call *c)
{
	__u64 flags = 0;

	if (!c->how)
		return c->flags;
	bpf_probe_read_user(&flags, sizeof(flags), c->how);
	return flags;
}

static __always_inline void emit_open(struct call *c, long ret, __u64 now, __u32 program)
{
	__u64 id = bpf_get_current_pid_tgid(), n;
	struct open *e = draft(program, 15, now);

	if (!e)
		return;
	e->h.pid = id >> 32;
	e->h.tid = id;
	e->open_ns = now - c->since;
	e->flags = flags_of(c);
	e->error = ret < 0 ? -ret : 0;
	e->fd = ret < 0 ? -1 : ret;
	e->open_call = c->call;
	bpf_get_current_comm(&e->comm, sizeof(e->comm));
	__builtin_memset(e->reserved, 0, sizeof(e->reserved));
	n = measured(e->path, c->path ? bpf_probe_read_user_str(&e->path, TEXT_READ, c->path) : 0, &e->cut);
	send(e, offsetof(struct open, path) + n, source_file);
}

/* interrupt keeps a call that a signal ended for now. */
static __always_inline void interrupt(struct call *c, long ret)
{
	struct interrupted i = { .call = *c, .code = -ret };
	struct place p = here();

	bpf_map_update_elem(&interrupted, &p, &i, BPF_ANY);
}

static __always_inline int leave(long ret, __u32 program)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_boot_ns();
	struct call *c = bpf_map_lookup_elem(&calls, &id);

	if (!c)
		return 0;
	if (within(now)) {
		if (ret <= -ERESTARTSYS && ret >= -ERESTARTNOHAND)
			interrupt(c, ret);
		else
			emit_open(c, ret, now, program);
	}
	bpf_map_delete_elem(&calls, &id);
	return 0;
}

#endif
