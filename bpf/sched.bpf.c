//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/*
 * sched_switch: the sums of every thread and CPU (source cpu), and every
 * switch as an event (source sched). One program serves both, because entering
 * a program costs as much as the rest of either. Wakeups (source wakeups) go to
 * the file with the switches.
 */
#include "identity.h"

#define SLOT_STATE 0xfff
#define IDLE_PRIO 120
#define BATCH_MAX_AGE 200000000ULL /* ns; a reader waits no longer for a slow CPU */

const volatile bool want_sums = false;
/* For tests: switches from and to this process go unseen, as where a machine
 * hides threads from tracing. */
const volatile __u32 blind_to = 0;
const volatile bool want_switches = false;

/* What the scheduler says of a thread at an instant. */
struct reading {
	__u64 task;       /* its address: that stays when executing a file changes the number */
	__u64 start;
	__u64 cpu_time;
	__u64 run_queue;
	__u64 migrations;
	__u64 switches;   /* away from a CPU */
	__u32 tid;
	__u32 pid;
	__u64 process;    /* when its process started; 0 without a filter */
	__u64 joined;     /* of who leaves: when its process became a target, see struct target */
	__u64 member;     /* of who leaves: it is recorded */
};

/*
 * What a CPU is doing, by its own hand only. The program counts in entered as
 * it begins, before it reads the clock, and in left when it is done: a reader's
 * copy is whole when both are the same, and the same as in a second copy. Once
 * the window has closed, a whole copy is final.
 */
