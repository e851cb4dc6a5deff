/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FDS_LIMIT_H
#define FDS_LIMIT_H
/* host.fds of chosen processes: the limit of descriptors of each is lowered. */
#include "fault.h"
#include <stddef.h>

struct fds_limits;

/* In prepare: choose, reckon, and add the undo. */
int fds_limits_plan(struct fds_limits **ret, struct fault_run *r, struct err *e);
int fds_limits_apply(const struct fds_limits *l, struct err *e);
/* How many of them are as they should be; -ESTALE when one has set its own since. */
int fds_limits_check(const struct fds_limits *l, size_t *ret_alive, struct err *e);
void fds_limits_release(struct fds_limits *l);

#endif
