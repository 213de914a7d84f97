//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/*
 * Tasks: who they are (always recorded, because every other row needs names)
 * and how processes and threads begin and end (source process).
 */
#include "identity.h"
#include "filter.h"
#include "twin.h"
#include "walk.h"
#include "cgroups.h"

/* False: creation and exec are recorded as task rows only, exits not at all. */
const volatile bool want_process = false;
const volatile bool want_args = false;

#define SIGNAL_GROUP_EXIT 0x4
#define EEXIST 17

ANCHOR(task);
ANCHOR(fork);
ANCHOR(exec);
ANCHOR(exit);
ANCHOR(thread_start);
ANCHOR(thread_exit);
ANCHOR(exec_args);
ANCHOR(cgroup_path);

/* group_cpu_ns is the task clock of a whole process, this thread being its last. */
static __always_inline __u64 group_cpu_ns(struct task_struct *p)
{
	return p->signal->sum_sched_runtime + p->se.sum_exec_runtime;
}

static __always_inline void emit_task(struct task_struct *p, __u64 now, enum task_reason why)
{
	struct task *e = begin(sizeof(*e), 2, source_recording, now);

	if (!e)
		return;
	identify(e, p);
	e->total_cpu_ns = p->se.sum_exec_runtime;
	e->reason = why;
	e->reserved2 = 0;
	submit(e);
}

static __always_inline void emit_fork(struct task_struct *p, __u64 now)
{
	struct fork *e = begin(sizeof(*e), 3, source_process, now);

	if (!e)
		return;
	identify(e, p);
	submit(e);
}

static __always_inline void emit_thread_start(struct task_struct *p, __u64 now)
{
	struct thread_start *e = begin(sizeof(*e), 6, source_process, now);

	if (!e)
		return;
	identify(e, p);
	submit(e);
}

/*
 * A new task is seen as it is first woken, in the context of the one that
 * created it: sched_process_fork does not tell of io_uring's threads, and may be
 * preempted (quirks.h).
 */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_fork, struct task_struct *child)
{
	__u64 now = bpf_ktime_get_boot_ns();

	/* The filter follows from before the window opens, or children would be missed. */
	follow(child);
	if (!within(now) || !wanted(child))
		return 0;
	if (!want_process || (child->pid != child->tgid && ours(child->tgid)))
		emit_task(child, now, task_reason_created);
	else if (child->pid == child->tgid)
		emit_fork(child, now);
	else
		emit_thread_start(child, now);
	return 0;
}

static __always_inline void emit_args(struct task_struct *p, __u64 now)
{
	__u64 start = BPF_CORE_READ(p, mm, arg_start);
	__u64 bytes = BPF_CORE_READ(p, mm, arg_end) - start;
	struct exec_args *e = begin(sizeof(*e), 18, source_args, now);

	if (!e)
		return;
	e->h.pid = p->tgid;
	e->h.tid = p->pid;
	e->cut = bytes > sizeof(e->args);
	if (e->cut)
		bytes = sizeof(e->args);
	e->bytes = bytes;
	e->reserved = 0;
	e->reserved2 = 0;
	if (bpf_probe_read_user(e->args, bytes, (void *)start))
		e->bytes = 0;
	submit(e);
}

/* The programs that put rows with a text together. */
enum { draft_exec, draft_exec_twin, draft_move, draft_mkdir, draft_list };

static __always_inline void emit_exec(struct task_struct *p, const char *filename, __u64 now, __u32 program)
{
	struct exec *e = draft(program, 4, now);
	__u64 n;

	if (!e)
		return;
	identify(e, p);
	__builtin_memset(e->reserved1, 0, sizeof(e->reserved1));
	n = measured(e->filename, bpf_probe_read_kernel_str(&e->filename, TEXT_READ, filename), &e->cut);
	send(e, offsetof(struct exec, filename) + n, source_process);
}

static __always_inline int executed(struct task_struct *p, struct linux_binprm *bprm, __u32 program)
{
	__u64 now = bpf_ktime_get_boot_ns();

	follow_name(p, p->comm, now);
	if (!within(now) || !wanted(p))
		return 0;
	if (want_args)
		emit_args(p, now);
	if (want_process)
		emit_exec(p, bprm->filename, now, program);
	else
		emit_task(p, now, task_reason_executed);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *p, int old_pid, struct linux_binprm *bprm)
{
	handle(twin_exec, p);
	return executed(p, bprm, draft_exec);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec_twin, struct task_struct *p, int old_pid, struct linux_binprm *bprm)
{
	return missed(twin_exec, p, source_recording, true) ? executed(p, bprm, draft_exec_twin) : 0;
}

