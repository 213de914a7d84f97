//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/*
 * sched_switch: the sums of every thread and CPU (source cpu), and every
 * switch as an event (source sched). One program serves both, because entering
 * a program costs as much as the rest of either. Wakeups (source wakeups) go to
 * the file with the switches.
 */
#include "quirks.h"

#define SLOT_STATE 0xfff
#define IDLE_PRIO 120
#define BATCH_MAX_AGE 200000000ULL /* ns; a reader waits no longer for a slow CPU */

const volatile bool want_sums = false;
const volatile bool want_switches = false;

/*
 * What a CPU is doing, by its own hand only. The program counts in entered as
 * it begins, before it reads the clock, and in left when it is done: a reader's
 * copy is whole when both are the same, and the same as in a second copy. Once
 * the window has closed, a whole copy is final. The *_in members were read when
 * tid came onto the CPU.
 */
struct cpu_now {
	__u64 switches;      /* within the window */
	__u64 idle_ns;       /* within the window, up to since when idle runs */
	__u64 since;         /* when tid came on; 0: no switch seen yet */
	__u64 cpu_time_in;
	__u64 run_queue_in;
	__u64 migrations_in;
	__u32 tid;
	__u32 pid;
	__u32 entered;
	__u32 left;
	__u64 start;
	/* The task found running at the first switch; its *_in are unknown here. */
	__u64 first_out;     /* when it left; 0: none yet, or it was idle */
	__u64 first_start;
	__u64 first_cpu_time; /* its task clock when it left */
	/* The task that was running when the window closed, as it left. */
	__u64 last_out;      /* 0: it has not */
	__u64 last_cpu_time;
	__u64 last_run_queue;
	__u32 first_tid;
	__u32 reserved;      /* 128 bytes: two cache lines of its own */
};
ANCHOR(cpu_now);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* possible CPUs, set by the loader */
	__type(key, __u32);
	__type(value, struct cpu_now);
} cpus SEC(".maps");

/* Sums of a thread, written only by the CPU that it leaves. */
struct sum {
	__u64 start;
	__u64 last_out; /* when it last left a CPU: the sums are exact as of then */
	__u64 cpu_time_ns;
	__u64 on_cpu_ns;
	__u64 run_queue_ns;
	__u64 voluntary;
	__u64 involuntary;
	__u64 migrations;
	/* The kernel's counters when the thread's part of the window began. The
	 * sums are differences to them: adding up slices would lose what the
	 * scheduler charges to a thread between two of them. */
	__u64 cpu_time_base;
	__u64 run_queue_base;
	__u64 migrations_base;
	__u32 pid;
	__u32 dead; /* it ended, and the ring had no room for its last row */
	/* With its key and the kernel's own 48 bytes an entry has three cache
	 * lines: threads on different CPUs must not share one. */
	__u64 reserved[5];
};
ANCHOR(sum);

/*
 * Threads that left a CPU within the window, by tid. A preallocated hash whose
 * values are changed in place: a thread is on one CPU at a time, so nobody
 * else writes, and buckets are locked only when a thread comes or ends.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, __u32);
	__type(value, struct sum);
} sums SEC(".maps");

/* The batch that a CPU is filling; readers take the part that is there. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* possible CPUs, set by the loader */
	__type(key, __u32);
	__type(value, struct batch);
} batches SEC(".maps");

ANCHOR(task);
ANCHOR(sched_switch);
ANCHOR(sched_waking);
ANCHOR(task_sum);
ANCHOR(cpu_sum);
ANCHOR(cpu_stat);
ANCHOR(suspended);
ANCHOR(loss);
ANCHOR(summary);
ANCHOR(exec_args);
ANCHOR(cgroup_path);
ANCHOR(clock);
ANCHOR(program);
ANCHOR(cpu_online);
ANCHOR(turn_batch);
ANCHOR(fold_key);
ANCHOR(fold);
ANCHOR(tcp_fold);

/* set_bases finds what the counters were when the window opened or the thread
 * came onto the CPU. Of a slice that began before the window, the part outside
 * counts as if no time had been stolen in it. */
