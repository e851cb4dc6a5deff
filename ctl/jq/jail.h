/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAIL_H
#define JAIL_H
/*
 * What a filter may do: compute, within limits.
 */
struct err;

/* For good, and before a filter is compiled: a filter may ask for files while it is. */
int jail_enter(struct err *e);
/* From now on so much CPU, then death by SIGPROF. */
void jail_bound_cpu(void);

#endif
