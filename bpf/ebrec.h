/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * The contract between the kernel programs and everything else: each event is
 * one C struct here, and its BTF in the built objects is what Go derives the
 * decoder, the columns of the file and the documentation from.
 *
 * Rules. A struct marked EVENT begins with struct header; its members are
 * columns when they carry DOC and are hidden when they do not. A column name
 * has one type, one unit and one meaning in every struct. Padding is explicit.
 * Kind numbers are append-only: a retired number stays a hole.
 */
#ifndef EBREC_H
#define EBREC_H

#define TAG(x) __attribute__((btf_decl_tag(x)))
#define DOC(text) TAG("doc=" text)
/* EVENT(kind, source, text): text is the kind's documentation. */
#define EVENT(kind, source, text) TAG("kind=" #kind) TAG("source=" source) TAG("doc=" text)
/* HOT: a kind that can come a million times a second and gets batches of its own. */
#define HOT TAG("hot")
/* NO(columns): the header columns that this kind leaves null. */
#define NO(columns) TAG("no=" columns)
/* ANCHOR keeps a struct's BTF in the object although no map or variable has its type. */
#define ANCHOR(type) const struct type *anchor_##type __attribute__((unused))

/* Typedefs give a member its column type and unit. */
typedef __u64 ns_t;       /* duration, nanoseconds */
typedef __u64 boot_t;     /* instant, nanoseconds since boot; a timestamp in the file */
typedef __u64 bytes_t;    /* bytes */
typedef __u64 count_t;    /* a number of things */
typedef __u64 id_t64;     /* an opaque identifier */
typedef __s64 shift_t;    /* nanoseconds from one clock to another */
typedef __s32 errno_t;    /* an errno value, 0 for success */
typedef __u8 bool_t;      /* 0 or 1 */
typedef __u8 addr_t[16];  /* IPv6 address, or an IPv4-mapped one */
typedef char comm_t[16];  /* task name, NUL-padded */
typedef char container_t[256]; /* id of a container, or its name */
typedef char name_t[32];  /* name of ours, NUL-padded */
typedef char path_t[4096]; /* path (PATH_MAX): the last member of its struct, and a record ends after its NUL */
typedef char args_t[1024]; /* arguments, NUL-terminated, cut at 1023 bytes */

/* CUT: every row with a text that the kernel programs bound has it. A task's name is
 * bounded by the kernel itself, at 15 bytes. */
#define CUT bool_t cut DOC("1 when a text of the row is longer than what is here: path and filename (at most 4,095 bytes), args (1,023), or cgroup (4,095), which then is the end of the path, of whole names, and begins without a slash. Before 1.3 a path has at most 255 bytes, and 1 where it has just as many; filename and cgroup have no mark")

struct header {
	boot_t time DOC("when it happened");
	__u32 pid DOC("process id (tgid) in the initial pid namespace");
	__u32 tid DOC("thread id in the initial pid namespace");
	__u16 kind DOC("what the row is");
	__u16 cpu DOC("CPU it happened on");
	__u32 seq; /* batches only: number of the batch on its CPU, so that a gap shows */
};

/* --- identity ------------------------------------------------------------ */

/* An enum member is named for its enum; the file says what follows the prefix. */
enum task_reason { task_reason_snapshot, task_reason_created, task_reason_executed, task_reason_renamed, task_reason_moved, task_reason_present, task_reason_exiting, task_reason_left, task_reason_moved_alone };

/* IDENTITY: what names a task; the same columns wherever a task is introduced. */
#define IDENTITY                                                                       \
	boot_t start DOC("when the task started; with pid or tid it identifies the task"); \
	__u32 ppid DOC("process id of the parent");                                        \
	bool_t kernel_thread DOC("1 for a kernel thread");                                 \
	bool_t running; /* snapshot only: it was on a CPU */                               \
	__u16 reserved;                                                                    \
	id_t64 cgroup_id DOC("id (inode number) of the task's cgroup v2; rows of kind cgroup have its path"); \
	__u32 ns_pid DOC("process id in the process's own pid namespace");                 \
	__u32 pid_namespace DOC("the process's pid namespace (inode number)");                    \
	comm_t comm DOC("task name")