static __always_inline void set_bases(struct sum *s, struct task_struct *p, struct cpu_now *c, bool was_here)
{
	__u64 outside, ran, moves = p->se.nr_migrations;

	/* Or one load serves two kinds of pointers, which the verifier refuses. */
	barrier_var(moves);
	/* Created within the window and leaving a CPU for the first time: all is.
	 * A thread that executes a file takes its leader's start and number, but
	 * has left a CPU before. */
	if (s->start >= window.opens && p->nvcsw + p->nivcsw <= 1)
		return;
	s->migrations_base = was_here ? c->migrations_in : moves;
	s->cpu_time_base = p->se.sum_exec_runtime;
	s->run_queue_base = p->sched_info.run_delay;
	if (!was_here)
		return; /* unknown here; see first_out */
	if (c->since >= window.opens) {
		s->cpu_time_base = c->cpu_time_in;
		s->run_queue_base = c->run_queue_in;
		return;
	}
	outside = window.opens - c->since;
	ran = p->se.sum_exec_runtime - c->cpu_time_in;
	s->cpu_time_base = c->cpu_time_in + (outside < ran ? outside : ran);
}

static __always_inline struct sum *new_sum(struct task_struct *p, struct cpu_now *c, bool was_here)
{
	__u32 tid = p->pid;
	struct sum fresh = { .start = p->start_boottime, .pid = p->tgid };

	set_bases(&fresh, p, c, was_here);
	if (bpf_map_update_elem(&sums, &tid, &fresh, BPF_ANY)) {
		count_lost(source_cpu, loss_reason_map_full);
		return NULL;
	}
	return bpf_map_lookup_elem(&sums, &tid);
}

static __always_inline struct sum *sum_of(struct task_struct *p, struct cpu_now *c, bool was_here)
{
	__u32 tid = p->pid;
	struct sum *s = bpf_map_lookup_elem(&sums, &tid);

	if (s && s->start == p->start_boottime)
		return s;
	if (s && s->dead) /* not read before its number came back */
		count_lost(source_cpu, loss_reason_stale_entry);
	return new_sum(p, c, was_here);
}

/* bury hands the last sums of an ended thread over and forgets them. */
static __always_inline void bury(struct sum *s, __u32 tid, __u64 now)
{
	struct task_sum *e = begin(sizeof(*e), 8, source_cpu, now);

	if (!e) {
		s->dead = 1;
		return;
	}
	e->h.pid = s->pid;
	e->h.tid = tid;
	e->start = s->start;
	e->cpu_time_ns = s->cpu_time_ns;
	e->on_cpu_ns = s->on_cpu_ns;
	e->run_queue_ns = s->run_queue_ns;
	e->voluntary = s->voluntary;
	e->involuntary = s->involuntary;
	e->migrations = s->migrations;
	e->exited = 1;
	__builtin_memset(e->reserved, 0, sizeof(e->reserved));
	submit(e);
	bpf_map_delete_elem(&sums, &tid);
}

/* account adds a slice to the sums of its thread. It returns the thread's wait
 * since it left a CPU the last time, waited when nobody knows when that was. */
static __always_inline __u64 account(struct task_struct *p, struct cpu_now *c, __u64 now,
				     __u64 waited, bool voluntary, bool dead)
{
	bool was_here = c->since && c->tid == p->pid;
	__u64 from = c->since > window.opens ? c->since : window.opens;
	struct sum *s;

	if (!p->pid) {
		c->idle_ns += now - from;
		return waited;
	}
	if (!wanted(p->tgid))
		return waited;
	s = sum_of(p, c, was_here);
	if (!s)
		return waited;
	if (s->last_out || c->since >= window.opens)
		waited = p->sched_info.run_delay - s->run_queue_base - s->run_queue_ns;
	s->on_cpu_ns += now - from;
	s->cpu_time_ns = p->se.sum_exec_runtime - s->cpu_time_base;
	s->run_queue_ns = p->sched_info.run_delay - s->run_queue_base;
	s->migrations = p->se.nr_migrations - s->migrations_base;
	if (!was_here) {
		c->first_tid = p->pid;
		c->first_start = p->start_boottime;
		c->first_cpu_time = p->se.sum_exec_runtime;
		c->first_out = now;
	}
	if (voluntary)
		s->voluntary++;
	else
		s->involuntary++;
	s->last_out = now;
	if (dead)
		bury(s, p->pid, now);
	return waited;
}

/* waited_here is how long a thread waited since it was put into the queue of
 * this CPU: the scheduler adds the wait in another CPU's queue to its counter
 * when it moves the thread. */
static __always_inline __u64 waited_here(struct task_struct *p, struct cpu_now *c)
{
	if (!p->pid || !c->since || c->tid != p->pid)
		return 0;
	return p->sched_info.run_delay - c->run_queue_in;
}

