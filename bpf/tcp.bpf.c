//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/*
 * TCP connections: opened, accepted, answered, closed. The owner of a
 * connection is taken only where its process is current: SYN_SENT, send,
 * receive, close. State changes and segments arrive in softirq, in whatever
 * task that interrupted.
 */
#include "twin.h"
#include "quirks.h"

const volatile bool want_states = false;
const volatile bool want_turns = false;
const volatile __u32 max_turns = 20000;  /* a second and CPU that have rows of their own */
const volatile __u64 rtt_interval = 0;   /* ns; 0: no tcp_rtt rows */

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define ECANCELED 125
#define TCPHDR_FIN 1 /* of tcp_flags; it counts as a byte of end_seq */
#define SOCK_DONE 1 /* bit of skc_flags: the peer's FIN was received */
#define MSG_PEEK 2

/*
 * A sequence number has 32 bits, and what is sent or read in one turn may be more
 * than they count. So the number that a turn began with is brought forward by so many
 * bytes whenever it is that far behind, and how often that was done is counted. No
 * call and no segment moves a number by 2^31, so that none goes past unseen.
 */
#define FORWARD_SHIFT 30
#define FORWARD (1U << FORWARD_SHIFT)

/*
 * What is remembered of a connection until it closes, by its sock's address.
 * What each turn changes is together, in one cache line of the map's element:
 * segments often arrive on another CPU than the process runs on.
 */
struct conn {
	__u64 id;
	__u64 sent_at;     /* last send by the process; 0: none seen */
	__u64 arrived_at;  /* when bytes last began to arrive; 0: nothing, or it was read */
	__u64 read_at;     /* first read of them; 0: none since the process sent */
	__u64 ack_ns;      /* from sent_at to its acknowledgement; 0: not known */
	__u32 sent_seq;    /* write_seq after that send */
	__u32 answered_seq; /* write_seq up to which an answer was seen */
	__u32 heard_seq;   /* write_seq when bytes last began to arrive */
	__u32 pid;         /* owner, 0 while unknown */
	__u32 tid;
	__u32 sends;
	__u32 receives;
	__u32 largest_send;    /* bytes of a call */
	__u32 largest_receive;
	__u32 read_seq;    /* copied_seq when the process sent last, brought forward: see FORWARD */
	__u32 tx_forward;  /* times FORWARD that answered_seq was */
	__u32 rx_forward;  /* and read_seq */
	__u32 rcv_seq;     /* rcv_nxt when the process sent last */
	__u32 synacks;     /* sent again, no row yet */
	__u8 heard;        /* heard_seq is one */
	__u8 unacked;      /* sent_seq is waited for */
	__u8 folded;       /* it has folds */
	__u8 handshake;    /* it has not ended */
	__u8 early;        /* bytes may have come with the last segment of the handshake: at arrived_at */
	__u8 reserved[3];
	__u32 direction;
	__u64 began;       /* first SYN, end of handshake, or first sight */
	__u64 state_since; /* when it changed its state last; 0: not seen yet */
	__u64 rtt_at;      /* when its round-trip times were recorded last */
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 15);
	__type(key, __u64);
	__type(value, struct conn);
} conns SEC(".maps");

/* The last number that a CPU gave to a connection. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* possible CPUs, set by the loader */
	__type(key, __u32);
	__type(value, __u64);
} conn_ids SEC(".maps");

/* The turns that a CPU gathers; readers take the part that is there. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* possible CPUs, set by the loader */
	__type(key, __u32);
	__type(value, struct turn_batch);
} turn_batches SEC(".maps");

/* How many turns a CPU has recorded one by one in the second that began at since. */
struct turn_rate {
	__u64 since;
	__u32 turns;
	__u32 reserved;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct turn_rate);
} turn_rates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, struct fold_key);
	__type(value, struct fold);
} folds SEC(".maps");

/* Zeroes; a fold has no room on a program's stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fold);
} no_fold SEC(".maps");

ANCHOR(tcp_fold);
ANCHOR(tcp_rtt);
ANCHOR(tcp_connect);
ANCHOR(tcp_accept);
ANCHOR(tcp_response);
ANCHOR(tcp_read);
ANCHOR(tcp_reply);
ANCHOR(tcp_retransmit);
ANCHOR(tcp_reset);
ANCHOR(tcp_state_change);
ANCHOR(tcp_close);
ANCHOR(tcp_socket);

/* is_tcp leaves out MPTCP sockets, which share the tracepoints but not tcp_sock. */
static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return sk->sk_protocol == IPPROTO_TCP && (family == AF_INET || family == AF_INET6);
}

/* next_id is a number that no other connection has; 0: none was to be had, which
 * takes ID_TRIES interruptions in a row. An add that returns what it added to is not
 * there before 5.12. So the counter is read before and after: when it is larger by one
 * this add alone made it so, whoever else adds. The CPU's number comes first, as the
 * program may go on on another one. */
