//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/* File opens by system calls, with path, flags, result and latency. */
#include "opens.h"

ANCHOR(open);

/* The programs that make rows. Those of system calls share a draft: the kernel runs
 * one of their type at a time on a CPU. */
enum { draft_return, draft_signal };

#define O_CREAT_WRONLY_TRUNC 01101

SEC("tracepoint/syscalls/sys_enter_openat")
int on_openat(struct trace_event_raw_sys_enter *ctx)
{
	return enter((struct call){ .path = (char *)ctx->args[1], .flags = ctx->args[2], .call = open_call_openat });
}

SEC("tracepoint/syscalls/sys_enter_openat2")
int on_openat2(struct trace_event_raw_sys_enter *ctx)
{
	return enter((struct call){ .path = (char *)ctx->args[1], .how = (void *)ctx->args[2], .call = open_call_openat2 });
}

SEC("tracepoint/syscalls/sys_enter_open")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
	return enter((struct call){ .path = (char *)ctx->args[0], .flags = ctx->args[1], .call = open_call_open });
}

SEC("tracepoint/syscalls/sys_enter_creat")
int on_creat(struct trace_event_raw_sys_enter *ctx)
{
	return enter((struct call){ .path = (char *)ctx->args[0], .flags = O_CREAT_WRONLY_TRUNC, .call = open_call_creat });
}

SEC("tracepoint/syscalls/sys_enter_open_by_handle_at")
int on_open_by_handle(struct trace_event_raw_sys_enter *ctx)
{
	return enter((struct call){ .flags = ctx->args[2], .call = open_call_open_by_handle_at });
}

SEC("tracepoint/syscalls/sys_exit_openat")
int on_openat_return(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret, draft_return);
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int on_openat2_return(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret, draft_return);
}

SEC("tracepoint/syscalls/sys_exit_open")
int on_open_return(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret, draft_return);
}

SEC("tracepoint/syscalls/sys_exit_creat")
int on_creat_return(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret, draft_return);
}

SEC("tracepoint/syscalls/sys_exit_open_by_handle_at")
int on_open_by_handle_return(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret, draft_return);
}

/* A signal decides what an interrupted call comes to: kernel/signal.c and
 * handle_signal of the architecture. The first handler that runs does. */
SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal, int sig, struct kernel_siginfo *info, struct k_sigaction *ka)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct place p = here();
	struct interrupted *i = bpf_map_lookup_elem(&interrupted, &p);
	bool restarts;

	if (!i || i->handled || (__u64)BPF_CORE_READ(ka, sa.sa_handler) <= SIG_IGN)
		return 0;
	restarts = i->code == ERESTARTNOINTR || (i->code == ERESTARTSYS && BPF_CORE_READ(ka, sa.sa_flags) & SA_RESTART);
	if (restarts) {
		i->handled = 1;
		return 0;
	}
	if (within(now))
		emit_open(&i->call, -EINTR, now, draft_signal);
	bpf_map_delete_elem(&interrupted, &p);
	return 0;
}

/* A handler returns to where its thread was interrupted. */
SEC("tracepoint/syscalls/sys_enter_rt_sigreturn")
int on_handler_return(struct trace_event_raw_sys_enter *ctx)
{
	struct place p = { bpf_get_current_pid_tgid(), saved_stack() };
	struct interrupted *i = bpf_map_lookup_elem(&interrupted, &p);

	if (i)
		i->returned = 1;
	return 0;
}

/* A thread that ends returns from no call. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_caller_exit, struct task_struct *p)
{
	struct place place = here();

	bpf_map_delete_elem(&calls, &place.id);
	bpf_map_delete_elem(&interrupted, &place);
	return 0;
}
