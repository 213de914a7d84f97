//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/* File opens: openat and openat2 with path, flags, result and latency. */
#include "maps.h"

struct open_how { __u64 flags; }; /* its first member; the rest does not matter here */

/* A call under way, by pid and tid. */
struct call {
	__u64 since;
	const char *path;
	__u64 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);
	__type(value, struct call);
} calls SEC(".maps");

ANCHOR(open);

static __always_inline int enter(const char *path, __u64 flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call c = { .since = bpf_ktime_get_boot_ns(), .path = path, .flags = flags };

	if (!within(c.since) || !wanted_here() || ours(id >> 32))
		return 0;
	if (bpf_map_update_elem(&calls, &id, &c, BPF_ANY))
		count_lost(source_file, loss_reason_map_full);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int on_openat(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_openat2")
int on_openat2(struct trace_event_raw_sys_enter *ctx)
{
	struct open_how how = {};

	bpf_probe_read_user(&how, sizeof(how), (void *)ctx->args[2]);
	return enter((const char *)ctx->args[1], how.flags);
}

static __always_inline void emit_open(struct call *c, __u64 id, long ret, __u64 now)
{
	struct open *e = begin(sizeof(*e), 15, source_file, now);
	long n;

	if (!e)
		return;
	e->h.pid = id >> 32;
	e->h.tid = id;
	e->open_ns = now - c->since;
	e->flags = c->flags;
	e->error = ret < 0 ? -ret : 0;
	e->fd = ret < 0 ? -1 : ret;
	bpf_get_current_comm(&e->comm, sizeof(e->comm));
	/* Read on return: by then the kernel has paged the string in. */
	n = bpf_probe_read_user_str(&e->path, sizeof(e->path), c->path);
	e->cut = n == sizeof(e->path);
	__builtin_memset(e->reserved, 0, sizeof(e->reserved));
	if (n < 0)
		e->path[0] = 0;
	submit(e);
}

static __always_inline int leave(long ret)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_boot_ns();
	struct call *c = bpf_map_lookup_elem(&calls, &id);

	if (!c)
		return 0;
	if (within(now))
		emit_open(c, id, ret, now);
	bpf_map_delete_elem(&calls, &id);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int on_openat_return(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int on_openat2_return(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}