static __always_inline void arrive(struct task_struct *p, struct cpu_now *c, __u64 now)
{
	c->tid = p->pid;
	c->pid = p->tgid;
	c->start = p->start_boottime;
	c->cpu_time_in = p->se.sum_exec_runtime;
	c->run_queue_in = p->sched_info.run_delay;
	c->migrations_in = p->se.nr_migrations;
	c->since = now;
}

/* closed is for switches behind the window. What stands in cpu_now is the state
 * at its close; only how much the clocks of the last task had is added to it. */
static __always_inline void closed(struct task_struct *prev, struct cpu_now *c, __u64 now)
{
	if (c->last_out)
		return;
	c->last_cpu_time = prev->se.sum_exec_runtime;
	c->last_run_queue = prev->sched_info.run_delay;
	c->last_out = now;
}

/* flush hands a batch over, and counts its switches as seen: those of the batch
 * that is being filled are counted by its reader. */
static __always_inline void flush(struct batch *b)
{
	struct counters *n = cpu_counters();
	long full = bpf_ringbuf_output(&ring, b, sizeof(*b), wakeup());

	if (n) {
		n->seen[source_sched] += b->n;
		if (full)
			n->lost[source_sched * LOSS_REASONS + loss_reason_ring_full] += b->n;
	}
	b->n = 0; /* before seq: a reader never takes these slots for the next batch's */
	barrier();
	b->h.seq++;
}

/* next_slot is a free slot of the CPU's batch; fill it and then call took. */
static __always_inline struct slot *next_slot(struct batch *b, __u32 cpu, __u64 now)
{
	__u32 i;

	if (b->n >= SLOTS || (b->n && now - b->h.time > BATCH_MAX_AGE))
		flush(b);
	if (!b->n) {
		b->h.time = now;
		b->h.kind = 1;
		b->h.cpu = cpu;
	}
	i = b->n;
	barrier_var(i); /* keep the check below in front of the use */
	if (i >= SLOTS)
		return NULL;
	b->slot[i].after_ns = now - b->h.time;
	return &b->slot[i];
}

static __always_inline void took(struct batch *b)
{
	barrier(); /* a reader takes what n says is there */
	b->n++;
}

/* Switches and wakeups are counted with interrupts off, so one at a time. */
static __always_inline void count_shed(void)
{
	struct counters *n = cpu_counters();

	if (!n)
		return;
	n->seen[source_sched]++;
	n->lost[source_sched * LOSS_REASONS + loss_reason_shed]++;
}

static __always_inline void emit(__u32 cpu, __u64 now, struct task_struct *prev,
				 struct task_struct *next, __u64 waited, __u32 state)
{
	struct batch *b = bpf_map_lookup_elem(&batches, &cpu);
	struct slot *s;

	if (!b || !(wanted(prev->tgid) || wanted(next->tgid)))
		return;
	if (window.shed) {
		count_shed();
		return;
	}
	s = next_slot(b, cpu, now);
	if (!s)
		return;
	s->prev_tid = prev->pid;
	s->next_tid = next->pid;
	s->delay_ns = waited > ~0U ? ~0U : waited;
	s->state = state;
	s->prev_prio = prev->prio;
	s->next_prio = next->prio;
	took(b);
}

static __always_inline void switched(__u64 *ctx, struct cpu_now *c, __u32 cpu, __u64 now)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	bool preempted = ctx[0];
	__u32 state = prev_state(ctx, prev);
	__u64 waited = waited_here(prev, c);

	c->switches++;
	if (want_sums)
		waited = account(prev, c, now, waited, !preempted && state, state & TASK_DEAD);
	if (want_switches)
		emit(cpu, now, prev, next, waited,
		     (state & SLOT_STATE) | (preempted || !state ? SLOT_PREEMPTED : 0));
}

SEC("tp_btf/sched_switch")
int on_switch(__u64 *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_now *c = bpf_map_lookup_elem(&cpus, &cpu);
	__u64 now;

	if (!c)
		return 0;
	c->entered++;
	barrier(); /* a reader that sees no entry finds the clock read later */
	now = bpf_ktime_get_boot_ns();
	if (now > window.closes) {
		closed((void *)ctx[1], c, now);
	} else {
		if (now >= window.opens)
			switched(ctx, c, cpu, now);
		arrive((void *)ctx[2], c, now);
	}
	barrier();
	c->left = c->entered;
	return 0;
}

/*
 * The last switch of a CPU that goes offline, to its idle task, is not handed to
 * programs. It is made up for when the CPU is dead and cannot do anything itself
 * any more.
 */