struct task {
	struct header h;
	IDENTITY;
	ns_t total_cpu_ns DOC("CPU time (task clock) since the task started");
	enum task_reason reason DOC("why the row exists: the task was there at the start, was created, executed a file, took another name, was moved to another cgroup with all threads of its process (another thread than the first has such a row when it came to those recorded by that), was still there when a further file of the recording began (present), was there at the start and about to end, which no other row tells (exiting), was moved to a cgroup that is not recorded, so that the process belongs to the recording no more (left), or was moved to another cgroup without the other threads of its process (moved_alone)");
	__u32 reserved2;
} EVENT(2, "recording", "a task and its name; rows that carry only a tid refer to the latest one");

/* What lists tasks writes of each: its row, and the numbers that the recorder
 * knows it by in its own pid namespace; 0: none. */
struct listed_task {
	struct task t;
	__u64 process_start; /* when its process started */
	__u32 own_pid;
	__u32 own_tid;
};

/* A listed cgroup. The names of its path follow, innermost first, each with its NUL. */
struct cgroup_names {
	__u64 id;
	__u32 bytes; /* of the names */
	__u32 cut;   /* there are more */
};

/* Where a walk over all tasks is: walk.h. */
struct walk {
	__u64 task;    /* of the step before; 0: begin */
	__u64 start;   /* its start_boottime, with its number who it was */
	__u32 pid;
	__u32 done;    /* all were visited */
	__u32 restarts;
	__u32 reserved;
};

struct fork {
	struct header h;
	IDENTITY;
} EVENT(3, "process", "a process was created; pid and tid are the child's");

struct exec {
	struct header h;
	IDENTITY;
	CUT;
	__u8 reserved1[7];
	path_t filename DOC("file executed");
} EVENT(4, "process", "a process executed a file");

struct exit {
	struct header h;
	IDENTITY;
	ns_t lifetime_ns DOC("from start to exit");
	ns_t total_cpu_ns DOC("CPU time (task clock) since the task started");
	__u32 exit_code DOC("exit status, 0 to 255; 0 when a signal ended it");
	__u32 signal DOC("signal that ended it, 0 for none");
} EVENT(5, "process", "the last thread of a process exited; total_cpu_ns covers all its threads, but for the time since the last scheduler tick and threads that end with it (their sums have both)");

struct thread_start {
	struct header h;
	IDENTITY;
} EVENT(6, "process", "a thread was created in an existing process");

struct thread_exit {
	struct header h;
	IDENTITY;
	ns_t lifetime_ns DOC("from start to exit");
} EVENT(7, "process", "a thread exited and left others of its process running");

struct exec_args {
	struct header h;
	CUT;
	__u8 reserved;
	__u16 bytes; /* of args, the NUL behind each argument included */
	__u32 reserved2;
	args_t args DOC("arguments, the name of the program first, quoted as a shell would need it");
} EVENT(18, "args", "the arguments that a process executed a file with");

/* --- scheduling ---------------------------------------------------------- */

/* The states of the sched_switch tracepoint, by the letters ps and perf print, and one that they do not tell apart: F. */
enum task_state { task_state_R, task_state_S, task_state_D, task_state_T, task_state_t, task_state_X, task_state_Z, task_state_P, task_state_I, task_state_F };