#define ID_TRIES 16
static __always_inline __u64 next_id(void)
{
	__u32 cpu = bpf_get_smp_processor_id();
	volatile __u64 *last = bpf_map_lookup_elem(&conn_ids, &cpu);
	__u64 before, after;

	if (!last)
		return 0;
	for (int i = 0; i < ID_TRIES; i++) {
		before = *last;
		__sync_fetch_and_add(last, 1);
		after = *last;
		if (after == before + 1)
			return (__u64)cpu << 40 | after;
	}
	return 0;
}

static __always_inline struct conn *find(struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&conns, &key);
}

static __always_inline struct conn *remember(struct sock *sk, __u64 now, enum direction d, __u32 answered)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct conn fresh = {
		.id = next_id(), .began = now, .direction = d, .answered_seq = answered,
		.read_seq = BPF_CORE_READ(tp, copied_seq),
	};
	__u64 key = (__u64)sk;

	if (!fresh.id || bpf_map_update_elem(&conns, &key, &fresh, BPF_ANY)) {
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

static __always_inline enum socket_of whose(struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	/* Kernels without MPTCP lack the member. */
	if (bpf_core_field_exists(tp->is_mptcp) && BPF_CORE_READ(tp, is_mptcp))
		return socket_of_mptcp;
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock) ? socket_of_kernel : socket_of_process;
}

/* Works on every struct that has ENDPOINTS. */
#define endpoints(e, c, sk)                                                                     \
	do {                                                                                    \
		(e)->conn = (c)->id;                                                            \
		(e)->direction = (c)->direction;                                                \
		(e)->socket_of = whose(sk);                                                     \
		(e)->reserved0 = 0;                                                             \
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

static __always_inline void owned(struct header *h, struct conn *c)
{
	h->pid = c->pid;
	h->tid = c->tid;
}

/* Works on every struct that has a header and conn, and no endpoints. */
#define about(e, c)                    \
	do {                           \
		owned(&(e)->h, c);     \
		(e)->conn = (c)->id;   \
	} while (0)

#define owner(e, c)                                                  \
	do {                                                         \
		owned(&(e)->h, c);                                   \
		__builtin_memcpy((e)->comm, (c)->comm, sizeof((e)->comm)); \
	} while (0)

/* Works on every struct that has TRANSFER. tp may be any pointer to the sock. */
#define transfer(e, c, sk, tp, now)                                                                \
	do {                                                                                       \
		(e)->tx_bytes = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);  \
		/* The kernel counts a received FIN as a byte. */                                  \
		(e)->rx_bytes = BPF_CORE_READ(tp, bytes_received) -                                \
				(BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1);                    \
		(e)->srtt_ns = srtt_ns(tp);                                                        \
		(e)->min_rtt_ns = min_rtt_ns(tp);                                                  \
		(e)->segments_out = BPF_CORE_READ(tp, data_segs_out);                              \
		(e)->segments_in = BPF_CORE_READ(tp, data_segs_in);                                \
		(e)->sends = (c)->sends;                                                           \
		(e)->receives = (c)->receives;                                                     \
		(e)->largest_send_bytes = (c)->largest_send;                                       \
		(e)->largest_receive_bytes = (c)->largest_receive;                                 \
		(e)->retransmits = BPF_CORE_READ(tp, total_retrans);                               \
		(e)->error = BPF_CORE_READ(sk, sk_err);                                            \
		(e)->duration_ns = (now) - (c)->began;                                             \
	} while (0)

/* srtt_ns: the kernel keeps eight times as much. */
static __always_inline __u64 srtt_ns(struct tcp_sock *tp)
{
	return (__u64)(BPF_CORE_READ(tp, srtt_us) >> 3) * 1000;
}

/* min_rtt_ns is 0 before the first sample, where the kernel keeps ~0. */
static __always_inline __u64 min_rtt_ns(struct tcp_sock *tp)
{
	__u32 us = BPF_CORE_READ(tp, rtt_min.s[0].v);

	return us == ~0U ? 0 : (__u64)us * 1000;
}

/* connect_row begins the row of a connect, which the caller submits. NULL: no room. */
static __always_inline struct tcp_connect *connect_row(struct sock *sk, struct conn *c, __u64 now, int error)
{
	struct tcp_connect *e = begin(sizeof(*e), 10, source_tcp, now);

	if (!e)
		return NULL;
	endpoints(e, c, sk);
	owner(e, c);
	e->connect_ns = now - c->began;
	e->srtt_ns = srtt_ns((struct tcp_sock *)sk);
	e->error = error;
	e->reserved = 0;
	return e;
}

static __always_inline void emit_connect(struct sock *sk, struct conn *c, __u64 now, int error)
{
	struct tcp_connect *e = connect_row(sk, c, now, error);

	if (e)
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
	e->srtt_ns = srtt_ns((struct tcp_sock *)sk);
	submit(e);
}

/* one_by_one tells whether a turn has a row of its own. */
static __always_inline bool one_by_one(__u64 now)
{
	__u32 zero = 0;
	struct turn_rate *r = bpf_map_lookup_elem(&turn_rates, &zero);

	if (!r)
		return true;
	if (now - r->since >= 1000000000ULL) {
		r->since = now;
		r->turns = 0;
	}
	return r->turns++ < max_turns;
}