static __always_inline int renamed(struct task_struct *p, const char *comm)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct task *e;

	if (p->pid == p->tgid)
		follow_name(p, comm, now);
	if (!within(now) || !wanted(p))
		return 0;
	e = begin(sizeof(*e), 2, source_recording, now);
	if (!e)
		return 0;
	identify(e, p);
	bpf_probe_read_kernel_str(&e->comm, sizeof(e->comm), comm);
	e->total_cpu_ns = p->se.sum_exec_runtime;
	e->reason = task_reason_renamed;
	e->reserved2 = 0;
	submit(e);
	return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *p, const char *comm)
{
	handle(twin_rename, p);
	return renamed(p, comm);
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename_twin, struct task_struct *p, const char *comm)
{
	return missed(twin_rename, p, source_recording, true) ? renamed(p, comm) : 0;
}

static __always_inline void emit_thread_exit(struct task_struct *p, __u64 now)
{
	struct thread_exit *e = begin(sizeof(*e), 7, source_process, now);

	if (!e)
		return;
	identify(e, p);
	e->lifetime_ns = now - p->start_boottime;
	submit(e);
}

static __always_inline void emit_exit(struct task_struct *p, __u64 now)
{
	struct task_struct *leader = p->group_leader;
	struct exit *e = begin(sizeof(*e), 5, source_process, now);
	int code;

	if (!e)
		return;
	identify(e, leader);
	/* What wait(2) reports: kernel/exit.c, wait_task_zombie. */
	code = p->signal->flags & SIGNAL_GROUP_EXIT ? p->signal->group_exit_code : leader->exit_code;
	e->lifetime_ns = now - leader->start_boottime;
	e->total_cpu_ns = group_cpu_ns(p);
	e->exit_code = (code >> 8) & 0xff;
	e->signal = code & 0x7f;
	submit(e);
}

static __always_inline void emit_cgroup(struct kernfs_node *kn, __u64 now, enum cgroup_reason why, __u32 program)
{
	struct cgroup_path *e = draft(program, 19, now);
	__u64 n;

	if (!e)
		return;
	e->h.pid = 0;
	e->h.tid = 0;
	e->cgroup_id = kn->id;
	e->cgroup_reason = why;
	__builtin_memset(e->reserved, 0, sizeof(e->reserved));
	__builtin_memset(e->container, 0, sizeof(e->container)); /* the recorder's to fill in */
	n = names_of(kn, e->cgroup, &e->cut);
	if (n < sizeof(path_t) + NAME_SIZE)
		send(e, offsetof(struct cgroup_path, cgroup) + n, source_recording);
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_move, struct cgroup *to, const char *path, struct task_struct *p, bool threadgroup)
{
	__u64 now = bpf_ktime_get_boot_ns();
	bool alone = !threadgroup && p->pid != p->tgid, left = false;

	if (to->root->hierarchy_id) /* of version 1 */
		return 0;
	/* A process is in the cgroup of its first thread; threaded ones may have others elsewhere. */
	if (!alone)
		left = follow_cgroup(p, to->kn->id, now);
	if (!within(now) || !(left || wanted(p)))
		return 0;
	emit_cgroup(to->kn, now, cgroup_reason_entered, draft_move);
	emit_task(p, now, left ? task_reason_left : threadgroup ? task_reason_moved : task_reason_moved_alone);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_mkdir, struct cgroup *made, const char *path)
{
	__u64 now = bpf_ktime_get_boot_ns(), id = made->kn->id;

	if (made->root->hierarchy_id)
		return 0;
	if ((follow_mkdir(made, id) || wanted_here()) && within(now))
		emit_cgroup(made->kn, now, cgroup_reason_made, draft_mkdir);
	return 0;
}

/* Processes whose end was told a moment ago. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, struct process_id);
	__type(value, __u8);
} ended SEC(".maps");

/*
 * ends tells whether an exiting thread ends its process. Threads that exit at
 * once count themselves out before any of them comes here, so each of them may
 * find that nobody lives: the first one speaks for the process.
 */