struct sched_switch {
	struct header h;
	__u32 next_tid DOC("thread that runs next on this CPU, 0 for idle");
	__u32 delay_ns DOC("how long tid waited in run queues before the slice that ends here, nanoseconds, at most 2^32-1; without the source cpu only in the queue of this CPU, to which it may have been moved from another");
	enum task_state prev_state DOC("state in which tid left the CPU: R runnable (preempted), S sleeping, D uninterruptible, T stopped, t traced, X dead, Z zombie, P parked, I idle, F frozen (by a cgroup, or as the machine is suspended; ps prints S or D)");
	__u8 prev_prio DOC("kernel priority of tid: 255 of the deadline class (the kernel's -1, before all others), else 0 (highest) to 139; 120 is nice 0");
	__u8 next_prio DOC("kernel priority of next_tid: 255 of the deadline class (the kernel's -1, before all others), else 0 (highest) to 139; 120 is nice 0");
	bool_t preempted DOC("1 when tid did not give up the CPU itself");
	__u8 reserved;
} EVENT(1, "sched", "a CPU switched from tid to next_tid") HOT NO("pid");

struct sched_waking {
	struct header h;
	__u32 woken_tid DOC("thread that was asleep and is runnable from now on");
	__u32 reserved;
} EVENT(23, "wakeups", "a thread was woken; tid is who was on the CPU, 0 for idle: it woke the other, or an interrupt did while it was there") HOT NO("pid");

/*
 * Switches and wakeups travel in batches: one ring record of up to SLOTS of one
 * CPU. h is the header of the batch: kind sched_switch, time the base that the
 * slots count from, seq the number of the batch on its CPU.
 */
#define SLOTS 49
struct slot {
	__u32 after_ns; /* since h.time */
	__u32 prev_tid;
	__u32 next_tid;
	__u32 delay_ns;
	__u16 state; /* low 12 bits of the kernel's task state; flags above */
	__u8 prev_prio; /* the low byte of the kernel's: its -1 is 255 */
	__u8 next_prio;
};
#define SLOT_PREEMPTED 0x8000
#define SLOT_FROZEN 0x2000
#define SLOT_WAKING 0x4000 /* a wakeup: prev_tid woke next_tid, and the rest is 0 */
struct batch {
	struct header h;
	__u32 n;
	__u32 reserved;
	struct slot slot[SLOTS];
	__u32 reserved2[3];
};

/*
 * Turns of TCP connections travel in batches, too: rows of the kinds
 * tcp_response, tcp_read and tcp_reply, as they are, of one CPU. h has kind
 * tcp_response, and seq, the number of the batch on its CPU.
 */
#define TURNS 17
struct turn_batch {
	struct header h;
	__u32 n;
	__u32 busy; /* a program adds to it */
	__u64 row[TURNS][7];
};

struct task_sum {
	struct header h;
	boot_t start DOC("when the task started; with pid or tid it identifies the task");
	ns_t cpu_time_ns DOC("CPU time by the kernel's task clock (sum_exec_runtime) within the recording");
	ns_t on_cpu_ns DOC("wall time on a CPU, from switch to switch, within the recording");
	ns_t run_queue_ns DOC("time spent runnable in a run queue; waits that ended within the recording");
	count_t voluntary DOC("switches away by its own will: it went to sleep or ended");
	count_t involuntary DOC("switches away while runnable: preempted or yielding");
	count_t migrations DOC("moves to another CPU");
	bool_t exited DOC("1 in the last row of a task that ended, or that gave up its thread id for that of its process as it executed a file, or whose process left those recorded");
	__u8 first; /* see struct sum */
	__u8 parted; /* the same */
	__u8 reserved[5];
	ns_t cpu_unknown_ns DOC("CPU time within the recording that the thread may have had besides cpu_time_ns, at most: it was found on a CPU that it was not seen to come to");
	__u64 cpu_time_base; /* see struct sum; 0: nothing before it counts */
} EVENT(8, "cpu", "sums of one thread from the start of the recording to time") HOT NO("cpu");