static __always_inline __u32 bucket_of(__u64 ns)
{
	__u32 log = 0, b;

	if (ns < 1024)
		return 0;
	for (__u32 half = 32; half; half /= 2) {
		if (ns >> (log + half))
			log += half;
	}
	b = 1 + (log - 10) * 4 + (ns >> (log - 2) & 3);
	return b < FOLD_BUCKETS ? b : FOLD_BUCKETS - 1;
}

static __always_inline struct fold *fold_of(struct conn *c, enum turn_part part)
{
	struct fold_key k = { .conn = c->id, .part = part };
	struct fold *f = bpf_map_lookup_elem(&folds, &k), *none;
	__u32 zero = 0;

	if (f)
		return f;
	none = bpf_map_lookup_elem(&no_fold, &zero);
	if (!none)
		return NULL;
	bpf_map_update_elem(&folds, &k, none, BPF_NOEXIST);
	f = bpf_map_lookup_elem(&folds, &k);
	if (!f)
		return NULL;
	c->folded = 1;
	f->h.kind = 31;
	about(f, c);
	f->part = part;
	return f;
}

/* fold counts what has no row. */
static __always_inline void fold(struct conn *c, enum turn_part part, __u64 ns)
{
	struct fold *f = fold_of(c, part);
	__u32 b = bucket_of(ns);

	if (!f) {
		count_lost(source_tcp, loss_reason_map_full);
		return;
	}
	barrier_var(b); /* keep the check below in front of the use */
	if (b >= FOLD_BUCKETS)
		return;
	__sync_fetch_and_add(&f->turns[b], 1);
	__sync_fetch_and_add(&f->sum_ns[b], ns);
	if (ns > f->largest_ns)
		f->largest_ns = ns;
}

/* unfold hands over what was counted of a connection that closes. */
static __always_inline void unfold(struct conn *c, __u64 now)
{
	if (!c->folded)
		return;
	for (__u32 part = 0; part < TURN_PARTS; part++) {
		struct fold_key k = { .conn = c->id, .part = part };
		struct fold *f = bpf_map_lookup_elem(&folds, &k);

		if (!f)
			continue;
		f->h.time = now;
		if (bpf_ringbuf_output(&ring, f, sizeof(*f), wakeup()))
			f->closed = 1;
		else
			bpf_map_delete_elem(&folds, &k);
	}
}

/* room makes room for a row in a batch. Where the ring has none, the batch stays
 * as it is: its reader takes what is in it from here. */
static __always_inline bool room(struct turn_batch *b, __u32 cpu)
{
	if (b->n < TURNS)
		return true;
	b->h.kind = 12;
	b->h.cpu = cpu;
	if (bpf_ringbuf_output(&ring, b, sizeof(*b), wakeup()))
		return false;
	b->n = 0; /* before seq: a reader never takes these rows for the next batch's */
	barrier();
	b->h.seq++;
	return true;
}

/* gather adds a row to the CPU's batch. */
static __always_inline bool gather(struct turn_batch *b, __u32 cpu, const void *row, __u64 size)
{
	__u32 i;

	if (!room(b, cpu))
		return false;
	i = b->n;
	barrier_var(i); /* keep the check below in front of the use */
	if (i >= TURNS)
		return false;
	__builtin_memcpy(b->row[i], row, size);
	barrier(); /* a reader takes what n says is there */
	b->n = i + 1;
	return true;
}

/* submit_turn hands a row over: in the CPU's batch, or by itself when that is in
 * use by what this program interrupted. size is a constant. */
static __always_inline void submit_turn(struct header *h, __u64 size, __u16 kind, enum source s, __u64 now)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct turn_batch *b = bpf_map_lookup_elem(&turn_batches, &cpu);
	struct counters *c = cpu_counters();
	bool done;

	if (!b || !c)
		return;
	__sync_fetch_and_add(&c->seen[s], 1);
	h->time = now;
	h->kind = kind;
	h->cpu = cpu;
	if (b->busy) {
		done = !bpf_ringbuf_output(&ring, h, size, wakeup());
	} else {
		b->busy = 1;
		barrier();
		done = gather(b, cpu, h, size);
		barrier();
		b->busy = 0;
	}
	if (!done)
		__sync_fetch_and_add(&c->lost[s * LOSS_REASONS + loss_reason_ring_full], 1);
}

/* forward brings a number that a turn began with forward when it is far behind. */
static __always_inline bool forward(__u32 *begun, __u32 *times, __u32 seq)
{
	__u32 n = (seq - *begun) >> FORWARD_SHIFT;

	*begun += n << FORWARD_SHIFT;
	*times += n;
	return n;
}

/* turn_bytes are those from where a turn began to seq, which another CPU may have
 * brought the beginning past by now. */
static __always_inline __u64 turn_bytes(__u32 begun, __u32 times, __u32 seq)
{
	return ((__u64)times << FORWARD_SHIFT) + (__s32)(seq - begun);
}

