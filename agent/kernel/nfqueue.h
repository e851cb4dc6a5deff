/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFQUEUE_H
#define NFQUEUE_H
/*
 * One NFQUEUE of ours: the kernel parks each packet that a rule sends here and tells us its
 * number and as much of it as we asked for; the packet goes on its way, changed if we like,
 * or is dropped, when we say so.  Made to fail open: a full queue, a full socket and the
 * death of this process all let traffic pass (what is parked at that moment is dropped by
 * the kernel).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nfqueue;

/* What is told of a packet: the more, the fewer a core can move. */
enum nfqueue_copy {
	NFQUEUE_NUMBERS, /* nothing of its contents, and no length */
	NFQUEUE_HEADERS, /* its length and its first NFQUEUE_HEADER_LEN bytes */
	NFQUEUE_WHOLE,
};
enum { NFQUEUE_HEADER_LEN = 128 };

struct nfqueue_options {
	uint16_t number;
	uint32_t room; /* packets parked at most: further ones pass */
	enum nfqueue_copy copy;
	/* Large packets that the network card would cut into segments stay whole, and their
	 * checksums may be missing still: cheaper, and right for who only looks at numbers.
	 * Otherwise each packet is one as the wire has it. */
	bool keeps_large;
};

struct nfqueue_packet {
	uint32_t id;
	uint8_t hook;   /* NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT … */
	uint8_t family; /* 4 or 6 */
	int in, out;    /* interfaces, 0 none */
	uint32_t mark;
	uint32_t len; /* from its IP header on; 0 with NFQUEUE_NUMBERS */
	/* From the IP header on, valid until the next read. */
	const uint8_t *payload;
	uint32_t payload_len;
};

/* -EOPNOTSUPP naming the module when the kernel has no nfnetlink_queue. */
int nfqueue_supported(struct err *e);
/* Does somebody in this network namespace hold the queue? */
bool nfqueue_taken(uint16_t number);
/* A number that nobody holds, the same for the same wish as long as that is free. */
int nfqueue_find_free(uint64_t wish, uint16_t *ret, struct err *e);

/* Bind the queue: -EBUSY when somebody holds it. */
int nfqueue_open(
    struct nfqueue **ret, const struct nfqueue_options *options, struct err *e);
/* NULL is fine.  Drops what is parked; waits some milliseconds for RCU. */
void nfqueue_close(struct nfqueue *q);
int nfqueue_fd(const struct nfqueue *q);

/* Newly parked packets, in the order they came: how many, 0 when there are none now, or a
 * negative errno.  Never blocks.  A full batch says that there may be more: 64, or fewer
 * where they come whole. */
enum { NFQUEUE_READ_MAX = 64 };
int nfqueue_read(
    struct nfqueue *q, struct nfqueue_packet ret_packets[static NFQUEUE_READ_MAX]);
int nfqueue_batch(const struct nfqueue *q);

/* Let every packet up to and including this number go: one message. */
int nfqueue_accept_upto(struct nfqueue *q, uint32_t id);
/* Verdicts on one packet; sent when 64 have come together, or by nfqueue_flush. */
int nfqueue_accept(struct nfqueue *q, uint32_t id);
int nfqueue_drop(struct nfqueue *q, uint32_t id);
/* Let it go with other contents, from the IP header on; checksums are the caller's
 * business.  Sent at once, after what was waiting. */
int nfqueue_accept_changed(
    struct nfqueue *q, uint32_t id, const void *payload, size_t len);
int nfqueue_flush(struct nfqueue *q);

#endif