struct cpu_sum {
	struct header h;
	ns_t idle_ns DOC("wall time in which the CPU ran its idle task, from the start of the recording to time");
	count_t switches DOC("context switches on the CPU from the start of the recording to time");
	ns_t unseen_ns DOC("wall time that no thread is known to have had, from the start of the recording to time: switches went unseen, or their thread's sums found no room");
} EVENT(9, "cpu", "sums of one CPU from the start of the recording to time") NO("pid,tid");

/* --- TCP ----------------------------------------------------------------- */

enum direction { direction_unknown, direction_active, direction_passive };
enum socket_of { socket_of_process, socket_of_kernel, socket_of_mptcp };

/* ENDPOINTS: which connection; addresses are the host's own view. */
#define ENDPOINTS                                                             \
	id_t64 conn DOC("identifies the connection within the recording");        \
	addr_t laddr DOC("local address");                                        \
	addr_t raddr DOC("remote address");                                       \
	__u16 lport DOC("local port");                                            \
	__u16 rport DOC("remote port");                                           \
	enum direction direction DOC("who opened the connection: active this side, passive the other; unknown when it is older than the recording"); \
	enum socket_of socket_of DOC("whose socket it is: process; kernel, which opened it for itself (NFS and the like); or mptcp, which carries part of an MPTCP connection by it"); \
	__u32 reserved0

/* TRANSFER: the connection's figures as the kernel keeps them. */
#define TRANSFER                                                                                  \
	bytes_t tx_bytes DOC("payload bytes sent since the connection began, retransmissions not counted"); \
	bytes_t rx_bytes DOC("payload bytes received since the connection began");                    \
	ns_t srtt_ns DOC("smoothed round-trip time, microsecond grain; 0 when there is none");        \
	ns_t min_rtt_ns DOC("least round-trip time, microsecond grain; 0 when there is none");        \
	ns_t duration_ns DOC("from the first SYN (active) or the end of the handshake (passive; the first use before that, with Fast Open) to time, or from the first sight of it when it is older than the recording"); \
	count_t segments_out DOC("segments with payload sent since the connection began, retransmissions too"); \
	count_t segments_in DOC("segments with payload received since the connection began");         \
	count_t sends DOC("send calls since the connection began or was first seen");                 \
	count_t receives DOC("receive calls that took bytes, since the connection began or was first seen"); \
	bytes_t largest_send_bytes DOC("most that one send call sent, since the connection began or was first seen"); \
	bytes_t largest_receive_bytes DOC("most that one receive call took, since the connection began or was first seen"); \
	__u32 retransmits DOC("segments retransmitted since the connection began");                   \
	errno_t error DOC("errno, 0 for success");                                                    \
	comm_t comm DOC("task name")

struct tcp_connect {
	struct header h;
	ENDPOINTS;
	ns_t connect_ns DOC("from the connect call's first SYN to the end of the handshake or to the failure; 0 when none was sent");
	ns_t srtt_ns DOC("smoothed round-trip time, microsecond grain; 0 when there is none");
	errno_t error DOC("errno, 0 for success");
	__u32 reserved;
	comm_t comm DOC("task name");
} EVENT(10, "tcp", "an active open succeeded or failed; ECANCELED when the process closed the socket meanwhile");

struct tcp_accept {
	struct header h;
	ENDPOINTS;
	ns_t accept_ns DOC("from the end of the handshake to the first send, receive or close by the process that owns the connection; 0 when that came first (Fast Open)");
	ns_t srtt_ns DOC("smoothed round-trip time, microsecond grain; 0 when there is none");
	comm_t comm DOC("task name");
} EVENT(11, "tcp", "a process used an accepted connection for the first time");

struct tcp_response {
	struct header h;
	id_t64 conn DOC("identifies the connection within the recording");
	ns_t response_ns DOC("from the last byte the process sent to the first byte that came back");
	ns_t ack_ns DOC("from the last byte the process sent to the segment that acknowledged it; 0 when that is not known: it came before the send call returned, or not before the answer");
	bytes_t turn_tx_bytes DOC("payload bytes that the process sent since the answer before this one began to arrive, or since the connection began");
} EVENT(12, "tcp", "the first byte after a send arrived") HOT;