static __always_inline bool ends(struct task_struct *p)
{
	struct process_id id = process_of(p);
	__u8 one = 1;

	/* Up to 6.3 only the lower half of the result counts (d7ba4cc900bf). */
	return p->signal->live.counter == 0 && (int)bpf_map_update_elem(&ended, &id, &one, BPF_NOEXIST) != -EEXIST;
}

static __always_inline int exited(struct task_struct *p)
{
	bool last;
	__u64 now;

	if (!want_process || !within(bpf_ktime_get_boot_ns()) || !wanted(p))
		return 0;
	last = ends(p);
	now = bpf_ktime_get_boot_ns(); /* behind ended: see list_tasks */
	if (!within(now))
		return 0;
	if (last)
		emit_exit(p, now);
	else if (p->pid != p->tgid || p->signal->live.counter != 0)
		emit_thread_exit(p, now); /* the end of a first thread may be that of the process */
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *p)
{
	handle(twin_exit, p);
	return exited(p);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit_twin, struct task_struct *p)
{
	return missed(twin_exit, p, source_process, false) ? exited(p) : 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit_third, struct task_struct *p)
{
	return missed(twin_exit, p, source_process, true) ? exited(p) : 0;
}

/* A process is forgotten when it is freed, which is after its last switch, and may
 * be when another has its number. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free, struct task_struct *p)
{
	struct process_id id = process_of(p);

	if (p->pid == p->tgid)
		bpf_map_delete_elem(&targets, &id);
	return 0;
}

/* gone tells whether a thread has left its CPU for good. */
static __always_inline bool gone(struct task_struct *p)
{
	return state_of(p) & TASK_DEAD && !on_cpu(p);
}

/* told tells whether a process's own row of its end names it. */
static __always_inline bool told(struct task_struct *p)
{
	struct process_id id = { BPF_CORE_READ(p, group_leader, start_boottime), (__u32)BPF_CORE_READ(p, tgid) };

	return BPF_CORE_READ(p, pid) == (int)id.tgid && bpf_map_lookup_elem(&ended, &id);
}

/*
 * The tasks there are, but for those that only wait to be reaped, as task rows;
 * the filter is applied by who asks. A process that is on its way out has the
 * row before that of its exit: an exit reads the clock after it is in ended, and
 * here it is read before ended is asked. If its exit was before the recording,
 * this is its only row.
 */
#define LIST(READ, ctx, p)                                                      \
	do {                                                                    \
		struct listed_task e = {};                                      \
		bool exiting;                                                   \
										\
		e.t.h.time = bpf_ktime_get_boot_ns();                           \
		exiting = !READ(p, signal, live.counter);                       \
		if (exiting && (gone(p) || told(p)))                            \
			return 0;                                               \
		e.t.h.kind = 2;                                                 \
		e.t.h.cpu = cpu_of(p);                                          \
		identify_by(READ, &e.t, p);                                     \
		e.process_start = READ(p, group_leader, start_boottime);        \
		e.t.total_cpu_ns = READ(p, se.sum_exec_runtime);                \
		e.t.reason = exiting ? task_reason_exiting : task_reason_snapshot; \
		e.own_pid = own_number(BPF_CORE_READ(p, signal, pids[PIDTYPE_TGID])); \
		e.own_tid = own_number(BPF_CORE_READ(p, thread_pid));           \
		bpf_seq_write((ctx)->meta->seq, &e, sizeof(e));                 \
	} while (0)

SEC("iter/task")
int list_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;

	if (p)
		LIST(TYPED, ctx, p);
	return 0;
}

/* The tasks that list_tasks leaves out because they have no number in the pid
 * namespace of who reads it. */
SEC("iter/bpf_map_elem")
int walk_tasks(struct bpf_iter__bpf_map_elem *ctx)
{
	struct task_struct *p = step(ctx->value);

	if (p && !own_number(BPF_CORE_READ(p, thread_pid)))
		LIST(FOUND, ctx, p);
	return 0;
}

SEC("iter/task")
int list_cgroups(struct bpf_iter__task *ctx)
{
	return ctx->task ? tell_cgroup(ctx->meta->seq, ctx->task, draft_list) : 0;
}

SEC("iter/bpf_map_elem")
int walk_cgroups(struct bpf_iter__bpf_map_elem *ctx)
{
	struct task_struct *p = step(ctx->value);

	return p ? tell_cgroup(ctx->meta->seq, p, draft_list) : 0;
}