/* wrote notes how far the process has written. */
static __always_inline void wrote(struct conn *c, __u32 write_seq)
{
	/* Before the end of the handshake answered_seq may not be one yet. */
	if (write_seq - c->answered_seq >= FORWARD && !c->handshake && forward(&c->answered_seq, &c->tx_forward, write_seq))
		c->heard = 0; /* nothing came since: that would have been the answer */
}

/* answered notes that what was sent up to seq has its answer. */
static __always_inline void answered(struct conn *c, __u32 seq)
{
	c->answered_seq = seq;
	c->tx_forward = 0;
}

/* emit_response is for the answer to what was sent up to seq. */
static __always_inline void emit_response(struct conn *c, __u64 now, __u64 since, __u64 ack_ns, __u32 seq)
{
	struct tcp_response e = {
		.response_ns = now > since ? now - since : 0, .ack_ns = ack_ns,
		.turn_tx_bytes = turn_bytes(c->answered_seq, c->tx_forward, seq),
	};

	if (!one_by_one(now)) {
		fold(c, turn_part_response, e.response_ns);
		if (ack_ns)
			fold(c, turn_part_ack, ack_ns);
		return;
	}
	about(&e, c);
	submit_turn(&e.h, sizeof(e), 12, source_tcp, now);
}

/* current makes the running thread that of an event. Only in process context. */
static __always_inline void current(struct header *h)
{
	__u64 id = bpf_get_current_pid_tgid();

	h->pid = id >> 32;
	h->tid = id;
}

static __always_inline void emit_read(struct conn *c, __u64 now)
{
	struct tcp_read e = { .conn = c->id, .read_ns = now > c->arrived_at ? now - c->arrived_at : 0 };

	if (!one_by_one(now)) {
		fold(c, turn_part_read, e.read_ns);
		return;
	}
	current(&e.h);
	submit_turn(&e.h, sizeof(e), 26, source_tcpturns, now);
}

static __always_inline void emit_reply(struct conn *c, __u64 now, __u64 bytes)
{
	struct tcp_reply e = { .conn = c->id, .think_ns = now > c->read_at ? now - c->read_at : 0, .turn_rx_bytes = bytes };

	if (!one_by_one(now)) {
		fold(c, turn_part_think, e.think_ns);
		return;
	}
	current(&e.h);
	submit_turn(&e.h, sizeof(e), 27, source_tcpturns, now);
}

static __always_inline void emit_retransmit(struct conn *c, __u64 now, __u8 state, __u32 segments, __u32 bytes)
{
	struct tcp_retransmit *e = begin(sizeof(*e), 28, source_tcp, now);

	if (!e)
		return;
	about(e, c);
	e->tcp_state = state;
	e->segments = segments;
	e->payload_bytes = bytes;
	submit(e);
}

static __always_inline void emit_reset(struct conn *c, __u64 now, __u32 state, enum reset_from from)
{
	struct tcp_reset *e = begin(sizeof(*e), 29, source_tcp, now);

	if (!e)
		return;
	about(e, c);
	e->tcp_state = state;
	e->reset_from = from;
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

/* recorded tells whether a connection has rows: with a filter, when it belongs to a
 * process that is let through. */
static __always_inline bool recorded(struct conn *c)
{
	return c->pid || !filtered;
}

/* since_boot is an instant of the monotonic clock, which stops while the machine is
 * suspended, in boot time. */
static __always_inline __u64 since_boot(__u64 monotonic, __u64 now)
{
	return monotonic + (now - bpf_ktime_get_ns());
}

/* met remembers a connection that is in use and not known: one older than the
 * recording, or one with Fast Open, which a process has before its handshake ends. In
 * that the first bytes came with the SYN, and its SYN-ACK was sent at once. sent is
 * what the process sent just now. */
static __always_inline struct conn *met(struct sock *sk, __u64 now, __u32 sent)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 unsent = BPF_CORE_READ(tp, write_seq) - sent;
	struct tcp_request_sock *handshake = (struct tcp_request_sock *)BPF_CORE_READ(tp, fastopen_rsk);
	struct conn *c;

	if (!handshake)
		return remember(sk, now, direction_unknown, unsent);
	c = remember(sk, now, direction_passive, unsent);
	if (!c)
		return NULL;
	c->handshake = 1;
	c->read_seq = BPF_CORE_READ(tp, rcv_nxt) - (__u32)BPF_CORE_READ(tp, bytes_received);
	if (want_turns)
		c->arrived_at = since_boot(BPF_CORE_READ(handshake, snt_synack) * 1000, now);
	return c;
}

/* touched is called in process context by whoever uses the connection: it
 * finds the owner of accepted connections and of those older than the
 * recording. sent is what was sent just now. NULL: not one to record. */
static __always_inline struct conn *touched(struct sock *sk, __u64 now, __u32 sent)
{
	struct conn *c = find(sk);

	if (c && c->pid)
		return c;
	if (!wanted_here()) {
		if (c)
			forget(sk);
		return NULL;
	}
	if (!c && sk->__sk_common.skc_state != tcp_state_closed) /* what came may be read behind the close */
		c = met(sk, now, sent);
	if (!c)
		return NULL;
	own(c);
	if (c->direction == direction_passive)
		emit_accept(sk, c, now);
	if (c->synacks)
		emit_retransmit(c, now, tcp_state_syn_recv, c->synacks, 0);
	c->synacks = 0;
	return c;
}

