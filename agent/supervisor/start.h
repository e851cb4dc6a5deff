/* SPDX-License-Identifier: Apache-2.0 */
#ifndef START_H
#define START_H
/* From nothing to an agent that listens: everything that may fail, wait or need power. */
struct err;
struct super;

/* 0, or the error and the exit status to end with. */
int super_start(struct super *s, int *ret_exit, struct err *e);
/* Tell whoever waits for it (--ready-fd, systemd) that requests are taken. */
void super_say_ready(struct super *s);

#endif