struct cpu_now {
	__u64 switches;  /* within the window */
	__u64 idle_ns;   /* within the window, up to since when idle runs */
	__u64 unseen_ns; /* within the window: nobody is known to have had it */
	__u64 since;     /* when the thread that is on came; 0: no switch seen yet */
	struct reading on; /* of that thread, as it came */
	__u32 entered;
	__u32 left;
	/* The thread that was running when the window closed, as it left. */
	__u64 last_out;  /* 0: it has not */
	__u64 last_cpu_time;
	__u64 last_run_queue;
	__u32 last_other; /* 1: another thread left, so it had gone unseen */
	__u32 reserved32;
	__u64 reserved[5]; /* 192 bytes: three cache lines of its own, the last one seldom used */
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
	__u64 unknown_ns; /* CPU time before the base that may be within the window, at most */
	__u32 pid;
	__u32 dead; /* it ended, and the ring had no room for its last row */
	__u32 first; /* it was on its CPU at the first switch seen there */
	__u32 parted; /* its process left those recorded */
	__u64 task;  /* address of the thread, which tells it from another with its number */
	/* With its key and the kernel's own 48 bytes an entry has three cache
	 * lines: threads on different CPUs must not share one. */
	__u64 renumbered; /* it took the number from another: what it had before the base counts under its own */
	__u64 reserved;
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
ANCHOR(listed_task);
ANCHOR(walk);
ANCHOR(cgroup_names);
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
ANCHOR(tcp_socket);

static __always_inline struct reading read_task(struct task_struct *p)
{
	struct reading r = {
		.task = (__u64)p, .start = p->start_boottime, .cpu_time = p->se.sum_exec_runtime,
		.run_queue = p->sched_info.run_delay, .migrations = p->se.nr_migrations,
		.switches = p->nvcsw + p->nivcsw, .tid = p->pid, .pid = p->tgid,
	};

	if (filtered)
		r.process = p->group_leader->start_boottime;
	return r;
}

/* How a thread that leaves had come to its CPU. */
enum coming {
	coming_seen,
	coming_first,  /* no switch of the CPU was seen before: it was there all the time */
	coming_again,  /* it came, went and came back, which nobody saw */
	coming_unseen, /* another had come */
};

/* Unknown, of switches: the thread's next leave is not held against it. */
#define SWITCHES_UNKNOWN (~0ULL)

/* same tells whether the thread is who came: a thread that executes a file
 * takes the number and the start of its process's first one, and that one, if
 * it has not left its CPU for good yet, takes the other's number. */
static __always_inline bool same(const struct reading *on, const struct reading *r)
{
	if (on->tid == r->tid && (!r->tid || on->start == r->start))
		return true;
	return on->task == r->task && on->pid == r->pid && (r->tid == r->pid || on->tid == on->pid);
}

/* The scheduler counts each time that a thread leaves a CPU, the idle task too,
 * so one that came and leaves has left once more than when it came. */
static __always_inline enum coming how_came(const struct cpu_now *c, const struct reading *r)
{
	if (!c->since)
		return coming_first;
	if (!same(&c->on, r))
		return coming_unseen;
	if (c->on.switches != SWITCHES_UNKNOWN && r->switches != c->on.switches + 1)
		return coming_again;
	return coming_seen;
}

static __always_inline __u64 within_window(const struct cpu_now *c)
{
	return c->since > window.opens ? c->since : window.opens;
}

/* lose tells of switches that nobody saw since the last one of the CPU. When the
 * ring is full, the recorder has the number alone. */
static __always_inline void lose(const struct cpu_now *c, const struct reading *r, enum coming how, __u32 cpu, __u64 now)
{
	__u64 n = how == coming_again ? 2 * (r->switches - c->on.switches - 1) : 1;
	enum source s = want_switches ? source_sched : source_cpu;
	struct counters *all = cpu_counters();
	struct loss *e;

	if (!all)
		return;
	all->seen[s] += n;
	all->lost[s * LOSS_REASONS + loss_reason_unseen] += n;
	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (!e)
		return;
	__builtin_memset(e, 0, sizeof(*e));
	e->h.time = now;
	e->h.kind = 16;
	e->h.cpu = cpu;
	e->h.tid = how == coming_unseen ? c->on.tid : 0; /* for the recorder: it left unseen */
	e->since = within_window(c);
	e->lost = n;
	e->loss_source = s;
	e->loss_reason = loss_reason_unseen;
	submit(e);
}

/* set_bases finds what the counters were when the window opened or the thread
 * came onto the CPU. Of a slice that began before the window, the part outside
 * counts as if no time had been stolen in it. */
static __always_inline void set_bases(struct sum *s, const struct reading *r, const struct cpu_now *c, enum coming how, __u64 wall)
{
	bool mine = s->start >= window.opens && s->start >= r->joined; /* all that it ever had */
	__u64 outside, ran;

	if (mine && (r->switches <= 1 || r->tid != r->pid))
		return;
	if (how == coming_first || how == coming_unseen) {
		s->cpu_time_base = r->cpu_time;
		s->run_queue_base = r->run_queue;
		s->migrations_base = r->migrations;
		s->unknown_ns = wall < r->cpu_time && !mine ? wall : r->cpu_time;
		s->first = how == coming_first;
		return;
	}
	s->migrations_base = c->on.migrations;
	if (c->since >= window.opens) {
		s->cpu_time_base = c->on.cpu_time;
		s->run_queue_base = c->on.run_queue;
		s->unknown_ns = mine ? c->on.cpu_time : 0; /* it came for the first time, yet had run */
		return;
	}
	outside = window.opens - c->since;
	ran = r->cpu_time - c->on.cpu_time;
	s->cpu_time_base = c->on.cpu_time + (outside < ran ? outside : ran);
	s->run_queue_base = r->run_queue;
}

/* add_sum begins the sums of a thread, over those of one that had its number. */
static __always_inline struct sum *add_sum(__u32 tid, const struct sum *fresh)
{
	if (bpf_map_update_elem(&sums, &tid, fresh, BPF_ANY)) {
		count_lost(source_cpu, loss_reason_map_full);
		return NULL;
	}
	return bpf_map_lookup_elem(&sums, &tid);
}

static __always_inline struct sum *sum_of(__u32 tid, __u64 start, const struct reading *r, const struct cpu_now *c, enum coming how, __u64 wall)
{
	struct sum *s = bpf_map_lookup_elem(&sums, &tid);
	struct sum fresh = { .start = start, .pid = r->pid, .task = r->task };

	if (s && s->start == start && s->task == r->task)
		return s;
	if (s && tid != r->tid) { /* it gave up the number, which another has by now */
		count_lost(source_cpu, loss_reason_stale_entry);
		return NULL;
	}
	if (s && s->dead) /* not read before its number came back */
		count_lost(source_cpu, loss_reason_stale_entry);
	set_bases(&fresh, r, c, how, wall);
	return add_sum(tid, &fresh);
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
	e->first = s->first;
	e->parted = s->parted;
	e->cpu_unknown_ns = s->unknown_ns;
	e->cpu_time_base = s->renumbered ? 0 : s->cpu_time_base;
	submit(e);
	bpf_map_delete_elem(&sums, &tid);
}

/* renumber ends the sums under a number that a thread gave up for its process's
 * own, and begins those under that. */
static __always_inline void renumber(struct sum *s, __u32 tid, const struct reading *r, __u64 now)
{
	struct sum fresh = {
		.start = r->start, .pid = r->pid, .task = r->task, .last_out = now, .cpu_time_base = r->cpu_time,
		.run_queue_base = r->run_queue, .migrations_base = r->migrations, .renumbered = 1,
	};

	struct sum *first = bpf_map_lookup_elem(&sums, &r->tid);

	bury(s, tid, now);
	if (first && first->dead)
		count_lost(source_cpu, loss_reason_stale_entry);
	else if (first) /* the process's first thread, which ends, is not off its CPU yet */
		bury(first, r->tid, now);
	add_sum(r->tid, &fresh);
}

/* ran is how long a thread was on the CPU, of wall since the CPU's last switch:
 * what its task clock says, where nobody saw it come. */
static __always_inline __u64 ran_of(const struct sum *s, const struct reading *r, const struct cpu_now *c, enum coming how, __u64 wall)
{
	__u64 ran;

	if (how == coming_seen || how == coming_first)
		return wall;
	ran = r->cpu_time - (how == coming_again ? c->on.cpu_time : s->cpu_time_base + s->cpu_time_ns);
	return ran < wall ? ran : wall;
}

/* An idle task has no clock that tells how much of a time was its own. */
static __always_inline void account_idle(struct cpu_now *c, enum coming how, __u64 wall)
{
	if (how == coming_unseen || how == coming_again)
		c->unseen_ns += wall;
	else
		c->idle_ns += wall;
}

/* account adds a slice to the sums of its thread: under the number that it came
 * with. It returns the thread's wait since it left a CPU the last time, waited
 * when nobody knows when that was. */
static __always_inline __u64 account(const struct reading *r, struct cpu_now *c, enum coming how, __u64 now,
				     __u64 waited, bool voluntary, bool dead)
{
	bool came = how == coming_seen || how == coming_again;
	__u32 tid = came ? c->on.tid : r->tid;
	__u64 start = came ? c->on.start : r->start;
	__u64 wall = now - within_window(c), ran;
	struct sum *s;

	if (!r->tid) {
		account_idle(c, how, wall);
		return waited;
	}
	if (!r->member) {
		if (how == coming_unseen)
			c->unseen_ns += wall;
		return waited;
	}
	s = sum_of(tid, start, r, c, how, wall);
	if (!s) {
		c->unseen_ns += wall;
		return waited;
	}
	if (s->last_out || c->since >= window.opens)
		waited = r->run_queue - s->run_queue_base - s->run_queue_ns;
	ran = ran_of(s, r, c, how, wall);
	s->on_cpu_ns += ran;
	c->unseen_ns += wall - ran;
	s->cpu_time_ns = r->cpu_time - s->cpu_time_base;
	s->run_queue_ns = r->run_queue - s->run_queue_base;
	s->migrations = r->migrations - s->migrations_base;
	if (voluntary)
		s->voluntary++;
	else
		s->involuntary++;
	s->last_out = now;
	if (dead)
		bury(s, tid, now);
	else if (tid != r->tid)
		renumber(s, tid, r, now);
	return waited;
}

/* waited_here is how long a thread waited since it was put into the queue of
 * this CPU: the scheduler adds the wait in another CPU's queue to its counter
 * when it moves the thread. */
static __always_inline __u64 waited_here(const struct reading *r, const struct cpu_now *c, enum coming how)
{
	if (!r->tid || how != coming_seen)
		return 0;
	return r->run_queue - c->on.run_queue;
}

/* closed is for switches behind the window. What stands in cpu_now is the state
 * at its close; only how much the clocks of the last thread had is added to it. */
static __always_inline void closed(const struct reading *r, struct cpu_now *c, __u64 now)
{
	enum coming how = how_came(c, r);

	if (c->last_out)
		return;
	c->last_cpu_time = r->cpu_time;
	c->last_run_queue = r->run_queue;
	c->last_other = how == coming_again || how == coming_unseen;
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

/* slot_state is a task's state as a slot has it. Like the kernel's own tracepoint it
 * takes a wait for a lock of real-time kernels for what that is to others. */
static __always_inline __u16 slot_state(struct task_struct *p, __u32 state, bool preempted)
{
	__u16 slot = state & SLOT_STATE;

	if (state & TASK_RTLOCK_WAIT)
		slot |= TASK_UNINTERRUPTIBLE;
	if (preempted || !state)
		return slot | SLOT_PREEMPTED;
	return is_frozen(p, state) ? slot | SLOT_FROZEN : slot;
}

static __always_inline void emit(__u32 cpu, __u64 now, struct task_struct *prev,
				 struct task_struct *next, __u64 waited, __u32 state)
{
	struct batch *b = bpf_map_lookup_elem(&batches, &cpu);
	struct slot *s;

	if (!b)
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

/* join is for a process that became a target while it lived: a slice that it was in
 * then counts as if the thread had come to the CPU then. Until then it ran, as far as
 * it is known to have. */
static __always_inline void join(struct cpu_now *c, const struct reading *r)
{
	__u64 outside, ran;

	if (r->joined <= c->since)
		return;
	if (c->since) {
		outside = r->joined - c->since;
		ran = r->cpu_time - c->on.cpu_time;
		c->on.cpu_time += outside < ran ? outside : ran;
	}
	c->since = r->joined;
}

/* part_of is what a thread's task clock had of a slice up to an instant, if it went
 * on evenly. */
static __always_inline __u64 part_of(const struct reading *r, const struct cpu_now *c, __u64 wall, __u64 now)
{
	__u64 ran = r->cpu_time - c->on.cpu_time, part;

	part = (ran >> 10) * wall / (((now - c->since) >> 10) + 1);
	return part < wall ? part : wall;
}

/* part ends the sums of a thread whose process is a target no more: it had what
 * the slice that it left in had up to then. The CPU goes on with who it is. */
static __always_inline void part(const struct reading *r, struct cpu_now *c, enum coming how, __u64 left, __u64 now)
{
	bool came = how == coming_seen || how == coming_again;
	__u32 tid = came ? c->on.tid : r->tid;
	struct sum *s = bpf_map_lookup_elem(&sums, &tid);
	struct sum fresh = { .start = came ? c->on.start : r->start, .pid = r->pid, .task = r->task };
	__u64 from = within_window(c), wall;

	if (s && (s->start != fresh.start || s->task != r->task))
		return;
	if (r->joined > from && r->joined < left)
		from = r->joined;
	wall = left - from;
	if (left > from && !s) {
		set_bases(&fresh, r, c, how, wall);
		s = add_sum(tid, &fresh);
	}
	if (!s)
		return;
	if (left > from && how != coming_unseen) {
		s->on_cpu_ns += wall;
		s->cpu_time_ns += how == coming_first ? 0 : part_of(r, c, wall, now);
		s->last_out = left;
	}
	s->parted = 1;
	bury(s, tid, now);
}

/* introduce names a thread that came with its process: of that, only the first thread
 * has a row of the move. It does so before the thread has any sums. */
static __always_inline void introduce(struct task_struct *p, const struct reading *r, __u64 now)
{
	__u32 tid = r->tid;
	struct task *e;

	if (tid == r->pid || r->start >= r->joined || bpf_map_lookup_elem(&sums, &tid))
		return;
	e = begin(sizeof(*e), 2, source_recording, now);
	if (!e)
		return;
	identify(e, p);
	e->total_cpu_ns = r->cpu_time;
	e->reason = task_reason_moved;
	e->reserved2 = 0;
	submit(e);
}

/* follow_member finds out whether who leaves the CPU is recorded, and since when. It
 * tells whether it was for some of the slice. */
static __always_inline bool follow_member(struct task_struct *p, struct reading *r, struct cpu_now *c, enum coming how, __u64 now)
{
	struct process_id id = { r->process, r->pid };
	struct target *t;
	bool parted;

	r->member = !filtered;
	if (!filtered)
		return true;
	t = bpf_map_lookup_elem(&targets, &id);
	if (!t)
		return false;
	r->joined = t->joined;
	r->member = t->why != 0;
	parted = t->left > c->since;
	if (want_sums && (parted || !r->member))
		part(r, c, how, t->left, now);
	if (!r->member)
		return parted;
	if (want_sums && r->joined && p)
		introduce(p, r, now);
	join(c, r);
	return true;
}

static __always_inline void switched(__u64 *ctx, struct reading *r, struct cpu_now *c, __u32 cpu, __u64 now)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	enum coming how = how_came(c, r);
	bool preempted = ctx[0];
	__u32 state = prev_state(ctx, prev);
	__u64 waited = waited_here(r, c, how);
	bool concerns = follow_member(prev, r, c, how, now);

	c->switches++;
	if (how == coming_again || how == coming_unseen)
		lose(c, r, how, cpu, now);
	if (want_sums)
		waited = account(r, c, how, now, waited, !preempted && state, state & TASK_DEAD);
	if (want_switches && (concerns || wanted(next)))
		emit(cpu, now, prev, next, waited, slot_state(prev, state, preempted));
}

static __always_inline bool blind(struct task_struct *prev, struct task_struct *next)
{
	return blind_to && (prev->tgid == blind_to || next->tgid == blind_to);
}

SEC("tp_btf/sched_switch")
int on_switch(__u64 *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_now *c = bpf_map_lookup_elem(&cpus, &cpu);
	struct reading r;
	__u64 now;

	if (!c || blind((void *)ctx[1], (void *)ctx[2]))
		return 0;
	c->entered++;
	barrier(); /* a reader that sees no entry finds the clock read later */
	now = bpf_ktime_get_boot_ns();
	r = read_task((void *)ctx[1]);
	if (now > window.closes) {
		closed(&r, c, now);
	} else {
		if (now >= window.opens)
			switched(ctx, &r, c, cpu, now);
		c->on = read_task((void *)ctx[2]);
		c->since = now;
	}
	barrier();
	c->left = c->entered;
	return 0;
}

/* fill_move writes what a thread had up to now; c is the CPU that it runs on, NULL when
 * it does not run. Its task clock was brought up to date at the last tick: a row may say
 * less than the thread had, but none says less than the one before. */
static __always_inline void fill_move(struct task_sum *e, struct task_struct *p, const struct sum *s, const struct cpu_now *c, __u64 now)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->h.time = now;
	e->h.kind = 8;
	e->h.pid = p->tgid;
	e->h.tid = p->pid;
	e->start = p->start_boottime;
	e->cpu_time_ns = p->se.sum_exec_runtime;
	e->run_queue_ns = p->sched_info.run_delay;
	e->migrations = p->se.nr_migrations;
	if (c)
		e->on_cpu_ns = now - within_window(c);
	if (!s)
		return;
	e->on_cpu_ns += s->on_cpu_ns;
	e->cpu_time_ns -= s->cpu_time_base;
	e->run_queue_ns -= s->run_queue_base;
	e->migrations -= s->migrations_base;
	e->voluntary = s->voluntary;
	e->involuntary = s->involuntary;
	e->first = s->first;
	e->cpu_unknown_ns = s->unknown_ns;
	e->cpu_time_base = s->renumbered ? 0 : s->cpu_time_base;
}

/* fills tells whether sums of a thread that moves are there to be told: of a process
 * that came to those recorded in this slice, or left them, the next switch tells. */
static __always_inline bool fills(struct task_struct *p, const struct sum *s, const struct cpu_now *c, bool here)
{
	struct process_id id = process_of(p);
	struct target *t;

	if (here ? c->on.task != (__u64)p || !c->since : on_cpu(p))
		return false;
	if (s ? s->start != p->start_boottime || s->task != (__u64)p || s->parted : p->start_boottime < window.opens || !here)
		return false;
	if (!filtered)
		return true;
	t = bpf_map_lookup_elem(&targets, &id);
	if (!t || !t->why || (!s && t->joined))
		return false;
	return !here || (t->joined <= c->since && t->left <= c->since);
}

/*
 * The sums of a process's first thread as it moves to another cgroup: what it had
 * until then is that of the one that it leaves. It is no event: where it is missing,
 * readings before and after the move bound what it had. Of threads that run
 * elsewhere nobody but their CPU can tell.
 */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_move_sums, struct cgroup *to, const char *path, struct task_struct *p, bool threadgroup)
{
	__u32 cpu = bpf_get_smp_processor_id(), tid = p->pid;
	bool here = (__u32)bpf_get_current_pid_tgid() == tid;
	struct cpu_now *c = bpf_map_lookup_elem(&cpus, &cpu);
	struct sum *s = bpf_map_lookup_elem(&sums, &tid);
	__u64 now = bpf_ktime_get_boot_ns(), last_out;
	struct task_sum *e;

	if (!within(now) || to->root->hierarchy_id || !c || !fills(p, s, c, here))
		return 0;
	last_out = s ? s->last_out : 0;
	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (!e)
		return 0;
	fill_move(e, p, s, here ? c : NULL, now);
	barrier();
	if ((s && s->last_out != last_out) || (!here && on_cpu(p)))
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP); /* it ran meanwhile */
	else
		submit(e);
	return 0;
}

