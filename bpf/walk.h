/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * A walk over all tasks, by the kernel's own lists: iter/task lists those of the
 * pid namespace of who asks.
 *
 * Each element of a map is a step to the next task, so a walk has as many steps as
 * the map has elements. Between two steps the task may be freed, so a step begins
 * with a look whether it is still where it was. If not the walk begins again: who
 * asks passes over what it has, and knows by done whether the walk came to its end.
 */
#ifndef EBREC_WALK_H
#define EBREC_WALK_H

#include "identity.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct walk);
} walk SEC(".maps");

/* Its elements are the steps. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set by the loader where walks are needed */
	__type(key, __u32);
	__type(value, __u8);
} steps SEC(".maps");

#define task_of(node, member) ((struct task_struct *)((void *)(node) - bpf_core_field_offset(struct task_struct, member)))

/* idle_task is the list's head: the parent of the machine's first process, which
 * reaps the tasks of the namespace that every task has its first number in. */
static __always_inline struct task_struct *idle_task(void)
{
	struct task_struct *p = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(p, thread_pid, numbers[0].ns, child_reaper, real_parent);
}

/* linked tells whether a task is still in the list of its process's threads. */
static __always_inline bool linked(struct task_struct *p, struct walk *w)
{
	struct list_head *node = &p->thread_node;

	return BPF_CORE_READ(p, pid) == (int)w->pid && BPF_CORE_READ(p, start_boottime) == w->start &&
	       BPF_CORE_READ(p, thread_node.prev, next) == node;
}

/* after is the task behind another: the next thread of its process, or the first
 * one of the next process. */
static __always_inline struct task_struct *after(struct task_struct *p)
{
	struct list_head *next = BPF_CORE_READ(p, thread_node.next);

	if (next != &BPF_CORE_READ(p, signal)->thread_head)
		return task_of(next, thread_node);
	return task_of(BPF_CORE_READ(p, group_leader, tasks.next), tasks);
}

/* step is the next task of the walk; NULL: there is none, or not at this step. */
static __always_inline struct task_struct *step(void *element)
{
	struct task_struct *idle = idle_task(), *p;
	__u32 zero = 0;
	struct walk *w = bpf_map_lookup_elem(&walk, &zero);

	if (!element || !w || w->done)
		return 0;
	p = (struct task_struct *)w->task;
	if (p && !linked(p, w)) {
		w->restarts++;
		p = 0;
	}
	p = p ? after(p) : task_of(BPF_CORE_READ(idle, tasks.next), tasks);
	if (p == idle) {
		w->done = 1;
		return 0;
	}
	w->task = (__u64)p;
	w->pid = BPF_CORE_READ(p, pid);
	w->start = BPF_CORE_READ(p, start_boottime);
	return p;
}

#endif
