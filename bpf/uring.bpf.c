//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause)
/* File opens by io_uring, from submission to completion. */
#include "text.h"

ANCHOR(open);

#define IORING_OP_OPENAT 18
#define IORING_OP_OPENAT2 28
#define IOSQE_CQE_SKIP_SUCCESS 0x40 /* a request's lowest flags are those of its entry */

/* A request under way: its row, as far as it is known. */
struct request {
	__u64 since;
	__u32 bytes; /* of the row */
	bool_t direct; /* it has no file descriptor */
	__u8 reserved[3];
	struct open row;
	__u64 beyond; /* a path that has more is read up to here */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64); /* address of the kernel's request */
	__type(value, struct request);
} requests SEC(".maps");

static __always_inline bool opens(struct io_kiocb *req)
{
	__u8 op = req->opcode; /* not BPF_CORE_READ: a kernel that passes no request must not load this */

	return (op == IORING_OP_OPENAT || op == IORING_OP_OPENAT2) && !(BPF_CORE_READ(req, flags) & IOSQE_CQE_SKIP_SUCCESS);
}

static __always_inline struct filename *filename_of(struct io_open *o)
{
	if (bpf_core_field_exists(o->filename))
		return BPF_CORE_READ(o, filename);
	return BPF_CORE_READ((struct io_open___since_7_0 *)o, filename.__incomplete_filename);
}

static __always_inline void describe(struct request *r, struct io_kiocb *req, __u64 id)
{
	struct io_open *o = (void *)&req->cmd;
	struct filename *name = filename_of(o);
	struct open *e = &r->row;

	e->h.pid = id >> 32;
	e->h.tid = id;
	e->h.kind = 15;
	e->h.seq = 0;
	e->flags = BPF_CORE_READ(o, how.flags);
	e->open_call = open_call_io_uring;
	r->direct = BPF_CORE_READ(o, file_slot) != 0;
	bpf_get_current_comm(&e->comm, sizeof(e->comm));
	__builtin_memset(e->reserved, 0, sizeof(e->reserved));
	r->bytes = offsetof(struct open, path) +
		   measured(e->path, bpf_probe_read_kernel_str(&e->path, TEXT_READ, BPF_CORE_READ(name, name)), &e->cut);
}

static __always_inline int submitted(struct io_kiocb *req)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_boot_ns(), key = (__u64)req;
	__u32 zero = 0;
	struct request *r;

	if (!opens(req) || !within(now) || !wanted_here() || ours(id >> 32))
		return 0;
	r = bpf_map_lookup_elem(&drafts, &zero);
	if (!r)
		return 0;
	r->since = now;
	describe(r, req, id);
	if (bpf_map_update_elem(&requests, &key, r, BPF_ANY))
		count_lost(source_file, loss_reason_map_full);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *req)
{
	return submitted(req);
}

/* Before 6.3 (commit 48ba08374e77). */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(on_uring_submit_sqe, struct io_kiocb *req)
{
	return submitted(req);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete, void *ring_ctx, void *req)
{
	__u64 now = bpf_ktime_get_boot_ns(), key = (__u64)req;
	struct request *r = bpf_map_lookup_elem(&requests, &key);
	__u64 bytes;
	__s32 res;

	if (!r)
		return 0;
	res = BPF_CORE_READ((struct io_kiocb *)req, cqe.res);
	r->row.h.time = now;
	r->row.h.cpu = bpf_get_smp_processor_id();
	r->row.open_ns = now - r->since;
	r->row.error = res < 0 ? -res : 0;
	r->row.fd = res < 0 || r->direct ? -1 : res;
	bytes = r->bytes;
	if (within(now) && bytes <= sizeof(r->row))
		send(&r->row, bytes, source_file);
	bpf_map_delete_elem(&requests, &key);
	return 0;
}