/* accepted begins a connection that the other side opened, or ends the handshake of
 * one with Fast Open that a process has already. What comes with the last segment of
 * a handshake, or came with the SYN, comes where tcp_probe is silent. */
static __always_inline void accepted(struct sock *sk, struct conn *c, struct tcp_sock *tp, __u64 now)
{
	if (c && c->handshake) {
		c->handshake = 0;
	} else {
		c = remember(sk, now, direction_passive, tp->write_seq);
		if (!c)
			return;
		if (want_turns) {
			c->early = 1;
			c->arrived_at = tp->bytes_received ? now - srtt_ns(tp) : now;
		}
	}
	if (!tp->total_retrans)
		return;
	if (recorded(c)) /* of the SYN-ACK, before there was a connection */
		emit_retransmit(c, now, tcp_state_syn_recv, tp->total_retrans, 0);
	else /* until a process has it */
		c->synacks = tp->total_retrans;
}

/* connected ends the handshake of a connection that this side opened, of one that
 * both did, too. What the process sent before (Fast Open) waits for an answer, and may
 * be acknowledged. bytes_acked counts the SYN. */
static __always_inline void connected(struct sock *sk, struct conn *c, struct tcp_sock *tp, __u64 now)
{
	__u32 acked = tp->bytes_acked;

	c->handshake = 0;
	c->rcv_seq = tp->rcv_nxt;
	answered(c, tp->snd_una - (acked ? acked - 1 : 0));
	if (c->unacked && (__s32)(tp->snd_una - c->sent_seq) >= 0) {
		c->unacked = 0;
		c->ack_ns = now - c->sent_at;
	}
	/* The SYN may have waited for the first send. It was the last segment until now. */
	if (BPF_CORE_READ_BITFIELD_PROBED(tp, fastopen_connect) && !tp->total_retrans)
		c->began = since_boot(tp->tcp_wstamp_ns, now);
	emit_connect(sk, c, now, 0);
}

static __always_inline void on_established(struct sock *sk, int old, __u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn *c = find(sk);

	if (!tp)
		return;
	if (old == tcp_state_syn_recv && !(c && c->direction == direction_active))
		accepted(sk, c, tp, now);
	else if (c)
		connected(sk, c, tp, now);
}

/* aborted tells whether a connection closed without FINs and without an error,
 * which only this side's reset does. It is sent behind the change of state. */
static __always_inline bool aborted(struct sock *sk, int old)
{
	return (old == tcp_state_established || old == tcp_state_close_wait) && !sk->sk_err;
}

/* returns_late tells whether a connect failed by itself, before a SYN, and the
 * programs at its return are there to say why. */
static __always_inline bool returns_late(struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (sk->sk_err || BPF_CORE_READ(tp, segs_out))
		return false;
	return sk->__sk_common.skc_family == AF_INET ? window.connects4 : window.connects6;
}

static __always_inline void on_closed(struct sock *sk, int old, __u64 now)
{
	struct conn *c = find(sk);
	bool reset = aborted(sk, old);

	if (c && reset) /* the process may never have touched it before */
		c = touched(sk, now, 0);
	if (!c)
		return;
	unfold(c, now);
	if (old == tcp_state_syn_sent) {
		if (!returns_late(sk)) /* no error of its own: the process gave up */
			emit_connect(sk, c, now, sk->sk_err ? sk->sk_err : ECANCELED);
	} else if (recorded(c)) {
		if (reset)
			emit_reset(c, now, old, reset_from_local);
		emit_close(sk, c, now);
	}
	forget(sk);
}

/* The transitions that only the closing process makes, not an arriving segment. */
static __always_inline bool by_process(int old, int new)
{
	return new == tcp_state_fin_wait1 || (old == tcp_state_close_wait && new == tcp_state_last_ack);
}

/* note records a change of state of a connection that is known. */
static __always_inline void note(struct sock *sk, int old, int new, __u64 now)
{
	struct conn *c = want_states ? find(sk) : NULL;
	struct tcp_state_change *e;

	if (!c)
		return;
	e = recorded(c) ? begin(sizeof(*e), 30, source_tcpstates, now) : NULL;
	if (e) {
		about(e, c);
		e->state_ns = c->state_since ? now - c->state_since : 0;
		e->from_state = old;
		e->tcp_state = new;
		submit(e);
	}
	c->state_since = now;
}

static __always_inline int changed(struct sock *sk, int old, int new)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct conn *c;

	if (!within(now) || !is_tcp(sk))
		return 0;
	if (new == tcp_state_closed) {
		note(sk, old, new, now);
		on_closed(sk, old, now);
		return 0;
	}
	if (new == tcp_state_syn_sent) {
		if (!wanted_here())
			return 0;
		c = remember(sk, now, direction_active, 0);
		if (c) {
			c->handshake = 1;
			own(c);
		}
	} else if (new == tcp_state_established) {
		on_established(sk, old, now);
	} else if (by_process(old, new)) {
		touched(sk, now, 0);
	}
	note(sk, old, new, now);
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
	return missed(twin_state, sk, source_tcp, true) ? changed(sk, old, new) : 0;
}

