/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NL_H
#define NL_H
/*
 * One netlink conversation: build with libnl, send, wait for the ACK.  A socket is opened
 * once and kept: closing a netfilter one waits 11 ms for RCU.
 */
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdint.h>

struct err;
struct nl;

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_SOCK_DIAG */
int nl_open(struct nl **ret, int protocol, struct err *e);
void nl_free(struct nl *n); /* NULL is fine */
int nl_fd(const struct nl *n);

/* Start a message in the socket's own preallocated buffer: nothing is allocated.  `extra`
 * bytes after the header are zeroed and returned (struct tcmsg, nfgenmsg, …).  Valid until
 * the next nl_begin on this socket. */
struct nl_msg;
void *nl_begin(struct nl *n, uint16_t type, uint16_t flags, size_t extra);
/* From here to nl_ask_batch or nl_try_batch each nl_begin adds a message to those before,
 * in a buffer that is there already. */
void nl_batch(struct nl *n);
void nl_put(struct nl *n, uint16_t attr, const void *data, size_t len);
void nl_put_u8(struct nl *n, uint16_t attr, uint8_t v);
void nl_put_u16(struct nl *n, uint16_t attr, uint16_t v); /* as given: swap yourself */
void nl_put_u32(struct nl *n, uint16_t attr, uint32_t v);
void nl_put_str(struct nl *n, uint16_t attr, const char *s); /* with its NUL */
/* Without a header: a struct that stands before the attributes of a nest. */
void nl_put_raw(struct nl *n, const void *data, size_t len);
void *nl_nest(struct nl *n, uint16_t attr); /* sets NLA_F_NESTED */
void nl_nest_end(struct nl *n, void *nest);

/* Send what was begun and wait for its ACK: 0 or the kernel's negative errno, without an
 * err (callers know what they asked).  The kernel's extended ACK text is in nl_why. */
int nl_ask(struct nl *n);
const char *nl_why(const struct nl *n);
/* The same for nf_tables, whose changes travel in batches: all that was begun since
 * nl_batch, or else the one message.  The kernel does all of it or nothing.  With a
 * generation (not 0) it refuses, -ERESTART, if the ruleset has changed since. */
int nl_ask_batch(struct nl *n, uint32_t generation);
/* Would it be done?  Nothing is. */
int nl_try_batch(struct nl *n);
/* Many messages in few sends, each of them done or refused by itself: nl_begin … nl_queue
 * for each, nl_flush at the end.  The kernel goes on after one that it refuses; the first
 * refusal is returned by the nl_queue or nl_flush that sent it, with the kernel's words in
 * nl_why.  Asking anything else drops what still waits. */
int nl_queue(struct nl *n);
int nl_flush(struct nl *n);
/* Send a dump (NLM_F_DUMP) or get request and call fn for each answer until it returns
 * non-zero or the dump ends.  0, fn's value, or a negative errno; -EINTR when what is
 * dumped changed meanwhile: forget what fn saw and ask again.  fn must not use `n`. */
int nl_each(struct nl *n, int (*fn)(void *ctx, const struct nlmsghdr *h), void *ctx);
/* Attributes of an answer behind `extra` bytes of header, into tb[0…max]. */
int nl_attrs(const struct nlmsghdr *h, size_t extra, struct nlattr **tb, int max);

#endif