struct tcp_read {
	struct header h;
	id_t64 conn DOC("identifies the connection within the recording");
	ns_t read_ns DOC("from the first byte that arrived since the process sent to the process's first read of it");
} EVENT(26, "tcpturns", "a process read the first of what had arrived since it sent; pid and tid are the reader's") HOT;

struct tcp_reply {
	struct header h;
	id_t64 conn DOC("identifies the connection within the recording");
	ns_t think_ns DOC("from a process's first read of what had arrived to the end of its next send call");
	bytes_t turn_rx_bytes DOC("payload bytes that the process read since the send call before this one, or since the connection began");
} EVENT(27, "tcpturns", "a process sent after it had read: a server its answer, a client its next request; pid and tid are the sender's") HOT;

enum turn_part { turn_part_response, turn_part_ack, turn_part_read, turn_part_think };
#define TURN_PARTS 4

/* 0 to 2^10 ns, then four to each power of two. */
#define FOLD_BUCKETS 112

/*
 * Turns of one part of one connection that were too many for rows of their own.
 * When the connection closes it travels through the ring as it is, under the
 * kind of the rows that are made of it; before, the recorder reads it.
 */
struct fold {
	struct header h;
	__u64 conn;
	__u32 part;
	__u32 closed; /* and the ring had no room for it */
	__u64 largest_ns;
	__u64 sum_ns[FOLD_BUCKETS];
	__u32 turns[FOLD_BUCKETS];
};

struct fold_key {
	__u64 conn;
	__u32 part;
	__u32 reserved;
};

struct tcp_fold {
	struct header h;
	id_t64 conn DOC("identifies the connection within the recording");
	boot_t since DOC("start of the interval; time is its end");
	ns_t from_ns DOC("least duration that is counted here: 0, or a power of two from 1,024 on times 1, 1.25, 1.5 or 1.75; the next of them is the first that is not");
	ns_t sum_ns DOC("durations that are counted here, added up");
	ns_t largest_ns DOC("longest of them, 0 when that is not known");
	count_t turns DOC("how many are counted here");
	enum turn_part turn_part DOC("which duration of a turn: response_ns, ack_ns, read_ns or think_ns of the rows that they would have had");
	__u32 reserved;
} EVENT(31, "tcp", "turns that were more a second than are recorded one by one (--max-turns), by duration; pid and tid are the owner's") NO("cpu");

struct tcp_rtt {
	struct header h;
	id_t64 conn DOC("identifies the connection within the recording");
	ns_t srtt_ns DOC("smoothed round-trip time, microsecond grain; 0 when there is none");
	ns_t min_rtt_ns DOC("least round-trip time, microsecond grain; 0 when there is none");
} EVENT(32, "tcp", "round-trip times of a connection as a segment arrived (--rtt-interval); pid and tid are the owner's") HOT;

struct tcp_close {
	struct header h;
	ENDPOINTS;
	TRANSFER;
} EVENT(13, "tcp", "a connection ended; error is the socket's own");

/* The kernel's numbers (include/net/tcp_states.h). */
enum tcp_state {
	tcp_state_none, tcp_state_established, tcp_state_syn_sent, tcp_state_syn_recv,
	tcp_state_fin_wait1, tcp_state_fin_wait2, tcp_state_time_wait, tcp_state_closed,
	tcp_state_close_wait, tcp_state_last_ack, tcp_state_listening, tcp_state_closing,
};

struct tcp_socket {
	struct header h;
	ENDPOINTS;
	TRANSFER;
	enum tcp_state tcp_state DOC("state of the connection");
	__u32 reserved;
} EVENT(14, "tcp", "a connection that was open at the start or the end of the recording") NO("cpu");

