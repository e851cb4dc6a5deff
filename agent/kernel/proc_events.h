/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROC_EVENTS_H
#define PROC_EVENTS_H
/*
 * Hearing of new processes from the kernel (the process events connector): about those that
 * were forked, became another program, another name or another user's.  Only in the first
 * pid and network namespaces, and only where the kernel was built with it.
 */
#include <sys/types.h>

struct err;

/* A descriptor that becomes readable, or -EOPNOTSUPP with why there are none to be had. */
int proc_events_open(struct err *e);
void proc_events_close(int fd); /* -1 is fine */
/* Call fn for each that has come, `most` messages at most.  0, or -ENOBUFS when some were
 * lost: look for yourself. */
int proc_events_read(int fd, unsigned most, void (*fn)(void *ctx, pid_t pid), void *ctx);

#endif
