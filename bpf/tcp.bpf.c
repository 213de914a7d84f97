//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/*
 * TCP connections: opened, accepted, answered, closed. The owner of a
 * connection is taken only where its process is current: SYN_SENT, send,
 * receive, close. State changes and segments arrive in softirq, in whatever
 * task that interrupted.
 */
#include "twin.h"

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define ECANCELED 125
#define SOCK_DONE 1 /* bit of skc_flags: the peer's FIN was received */

/* What is remembered of a connection until it closes, by its sock's address. */
struct conn {
	__u64 id;
	__u64 began;       /* first SYN, end of handshake, or first sight */
	__u64 sent_at;     /* last send by the process; 0: none seen */
	__u32 sent_seq;    /* write_seq after it */
	__u32 answered_seq; /* write_seq up to which an answer was seen */
	__u32 pid;         /* owner, 0 while unknown */
	__u32 tid;
	__u32 direction;
	__u32 reserved;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 15);
	__type(key, __u64);
	__type(value, struct conn);
} conns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} conn_ids SEC(".maps");

ANCHOR(tcp_connect);
ANCHOR(tcp_accept);
ANCHOR(tcp_response);
ANCHOR(tcp_close);
ANCHOR(tcp_socket);

/* is_tcp leaves out MPTCP sockets, which share the tracepoints but not tcp_sock. */
static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return sk->sk_protocol == IPPROTO_TCP && (family == AF_INET || family == AF_INET6);
}

static __always_inline __u64 next_id(void)
{
	__u32 zero = 0;
	__u64 *last = bpf_map_lookup_elem(&conn_ids, &zero);

	if (!last)
		return 0;
	__sync_fetch_and_add(last, 1);
	return (__u64)bpf_get_smp_processor_id() << 40 | *last;
}

static __always_inline struct conn *find(struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&conns, &key);
}

static __always_inline struct conn *remember(struct sock *sk, __u64 now, enum direction d, __u32 answered)
{
	struct conn fresh = { .id = next_id(), .began = now, .direction = d, .answered_seq = answered };
	__u64 key = (__u64)sk;

	if (bpf_map_update_elem(&conns, &key, &fresh, BPF_ANY)) {
		count_lost(source_tcp, loss_reason_map_full);
		return NULL;
	}
	return bpf_map_lookup_elem(&conns, &key);
}

static __always_inline void forget(struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&conns, &key);
}

/* own makes the current process the owner. Only in process context. */
static __always_inline void own(struct conn *c)
{
	__u64 id = bpf_get_current_pid_tgid();

	c->pid = id >> 32;
	c->tid = id;
	bpf_get_current_comm(&c->comm, sizeof(c->comm));
}

static __always_inline void map_ipv4(__u8 *to, __u32 addr)
{
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &addr, 4);
}

/* Works on every struct that has ENDPOINTS. */
#define endpoints(e, c, sk)                                                                     \
	do {                                                                                    \
		(e)->conn = (c)->id;                                                            \
		(e)->direction = (c)->direction;                                                \
		/* Not skc_num: it is 0 again by the time the socket closes. */                 \
		(e)->lport = __builtin_bswap16(BPF_CORE_READ((struct inet_sock *)(sk), inet_sport)); \
		(e)->rport = __builtin_bswap16((sk)->__sk_common.skc_dport);                    \
		if ((sk)->__sk_common.skc_family == AF_INET) {                                  \
			map_ipv4((e)->laddr, (sk)->__sk_common.skc_rcv_saddr);                  \
			map_ipv4((e)->raddr, (sk)->__sk_common.skc_daddr);                      \
		} else {                                                                        \
			bpf_probe_read_kernel((e)->laddr, 16, &(sk)->__sk_common.skc_v6_rcv_saddr); \
			bpf_probe_read_kernel((e)->raddr, 16, &(sk)->__sk_common.skc_v6_daddr); \
		}                                                                               \
	} while (0)