struct tcp_retransmit {
	struct header h;
	id_t64 conn DOC("identifies the connection within the recording");
	enum tcp_state tcp_state DOC("state of the connection");
	__u32 segments DOC("segments that were sent again");
	bytes_t payload_bytes DOC("payload bytes in them");
} EVENT(28, "tcp", "segments were sent again; pid and tid are the owner's. SYN-ACKs that were sent again have one row, as the handshake ends, in state syn_recv");

enum reset_from { reset_from_local, reset_from_remote };

struct tcp_reset {
	struct header h;
	id_t64 conn DOC("identifies the connection within the recording");
	enum tcp_state tcp_state DOC("state of the connection");
	enum reset_from reset_from DOC("which side sent it");
} EVENT(29, "tcp", "a connection was reset; pid and tid are the owner's");

struct tcp_state_change {
	struct header h;
	id_t64 conn DOC("identifies the connection within the recording");
	ns_t state_ns DOC("how long the connection was in from_state, as far as it was seen: 0 of the first change");
	enum tcp_state from_state DOC("state that the connection left");
	enum tcp_state tcp_state DOC("state of the connection");
} EVENT(30, "tcpstates", "a connection changed its state; pid and tid are the owner's, 0 while nobody is known to be");

/* --- files --------------------------------------------------------------- */

enum open_call { open_call_openat, open_call_openat2, open_call_open, open_call_creat, open_call_open_by_handle_at, open_call_io_uring };

struct open {
	struct header h;
	ns_t open_ns DOC("how long the system call took, with all that restarts after signals added; of io_uring from the submission to the completion");
	__u32 flags DOC("open flags (O_RDONLY is 0); those of creat are O_CREAT, O_WRONLY and O_TRUNC, and to those of io_uring the kernel adds O_LARGEFILE");
	errno_t error DOC("errno, 0 for success");
	__s32 fd DOC("file descriptor, -1 on failure, and where io_uring opened a file without one (a direct descriptor)");
	enum open_call open_call DOC("which call it was");
	CUT;
	__u8 reserved[7];
	comm_t comm DOC("task name");
	path_t path DOC("path as the process gave it, relative to its directory; empty when it could not be read, and of open_by_handle_at, which is given none");
} EVENT(15, "file", "a call that opens a file returned: openat, openat2, open, creat, open_by_handle_at or one by io_uring. A call that a signal interrupts and that the kernel restarts is one; one that never returns has no row. Calls of 32-bit programs on a 64-bit kernel are not seen");

/* --- the recording itself ------------------------------------------------ */

/* Sources by number; Go reads the names from this enum. */
enum source { source_recording, source_cpu, source_sched, source_process, source_tcp, source_file, source_args, source_wakeups, source_tcpstates, source_tcpturns };
#define SOURCES 10

enum loss_reason { loss_reason_ring_full, loss_reason_map_full, loss_reason_stale_entry, loss_reason_program_busy, loss_reason_file_full, loss_reason_shed, loss_reason_unseen };
#define LOSS_REASONS 7

struct loss {
	struct header h;
	boot_t since DOC("start of the interval; time is its end");
	count_t lost DOC("events lost");
	enum source loss_source DOC("source whose events were lost; wakeups that the ring had no room for count as sched, with which they travel");
	enum loss_reason loss_reason DOC("where they were lost: ring_full, map_full (more tasks or connections at once than the map holds), stale_entry (sums of an ended task were overwritten), program_busy (a kernel program was preempted on its CPU, and the kernel runs none twice at a time; cpu is 65535), file_full (there was no room for them on the disk; cpu is 65535), shed (recording had become dearer than --max-overhead allows; sums still count them), unseen (the kernel did not hand switches to the program: the thread that left a CPU was not the one that had come, or had left unseen meanwhile; a row for each such interval, with at least so many switches; where time is the end of the recording, the thread may have left before or after it)");
} EVENT(16, "recording", "events were lost in the kernel or on the way to the file") NO("pid,tid");