/* not_sent_to records a connect that failed before a SYN: without a route, without
 * a free port. to is the kernel's copy of the address, in which that of the host
 * is at an offset. */
static __always_inline void not_sent_to(struct sock *sk, const void *to, int error)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct conn c = { .began = now, .direction = direction_active };
	struct tcp_connect *e;

	if (!within(now) || !is_tcp(sk) || !wanted_here())
		return;
	c.id = next_id();
	if (!c.id) {
		count_lost(source_tcp, loss_reason_map_full);
		return;
	}
	own(&c);
	e = connect_row(sk, &c, now, error);
	if (!e)
		return;
	bpf_probe_read_kernel(&e->rport, sizeof(e->rport), to + 2);
	e->rport = __builtin_bswap16(e->rport);
	if (sk->__sk_common.skc_family == AF_INET)
		bpf_probe_read_kernel(e->raddr + 12, 4, to + 4);
	else
		bpf_probe_read_kernel(e->raddr, 16, to + 8);
	submit(e);
}

SEC("fexit/tcp_v4_connect")
int BPF_PROG(on_connect4_return, struct sock *sk, void *to, int size, int ret)
{
	if (ret < 0 && sk->__sk_common.skc_family == AF_INET) /* else tcp_v6_connect called it */
		not_sent_to(sk, to, -ret);
	return 0;
}

SEC("fexit/tcp_v6_connect")
int BPF_PROG(on_connect6_return, struct sock *sk, void *to, int size, int ret)
{
	if (ret < 0)
		not_sent_to(sk, to, -ret);
	return 0;
}

/* read_since is how many bytes the process read since it sent last. A FIN that
 * was read behind them counts as one in copied_seq. */
static __always_inline __u64 read_since(struct conn *c, struct sock *sk, struct tcp_sock *tp)
{
	__u64 n = turn_bytes(c->read_seq, c->rx_forward, tp->copied_seq);

	if (n && tp->copied_seq == tp->rcv_nxt)
		n -= sk->__sk_common.skc_flags >> SOCK_DONE & 1;
	return n;
}

/* tally counts a call that carried bytes. Others may be counted at the same time. */
static __always_inline void tally(__u32 *calls, __u32 *largest, __u32 bytes)
{
	__sync_fetch_and_add(calls, 1);
	if (bytes > *largest)
		*largest = bytes;
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
	if (c->read_at)
		emit_reply(c, now, read_since(c, sk, tp));
	c->read_at = 0;
	c->read_seq = tp->copied_seq;
	c->rx_forward = 0;
	if (c->early) /* nothing has come yet, or nobody knows when */
		c->early = c->arrived_at = 0;
	tally(&c->sends, &c->largest_send, bytes);
	c->sent_at = now;
	c->sent_seq = tp->write_seq;
	c->rcv_seq = tp->rcv_nxt;
	wrote(c, c->sent_seq);
	c->ack_ns = 0;
	c->unacked = (__s32)(tp->snd_una - tp->write_seq) < 0;
	return 0;
}

/* own_first finds the owner of an accepted MPTCP connection, of which the first
 * TCP connection is the kernel's: its own thread is current whenever that is
 * used. */
static __always_inline void own_first(struct sock *sk)
{
	struct mptcp_sock *m = (struct mptcp_sock *)sk;
	struct conn *c;

	if (!bpf_core_type_exists(struct mptcp_sock))
		return;
	c = find(BPF_CORE_READ(m, first));
	if (c && !c->pid && wanted_here())
		own(c);
}

/* This tracepoint is of all sockets: for others than TCP's it must cost nothing. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int ret, int flags)
{
	if (sk->sk_protocol == IPPROTO_MPTCP)
		own_first(sk);
	if (!is_tcp(sk))
		return 0;
	handle(twin_send, sk);
	return sent(sk, ret);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send_twin, struct sock *sk, int ret, int flags)
{
	return is_tcp(sk) && missed(twin_send, sk, source_tcp, true) ? sent(sk, ret) : 0;
}

/* Before 6.3 (commit 6e6eda44b939) there is no sock_send_length. */
SEC("fexit/tcp_sendmsg")
int BPF_PROG(on_sendmsg_return, struct sock *sk, void *msg, __u64 size, int ret)
{
	return sent(sk, ret);
}

/* Before 6.5 (commit dc97391e6610) sendfile and splice hand pages over by themselves. */
SEC("fexit/tcp_sendpage")
int BPF_PROG(on_sendpage_return, struct sock *sk, void *page, int offset, __u64 size, int flags, int ret)
{
	return sent(sk, ret);
}

/* since_sent is when the bytes that are now answered were sent: the end of the
 * last send call, or, while that call has not returned yet (the answer of a
 * loopback peer overtakes it), the departure of the last segment. */