#define owner(e, c)                                                  \
	do {                                                         \
		(e)->h.pid = (c)->pid;                               \
		(e)->h.tid = (c)->tid;                               \
		__builtin_memcpy((e)->comm, (c)->comm, sizeof((e)->comm)); \
	} while (0)

/* Works on every struct that has TRANSFER. tp may be any pointer to the sock. */
#define transfer(e, c, sk, tp, now)                                                                \
	do {                                                                                       \
		(e)->tx_bytes = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);  \
		/* The kernel counts a received FIN as a byte. */                                  \
		(e)->rx_bytes = BPF_CORE_READ(tp, bytes_received) -                                \
				(BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1);                    \
		(e)->srtt_ns = (__u64)(BPF_CORE_READ(tp, srtt_us) >> 3) * 1000;                    \
		(e)->min_rtt_ns = min_rtt_ns(tp);                                                  \
		(e)->retransmits = BPF_CORE_READ(tp, total_retrans);                               \
		(e)->error = BPF_CORE_READ(sk, sk_err);                                            \
		(e)->duration_ns = (now) - (c)->began;                                             \
	} while (0)

/* min_rtt_ns is 0 before the first sample, where the kernel keeps ~0. */
static __always_inline __u64 min_rtt_ns(struct tcp_sock *tp)
{
	__u32 us = BPF_CORE_READ(tp, rtt_min.s[0].v);

	return us == ~0U ? 0 : (__u64)us * 1000;
}

static __always_inline void emit_connect(struct sock *sk, struct conn *c, __u64 now, int error)
{
	struct tcp_connect *e = begin(sizeof(*e), 10, source_tcp, now);

	if (!e)
		return;
	endpoints(e, c, sk);
	owner(e, c);
	e->connect_ns = now - c->began;
	e->error = error;
	e->reserved = 0;
	submit(e);
}

static __always_inline void emit_accept(struct sock *sk, struct conn *c, __u64 now)
{
	struct tcp_accept *e = begin(sizeof(*e), 11, source_tcp, now);

	if (!e)
		return;
	endpoints(e, c, sk);
	owner(e, c);
	e->accept_ns = now - c->began;
	submit(e);
}

static __always_inline void emit_response(struct conn *c, __u64 now, __u64 since)
{
	struct tcp_response *e = begin(sizeof(*e), 12, source_tcp, now);

	if (!e)
		return;
	e->h.pid = c->pid;
	e->h.tid = c->tid;
	e->conn = c->id;
	e->response_ns = now > since ? now - since : 0;
	submit(e);
}

static __always_inline void emit_close(struct sock *sk, struct conn *c, __u64 now)
{
	struct tcp_close *e = begin(sizeof(*e), 13, source_tcp, now);
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (!e)
		return;
	endpoints(e, c, sk);
	owner(e, c);
	transfer(e, c, sk, tp, now);
	submit(e);
}

/* touched is called in process context by whoever uses the connection: it
 * finds the owner of accepted connections and of those older than the
 * recording. sent is what was sent just now. NULL: not one to record. */
static __always_inline struct conn *touched(struct sock *sk, __u64 now, __u32 sent)
{
	struct conn *c = find(sk);

	if (c && c->pid)
		return c;
	if (!wanted(bpf_get_current_pid_tgid() >> 32)) {
		if (c)
			forget(sk);
		return NULL;
	}
	if (!c) {
		struct tcp_sock *tp = (struct tcp_sock *)sk;

		c = remember(sk, now, direction_unknown, BPF_CORE_READ(tp, write_seq) - sent);
	}
	if (!c)
		return NULL;
	own(c);
	if (c->direction == direction_passive)
		emit_accept(sk, c, now);
	return c;
}

static __always_inline void on_established(struct sock *sk, int old, __u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn *c;

	if (!tp)
		return;
	if (old == tcp_state_syn_recv) {
		remember(sk, now, direction_passive, tp->write_seq);
		return;
	}
	c = find(sk);
	if (!c)
		return;
	c->answered_seq = tp->write_seq;
	emit_connect(sk, c, now, 0);
}