static __always_inline void sum_up_dead(struct cpu_now *c, __u64 now)
{
	__u64 from = c->since > window.opens ? c->since : window.opens;
	__u32 tid = c->tid;
	struct sum *s = bpf_map_lookup_elem(&sums, &tid);
	struct sum fresh = {
		.start = c->start, .pid = c->pid, .cpu_time_base = c->cpu_time_in,
		.run_queue_base = c->run_queue_in, .migrations_base = c->migrations_in,
	};

	if (!s || s->start != c->start) {
		if (bpf_map_update_elem(&sums, &tid, &fresh, BPF_ANY)) {
			count_lost(source_cpu, loss_reason_map_full);
			return;
		}
		s = bpf_map_lookup_elem(&sums, &tid);
		if (!s)
			return;
	}
	s->on_cpu_ns += now - from;
	s->voluntary++;
	s->last_out = now;
}

static __always_inline void emit_dead(struct cpu_now *c, __u32 cpu, __u64 now)
{
	struct sched_switch *e = begin(sizeof(*e), 1, source_sched, now);

	if (!e)
		return;
	e->h.cpu = cpu;
	e->h.pid = 0;
	e->h.tid = c->tid;
	e->next_tid = 0;
	e->delay_ns = 0;
	e->prev_state = task_state_S;
	e->prev_prio = 0; /* of the thread that stops CPUs */
	e->next_prio = IDLE_PRIO;
	e->preempted = 0;
	e->reserved = 0;
	submit(e);
}

static __always_inline void emit_online(__u32 cpu, __u64 now, bool online)
{
	struct cpu_online *e = begin(sizeof(*e), 22, source_recording, now);

	if (!e)
		return;
	e->h.cpu = cpu;
	e->h.pid = e->h.tid = 0;
	e->online = online;
	__builtin_memset(e->reserved, 0, sizeof(e->reserved));
	submit(e);
}

static __always_inline void went_offline(__u32 cpu, struct cpu_now *c, __u64 now)
{
	if (!c->tid)
		return;
	if (within(now) && wanted(c->pid)) {
		c->switches++;
		if (want_sums)
			sum_up_dead(c, now);
		if (want_switches)
			emit_dead(c, cpu, now);
	}
	c->tid = c->pid = 0;
	c->start = 0;
	c->since = now;
}

SEC("tp_btf/cpuhp_exit")
int BPF_PROG(on_cpu_offline, unsigned int cpu, int state, int step, int error)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct cpu_now *c = bpf_map_lookup_elem(&cpus, &cpu);

	if (step != bpf_core_enum_value(enum cpuhp_state, CPUHP_TEARDOWN_CPU) || error || !c || now > window.closes)
		return 0;
	c->entered++;
	barrier();
	went_offline(cpu, c, now);
	barrier();
	c->left = c->entered;
	if (within(now))
		emit_online(cpu, now + 1, false); /* behind its last switch */
	return 0;
}

/* It is online from before it does anything; what does not start after all is
 * torn down. */
SEC("tp_btf/cpuhp_enter")
int BPF_PROG(on_cpu_online, unsigned int cpu, int target, int step)
{
	__u64 now = bpf_ktime_get_boot_ns();

	if (step == bpf_core_enum_value(enum cpuhp_state, CPUHP_BRINGUP_CPU) && target >= step && within(now))
		emit_online(cpu, now, true);
	return 0;
}

/*
 * on_waking sees who wakes whom, with interrupts off. Only a thread that wakes
 * itself, on its way to sleep, is seen with interrupts on: nobody waits for it,
 * and it is left out.
 */
SEC("tp_btf/sched_waking")
int on_waking(__u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	__u64 now = bpf_ktime_get_boot_ns(), waker = bpf_get_current_pid_tgid();
	__u32 cpu = bpf_get_smp_processor_id();
	struct batch *b;
	struct slot *s;

	if (!within(now) || (__u32)waker == p->pid)
		return 0;
	if (!(wanted(waker >> 32) || wanted(p->tgid)))
		return 0;
	b = bpf_map_lookup_elem(&batches, &cpu);
	if (!b)
		return 0;
	if (window.shed) {
		count_shed();
		return 0;
	}
	s = next_slot(b, cpu, now);
	if (!s)
		return 0;
	s->prev_tid = waker;
	s->next_tid = p->pid;
	s->delay_ns = 0;
	s->state = SLOT_WAKING;
	s->prev_prio = s->next_prio = 0;
	took(b);
	return 0;
}
