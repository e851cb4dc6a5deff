/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISPATCH_H
#define DISPATCH_H
/* The front's requests: who may ask, is it well-formed, and what to do. */
#include "clock.h"

struct super;
union msg;

/* 0, or -EBADMSG for a message that a front of ours would not send: it is to be ended.
 * What was asked for and is not to be had is answered, with 0. */
int dispatch(struct super *s, const union msg *m, usec_t now);
/* The front is gone: what it had begun to say is void. */
void dispatch_forget(struct super *s);

#endif