static __always_inline void on_closed(struct sock *sk, int old, __u64 now)
{
	struct conn *c = find(sk);

	if (!c)
		return;
	if (old == tcp_state_syn_sent) /* no error of its own: the process gave up */
		emit_connect(sk, c, now, sk->sk_err ? sk->sk_err : ECANCELED);
	else if (c->pid || !filtered)
		emit_close(sk, c, now);
	forget(sk);
}

/* The transitions that only the closing process makes, not an arriving segment. */
static __always_inline bool by_process(int old, int new)
{
	return new == tcp_state_fin_wait1 || (old == tcp_state_close_wait && new == tcp_state_last_ack);
}

static __always_inline int changed(struct sock *sk, int old, int new)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct conn *c;

	if (!within(now) || !is_tcp(sk))
		return 0;
	if (new == tcp_state_syn_sent) {
		if (!wanted(bpf_get_current_pid_tgid() >> 32))
			return 0;
		c = remember(sk, now, direction_active, 0);
		if (c)
			own(c);
	} else if (new == tcp_state_established) {
		on_established(sk, old, now);
	} else if (new == tcp_state_closed) {
		on_closed(sk, old, now);
	} else if (by_process(old, new)) {
		touched(sk, now, 0);
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old, int new)
{
	handle(twin_state, sk);
	return changed(sk, old, new);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state_twin, struct sock *sk, int old, int new)
{
	return missed(twin_state, sk, source_tcp) ? changed(sk, old, new) : 0;
}

static __always_inline int sent(struct sock *sk, int bytes)
{
	struct tcp_sock *tp;
	struct conn *c;
	__u64 now;

	if (bytes <= 0 || !is_tcp(sk))
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (!within(now))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	c = touched(sk, now, bytes);
	if (!tp || !c)
		return 0;
	c->sent_at = now;
	c->sent_seq = tp->write_seq;
	return 0;
}

/* This tracepoint is of all sockets: for others than TCP's it must cost nothing. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int ret, int flags)
{
	if (!is_tcp(sk))
		return 0;
	handle(twin_send, sk);
	return sent(sk, ret);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send_twin, struct sock *sk, int ret, int flags)
{
	return is_tcp(sk) && missed(twin_send, sk, source_tcp) ? sent(sk, ret) : 0;
}

/* Before 6.3 (commit 6e6eda44b939) there is no sock_send_length. */
SEC("fexit/tcp_sendmsg")
int BPF_PROG(on_sendmsg_return, struct sock *sk, void *msg, __u64 size, int ret)
{
	return sent(sk, ret);
}

/* since_sent is when the bytes that are now answered were sent: the end of the
 * last send call, or, while that call has not returned yet (the answer of a
 * loopback peer overtakes it), the departure of the last segment. */
static __always_inline __u64 since_sent(struct conn *c, struct tcp_sock *tp, __u64 now)
{
	__u64 wstamp;

	if (c->sent_at && c->sent_seq == tp->write_seq)
		return c->sent_at;
	wstamp = tp->tcp_wstamp_ns; /* monotonic clock: boot time less suspend */
	return wstamp + (now - bpf_ktime_get_ns());
}

/* brings_new_bytes tells whether a segment carries payload not received before. */
static __always_inline bool brings_new_bytes(struct sk_buff *skb, struct tcp_sock *tp)
{
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)&skb->cb;
	__u32 end = BPF_CORE_READ(cb, end_seq);
	__u8 offset = 0;

	/* At this point skb begins with the TCP header; byte 12 has its length. */
	bpf_probe_read_kernel(&offset, 1, skb->data + 12);
	return skb->len > (offset >> 4) * 4U && (__s32)(end - tp->rcv_nxt) > 0;
}

static __always_inline int arrived(struct sock *sk, struct sk_buff *skb)
{
	struct conn *c = find(sk);
	struct tcp_sock *tp;
	__u64 now;

	if (!c)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || tp->write_seq == c->answered_seq || !brings_new_bytes(skb, tp))
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (within(now) && c->pid)
		emit_response(c, now, since_sent(c, tp, now));
	c->answered_seq = tp->write_seq;
	return 0;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_segment, struct sock *sk, struct sk_buff *skb)
{
	handle(twin_segment, sk);
	return arrived(sk, skb);
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_segment_twin, struct sock *sk, struct sk_buff *skb)
{
	return missed(twin_segment, sk, source_tcp) ? arrived(sk, skb) : 0;
}