static __always_inline __u64 since_sent(struct conn *c, struct tcp_sock *tp, __u64 now)
{
	if (c->sent_at && c->sent_seq == tp->write_seq)
		return c->sent_at;
	return since_boot(tp->tcp_wstamp_ns, now);
}

/* word is four bytes of a segment's control block. Byte by byte the verifier
 * lets a program have them without a helper, which takes several times as long. */
static __always_inline __u32 word(struct sk_buff *skb, __u32 at)
{
	const __u8 *b = (const __u8 *)skb->cb + at;

	return b[0] | b[1] << 8 | b[2] << 16 | (__u32)b[3] << 24;
}
#define cb_word(skb, member) word(skb, bpf_core_field_offset(struct tcp_skb_cb, member))

/* brings_new_bytes tells whether a segment carries payload not received before. */
static __always_inline bool brings_new_bytes(struct sk_buff *skb, struct tcp_sock *tp)
{
	__u8 flags = ((const __u8 *)skb->cb)[bpf_core_field_offset(struct tcp_skb_cb, tcp_flags)];
	__u32 end = cb_word(skb, end_seq) - (flags & TCPHDR_FIN);

	return end != cb_word(skb, seq) && (__s32)(end - tp->rcv_nxt) > 0;
}

static __always_inline bool acknowledges(struct sk_buff *skb, __u32 seq)
{
	return (__s32)(cb_word(skb, ack_seq) - seq) >= 0;
}

/* rtt records round-trip times when it is time to, and returns when it is. */
static __always_inline __u64 rtt(struct conn *c, struct tcp_sock *tp)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct tcp_rtt *e;

	if (now - c->rtt_at < rtt_interval || !within(now) || !c->pid)
		return now;
	c->rtt_at = now;
	e = begin(sizeof(*e), 32, source_tcp, now);
	if (!e)
		return now;
	about(e, c);
	e->srtt_ns = srtt_ns(tp);
	e->min_rtt_ns = min_rtt_ns(tp);
	submit(e);
	return now;
}

static __always_inline int arrived(struct sock *sk, struct sk_buff *skb)
{
	struct conn *c = find(sk);
	struct tcp_sock *tp;
	bool answer, first;
	__u64 now;

	if (!c)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	now = rtt_interval ? rtt(c, tp) : 0;
	if (c->unacked && acknowledges(skb, c->sent_seq)) {
		if (!now)
			now = bpf_ktime_get_boot_ns();
		c->unacked = 0;
		c->ack_ns = now - c->sent_at;
	}
	wrote(c, tp->write_seq);
	answer = tp->write_seq != c->answered_seq || c->tx_forward;
	first = want_turns && (!c->heard || c->heard_seq != tp->write_seq);
	if (!(answer || first) || !brings_new_bytes(skb, tp))
		return 0;
	if (!now)
		now = bpf_ktime_get_boot_ns();
	if (first) {
		c->heard = 1;
		c->heard_seq = tp->write_seq;
		if (!c->early || !tp->bytes_received)
			c->arrived_at = now;
		c->early = 0;
	}
	if (!answer)
		return 0;
	if (within(now) && c->pid)
		emit_response(c, now, since_sent(c, tp, now), c->sent_seq == tp->write_seq ? c->ack_ns : 0, tp->write_seq);
	answered(c, tp->write_seq);
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
	return missed(twin_segment, sk, source_tcp, true) ? arrived(sk, skb) : 0;
}

/* answered_late tells whether an answer has come that on_segment did not see: after
 * this side's FIN, and before the handshake ends, tcp_probe is silent. What came before
 * the send is none. */
static __always_inline bool answered_late(struct conn *c, struct tcp_sock *tp)
{
	return c->sent_at && (c->tx_forward || (__s32)(c->sent_seq - c->answered_seq) > 0) &&
	       (__s32)(tp->copied_seq - c->rcv_seq) > 0;
}

/* received finds owners, first reads, and late answers. */
static __always_inline int received(struct sock *sk)
{
	struct tcp_sock *tp;
	struct conn *c;
	__u64 now;

	if (!is_tcp(sk))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	c = find(sk);
	if (c && tp->copied_seq - c->read_seq >= FORWARD)
		forward(&c->read_seq, &c->rx_forward, tp->copied_seq);
	if (c && c->pid && !c->arrived_at && !answered_late(c, tp))
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (!within(now))
		return 0;
	if (!(c && c->pid))
		c = touched(sk, now, 0);
	if (!c)
		return 0;
	if (c->arrived_at) {
		emit_read(c, now);
		c->arrived_at = 0;
		c->early = 0;
		c->read_at = now;
	}
	if (!answered_late(c, tp))
		return 0;
	emit_response(c, now, c->sent_at, c->ack_ns, c->sent_seq);
	answered(c, c->sent_seq);
	return 0;
}

