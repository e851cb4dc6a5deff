/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_H
#define SANDBOX_H

struct err;

/* Give up files, users, capabilities and most system calls, for good. */
int sandbox_enter(const char *empty_dir, struct err *e);

#endif
