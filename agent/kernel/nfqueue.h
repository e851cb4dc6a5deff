/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFQUEUE_H
#define NFQUEUE_H
/*
 * One NFQUEUE of ours: the kernel parks each packet that a rule sends here and tells us its
 * number, nothing of its contents; the packet goes on its way when we say so.  Made to fail
 * open: a full queue, a full socket and the death of this process all let traffic pass
 * (what is parked at that moment is dropped by the kernel).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nfqueue;

/* -EOPNOTSUPP naming the module when the kernel has no nfnetlink_queue. */
int nfqueue_supported(struct err *e);
/* Does somebody in this network namespace hold the queue? */
bool nfqueue_taken(uint16_t number);

/* Bind the queue, parking at most `room` packets: -EBUSY when somebody holds it. */
int nfqueue_open(struct nfqueue **ret, uint16_t number, uint32_t room, struct err *e);
/* NULL is fine.  Drops what is parked; waits some milliseconds for RCU. */
void nfqueue_close(struct nfqueue *q);
int nfqueue_fd(const struct nfqueue *q);

/* Numbers of newly parked packets, in the order they came: how many, 0 when there are none
 * now, or a negative errno.  Never blocks. */
enum { NFQUEUE_READ_MAX = 64 };
int nfqueue_read(struct nfqueue *q, uint32_t ret_ids[static NFQUEUE_READ_MAX]);
/* Let every packet up to and including this number go: one message. */
int nfqueue_accept_upto(struct nfqueue *q, uint32_t id);
/* Let one go; sent when 64 have come together, or by nfqueue_flush. */
int nfqueue_accept(struct nfqueue *q, uint32_t id);
int nfqueue_flush(struct nfqueue *q);

#endif