/* received finds owners, and answers that came after this side's FIN, where
 * tcp_probe is silent. */
static __always_inline int received(struct sock *sk)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct conn *c;

	if (!within(now) || !is_tcp(sk))
		return 0;
	c = touched(sk, now, 0);
	if (!c || !c->sent_at || (__s32)(c->sent_seq - c->answered_seq) <= 0)
		return 0;
	emit_response(c, now, c->sent_at);
	c->answered_seq = c->sent_seq;
	return 0;
}

/* Once for each segment that a process reads; sock_recv_length would be once for
 * each call, but runs for the sockets of all protocols. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_receive, struct sock *sk)
{
	handle(twin_receive, sk);
	return received(sk);
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_receive_twin, struct sock *sk)
{
	return missed(twin_receive, sk, source_tcp) ? received(sk) : 0;
}

static __always_inline struct sock *socket_of(struct file *file)
{
	struct socket *s;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	s = BPF_CORE_READ(file, private_data);
	return s ? BPF_CORE_READ(s, sk) : NULL;
}

static __always_inline bool is_connection(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);

	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
	       (family == AF_INET || family == AF_INET6) &&
	       state != tcp_state_closed && state != tcp_state_listening && state != tcp_state_syn_sent;
}

/* holder remembers a connection found in a process's file table. */
static __always_inline struct conn *holder(struct sock *sk, struct task_struct *p, __u64 now)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct conn *c = find(sk);

	if (!c)
		c = remember(sk, now, direction_unknown, BPF_CORE_READ(tp, write_seq));
	if (c && !c->pid) {
		c->pid = p->tgid;
		c->tid = p->pid;
		bpf_probe_read_kernel(&c->comm, sizeof(c->comm), &p->comm);
	}
	return c;
}

static __always_inline void write_socket(struct seq_file *seq, struct sock *sk, struct conn *c, __u64 now)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct tcp_socket e = { .h.time = now, .h.kind = 14 };

	e.conn = c->id;
	e.direction = c->direction;
	e.lport = __builtin_bswap16(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	e.rport = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		map_ipv4(e.laddr, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		map_ipv4(e.raddr, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	} else {
		BPF_CORE_READ_INTO(&e.laddr, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&e.raddr, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
	owner(&e, c);
	transfer(&e, c, sk, tp, now);
	e.tcp_state = BPF_CORE_READ(sk, __sk_common.skc_state);
	bpf_seq_write(seq, &e, sizeof(e));
}

/* The connections that processes hold, as tcp_socket rows: those older than
 * the recording are found by it. One held by several processes comes several
 * times, with the same owner. */
SEC("iter/task_file")
int list_held(struct bpf_iter__task_file *ctx)
{
	struct task_struct *p = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;
	struct conn *c;
	__u64 now;

	if (!p || !file || p->pid != p->tgid || !wanted(p->tgid))
		return 0;
	sk = socket_of(file);
	if (!sk || !is_connection(sk))
		return 0;
	now = bpf_ktime_get_boot_ns();
	c = holder(sk, p, now);
	if (c)
		write_socket(ctx->meta->seq, sk, c, now);
	return 0;
}

/* The connections remembered, held by a process or orphaned: an entry goes
 * when its sock closes, so the sock of one that is here is alive. */
SEC("iter/bpf_map_elem")
int list_open(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 *key = ctx->key;
	struct conn *c = ctx->value;
	struct conn copy;
	struct sock *sk;

	if (!key || !c || (filtered && !c->pid))
		return 0;
	sk = (struct sock *)*key;
	copy = *c;
	if (is_connection(sk))
		write_socket(ctx->meta->seq, sk, &copy, bpf_ktime_get_boot_ns());
	return 0;
}