struct summary {
	struct header h;
	boot_t since DOC("start of the interval; time is its end");
	count_t seen DOC("events the kernel programs saw");
	count_t written DOC("event rows written to the file");
	count_t lost DOC("events lost");
	count_t reordered DOC("rows that came later than the reordering window allows and carry the window's edge as their time");
	count_t left_out DOC("events of the recorder itself, which are not recorded unless asked for");
	count_t drains DOC("times that the recorder emptied the ring and the CPUs' batches");
	count_t wakeups DOC("times that the ring was so full that the kernel woke the recorder");
	bytes_t file_bytes DOC("bytes written to the file before the summary");
	ns_t own_cpu_ns DOC("CPU time of the recorder itself");
	bytes_t max_rss_bytes DOC("largest resident set of the recorder");
} EVENT(17, "recording", "totals of the recording; the last row of a complete file") NO("pid,tid,cpu");

enum cgroup_reason { cgroup_reason_used, cgroup_reason_made, cgroup_reason_entered };

struct cgroup_path {
	struct header h;
	id_t64 cgroup_id DOC("id (inode number) of the task's cgroup v2; rows of kind cgroup have its path");
	enum cgroup_reason cgroup_reason DOC("why the row exists: tasks were in the cgroup when they were listed (used), it was made, or a task was moved to it (entered)");
	CUT;
	__u8 reserved[3];
	container_t container DOC("container that the path is of, by its id (docker, containerd, CRI-O, podman: 64 hexadecimal digits) or name (LXC, systemd-nspawn); empty when it names none, and when the path is cut");
	path_t cgroup DOC("path of the cgroup from the root of the hierarchy");
} EVENT(19, "recording", "a cgroup that tasks are in, or that was made") NO("pid,tid,cpu");

struct clock {
	struct header h;
	shift_t wall_offset_ns DOC("Unix time less boot time at that moment; rows carry boot time plus the first one");
	ns_t uncertainty_ns DOC("the offset is true within plus or minus this");
} EVENT(20, "recording", "a reading of the wall clock: at the start, at the end, once a minute and when it was set") NO("pid,tid,cpu");

struct program {
	struct header h;
	name_t program DOC("kernel program of ebrec");
	count_t runs DOC("times that it ran while its run time was measured");
	ns_t run_ns DOC("how long it ran while its run time was measured, measuring included");
	ns_t measured_ns DOC("how long its run time was measured, from the start of the recording");
} EVENT(21, "recording", "what a kernel program costs") NO("pid,tid,cpu");

struct cpu_online {
	struct header h;
	bool_t online DOC("1 when the CPU is about to go online, 0 when it has gone offline");
	__u8 reserved[7];
} EVENT(22, "recording", "a CPU went online or offline; it counts as idle while it is offline. The kernel does not tell of its last switch; a row of kind sched_switch right before this one stands for it, and shows the thread that stopped the CPU there until then") NO("pid,tid");

struct suspended {
	struct header h;
	boot_t since DOC("start of the interval; time is its end");
	ns_t suspended_ns DOC("how long the machine was suspended within the interval; the thread that was on a CPU then has that time as time on a CPU, and not as CPU time");
} EVENT(25, "recording", "the machine was suspended and resumed") NO("pid,tid,cpu");

struct cpu_stat {
	struct header h;
	ns_t steal_ns DOC("time the hypervisor gave to others while the CPU had work, from the start of the recording to time; of /proc/stat, at the grain of a kernel tick (10 ms)");
	ns_t irq_ns DOC("time in interrupts, from the start of the recording to time; of /proc/stat, 0 on kernels that do not measure it");
	ns_t softirq_ns DOC("time in soft interrupts, from the start of the recording to time; of /proc/stat, 0 on kernels that do not measure it");
} EVENT(24, "cpu", "what took time from the threads of a CPU; a row when it changed since the one before") NO("pid,tid");

#endif
