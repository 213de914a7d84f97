/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The few kernel structures ebrec reads, with the few members it reads. Every
 * access is relocated against the running kernel's BTF (CO-RE), so order and
 * size here mean nothing; a full generated vmlinux.h would be 3 MB of noise.
 */
#ifndef EBREC_VMLINUX_H
#define EBREC_VMLINUX_H

#include <linux/bpf.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { int counter; } atomic_t;

struct kernfs_node {
	__u64 id;
	const char *name;
	struct kernfs_node *parent;
};
/* From 6.15 on (commit 633488947ef6) the parent has another name. */
struct kernfs_node___since_6_15 { struct kernfs_node *__parent; };
struct cgroup;
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};
struct cgroup_root { int hierarchy_id; };
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct css_set { struct cgroup *dfl_cgrp; };

struct sched_entity {
	__u64 sum_exec_runtime;
	__u64 nr_migrations;
};
struct sched_info { unsigned long long run_delay; };
struct list_head {
	struct list_head *next;
	struct list_head *prev;
};
struct task_struct;
struct ns_common { unsigned int inum; };
struct pid_namespace {
	struct task_struct *child_reaper;
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct signal_struct {
	atomic_t live;
	struct pid *pids[4];
	unsigned int flags;
	int group_exit_code;
	struct list_head thread_head;
	unsigned long long sum_sched_runtime;
};

struct thread_info { __u32 cpu; };

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned int flags;
	int on_cpu;
	int prio;
	int pid;
	int tgid;
	int exit_code;
	int exit_state;
	unsigned int frozen : 1;
	__u64 start_boottime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	char comm[16];
	struct sched_entity se;
	struct sched_info sched_info;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct list_head tasks;       /* of all processes, through their first threads */
	struct list_head thread_node; /* of a process's threads */
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct mm_struct *mm;
};

/* Before 5.14 (commit 2f064a59a11f) the member was state, and a long. */
struct task_struct___before_5_14 { long state; };

/* Before 5.16 (commit bcf9033e5449) x86 kept the CPU here, not in thread_info. */
struct task_struct___before_5_16 { unsigned int cpu; };

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};
/* The numbers differ from kernel to kernel; programs ask for the running one's. */
enum cpuhp_state { CPUHP_BRINGUP_CPU = 1, CPUHP_TEARDOWN_CPU = 2 };

struct pt_regs { unsigned long sp; };
struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};
struct k_sigaction { struct sigaction sa; };
struct kernel_siginfo;

struct linux_binprm { const char *filename; };

struct in6_addr { union { __u8 u6_addr8[16]; } in6_u; };
struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u8 sk_kern_sock : 1;
	int sk_err;
};
struct inet_sock {
	struct sock sk;
	__u16 inet_sport;
};
struct minmax_sample { __u32 t; __u32 v; };
struct minmax { struct minmax_sample s[3]; };
struct request_sock;
struct tcp_request_sock { __u64 snt_synack; };
struct mptcp_sock { struct sock *first; };
struct tcp_sock {
	bool is_mptcp;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 write_seq;
	__u32 srtt_us;
	__u32 segs_out;
	__u32 total_retrans;
	__u32 snd_una;
	__u32 data_segs_out;
	__u32 data_segs_in;
	__u8 fastopen_connect : 1;
	struct minmax rtt_min;
	struct request_sock *fastopen_rsk;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 tcp_wstamp_ns;
};
struct tcphdr;
struct tcp_skb_cb {
	__u32 seq;
	__u32 end_seq;
	__u16 tcp_gso_segs;
	__u8 tcp_flags; /* 16 bits from 6.15 on; FIN is in the first byte of both */
	__u32 ack_seq;
};
struct sk_buff {
	unsigned int len;
	char cb[48];
	unsigned char *data;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
};
struct file {
	struct inode *f_inode;
	void *private_data;
};
struct socket { struct sock *sk; };

struct trace_event_raw_sys_enter { unsigned long args[6]; };
struct trace_event_raw_sys_exit { long ret; };

struct filename { const char *name; };
struct open_how { __u64 flags; };
struct io_open {
	__u32 file_slot;
	struct filename *filename;
	struct open_how how;
};
/* From 7.0 on the name is in a struct of its own. */
struct delayed_filename { struct filename *__incomplete_filename; };
struct io_open___since_7_0 { struct delayed_filename filename; };
struct io_cmd_data { void *file; };
struct io_cqe { __s32 res; };
struct io_kiocb {
	struct io_cmd_data cmd;
	__u8 opcode;
	__u64 flags; /* from 6.8 on; before, its lower half */
	struct io_cqe cqe;
};

#pragma clang attribute pop

/* Contexts of the iterators: the verifier wants their offsets unrelocated. */
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *map;
	void *key;
	void *value;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
#endif