/* Once for each segment that a process reads, before the call returns. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_receive, struct sock *sk)
{
	handle(twin_receive, sk);
	return received(sk);
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_receive_twin, struct sock *sk)
{
	return missed(twin_receive, sk, source_tcp, true) ? received(sk) : 0;
}

/* took counts a receive call that gave the process bytes, and took them away. */
static __always_inline int took(struct sock *sk, int bytes, int flags)
{
	struct conn *c = bytes > 0 && !(flags & MSG_PEEK) ? find(sk) : NULL;

	if (c)
		tally(&c->receives, &c->largest_receive, bytes);
	return 0;
}

/* This tracepoint is of all sockets, too. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive_call, struct sock *sk, int ret, int flags)
{
	if (!is_tcp(sk))
		return 0;
	handle(twin_receive_call, sk);
	return took(sk, ret, flags);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive_call_twin, struct sock *sk, int ret, int flags)
{
	return is_tcp(sk) && missed(twin_receive_call, sk, source_tcp, true) ? took(sk, ret, flags) : 0;
}

/* Before 6.3 (commit 6e6eda44b939) there is no sock_recv_length, and before 5.19
 * (commit ec095263a965) tcp_recvmsg has an argument more. */
SEC("fexit/tcp_recvmsg")
int BPF_PROG(on_recvmsg6_return, struct sock *sk, void *msg, __u64 size, int nonblock, int flags, int *from, int ret)
{
	return took(sk, ret, flags);
}

SEC("fexit/tcp_recvmsg")
int BPF_PROG(on_recvmsg_return, struct sock *sk, void *msg, __u64 size, int flags, int *from, int ret)
{
	return took(sk, ret, flags);
}

static __always_inline int again(__u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct sk_buff *skb = (void *)ctx[1];
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)&skb->cb;
	__u64 now = bpf_ktime_get_boot_ns();
	struct conn *c = find(sk);

	if (c && recorded(c) && within(now) && !not_sent(ctx))
		emit_retransmit(c, now, sk->__sk_common.skc_state, BPF_CORE_READ(cb, tcp_gso_segs), skb->len);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int on_retransmit(__u64 *ctx)
{
	handle(twin_retransmit, (void *)ctx[1]);
	return again(ctx);
}

SEC("tp_btf/tcp_retransmit_skb")
int on_retransmit_twin(__u64 *ctx)
{
	return missed(twin_retransmit, (void *)ctx[1], source_tcp, true) ? again(ctx) : 0;
}

static __always_inline int reset(const struct sock *sk, enum reset_from from)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct conn *c = sk ? find((struct sock *)sk) : NULL;

	if (c && recorded(c) && within(now))
		emit_reset(c, now, BPF_CORE_READ(sk, __sk_common.skc_state), from);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_in, struct sock *sk)
{
	handle(twin_reset_in, sk);
	return reset(sk, reset_from_remote);
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_in_twin, struct sock *sk)
{
	return missed(twin_reset_in, sk, source_tcp, true) ? reset(sk, reset_from_remote) : 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset_out, const struct sock *sk)
{
	handle(twin_reset_out, sk);
	return reset(sk, reset_from_local);
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset_out_twin, const struct sock *sk)
{
	return missed(twin_reset_out, sk, source_tcp, true) ? reset(sk, reset_from_local) : 0;
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
	struct conn *c = find(sk);

	if (!c)
		c = met(sk, now, 0);
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
	e.socket_of = whose(sk);
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

/* write_canary writes the row that every listing must have. */
static __always_inline void write_canary(struct seq_file *seq)
{
	struct tcp_socket e = { .h.kind = 14 };

	bpf_seq_write(seq, &e, sizeof(e));
}

static __always_inline bool is_canary(struct file *file)
{
	return window.canary && BPF_CORE_READ(file, f_inode, i_ino) == window.canary &&
	       (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK;
}

/* The connections that processes hold, as tcp_socket rows: those older than
 * the recording are found by it. One held by several processes comes several
 * times, with the same owner. The kernel shows a table of files that threads share
 * once. Before the window opens there is the canary alone. */
SEC("iter/task_file")
int list_held(struct bpf_iter__task_file *ctx)
{
	struct task_struct *p = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk;
	struct conn *c;
	__u64 now;

	if (!p || !file)
		return 0;
	if (is_canary(file))
		write_canary(ctx->meta->seq);
	now = bpf_ktime_get_boot_ns();
	if (now < window.opens || !wanted(p))
		return 0;
	sk = socket_of(file);
	if (!sk || !is_connection(sk))
		return 0;
	c = holder(sk, p, now);
	if (c)
		write_socket(ctx->meta->seq, sk, c, now);
	return 0;
}

/* The connections remembered, held by a process or orphaned: an entry goes
 * when its sock closes, so the sock of one that is here is alive. The canary is the
 * entry of no sock. */
SEC("iter/bpf_map_elem")
int list_open(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 *key = ctx->key;
	struct conn *c = ctx->value;
	struct conn copy;
	struct sock *sk;

	if (!key || !c)
		return 0;
	sk = (struct sock *)*key;
	if (!sk)
		write_canary(ctx->meta->seq);
	if (!sk || !recorded(c))
		return 0;
	copy = *c;
	if (is_connection(sk))
		write_socket(ctx->meta->seq, sk, &copy, bpf_ktime_get_boot_ns());
	return 0;
}