/*
 * The last switch of a CPU that goes offline, to its idle task, is not handed to
 * programs. It is made up for when the CPU is dead and cannot do anything itself
 * any more. The thread that came last is one that stops CPUs and lives on.
 */
static __always_inline struct reading read_last(const struct cpu_now *c)
{
	struct task_struct *p = (void *)c->on.task;
	struct reading r = {
		.task = c->on.task, .start = c->on.start, .cpu_time = BPF_CORE_READ(p, se.sum_exec_runtime),
		.run_queue = BPF_CORE_READ(p, sched_info.run_delay), .migrations = BPF_CORE_READ(p, se.nr_migrations),
		.switches = BPF_CORE_READ(p, nvcsw) + BPF_CORE_READ(p, nivcsw), .tid = c->on.tid, .pid = c->on.pid,
		.process = c->on.process,
	};

	return r;
}

static __always_inline void emit_dead(struct cpu_now *c, __u32 cpu, __u64 now, __u64 waited)
{
	struct sched_switch *e = begin(sizeof(*e), 1, source_sched, now);

	if (!e)
		return;
	e->h.cpu = cpu;
	e->h.pid = 0;
	e->h.tid = c->on.tid;
	e->next_tid = 0;
	e->delay_ns = waited > ~0U ? ~0U : waited;
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
	struct reading r = read_last(c);
	__u64 waited = waited_here(&r, c, coming_seen);

	if (!c->on.tid)
		return;
	if (within(now) && follow_member(NULL, &r, c, coming_seen, now)) {
		c->switches++;
		if (want_sums)
			waited = account(&r, c, coming_seen, now, waited, true, false);
		if (want_switches)
			emit_dead(c, cpu, now, waited);
	}
	__builtin_memset(&c->on, 0, sizeof(c->on));
	c->on.switches = SWITCHES_UNKNOWN;
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
	if (!(wanted_here() || wanted(p)))
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
