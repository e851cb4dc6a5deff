/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETWORK_H
#define NETWORK_H
/*
 * Whose network a fault is in: the agent's own, or that of a process or a container.  A
 * holder enters it first of all: every socket it opens, and every program it runs, is then
 * of that network.
 *
 * By being in it the holder keeps the namespace and its interfaces alive, so it watches the
 * process it was led by and leaves with it.
 */
#include "ident.h"
#include <stdbool.h>
#include <stddef.h>

struct err;

enum { NETWORK_OF_MAX = 128 };

struct network {
	int pidfd; /* readable when the process has ended; -1: nobody's, stay */
	struct process_id process;      /* all zero: nobody was named */
	char container[NETWORK_OF_MAX]; /* its id; "": named by its pid */
	bool is_own; /* the process is in the network that we were in already */
};

/* pid 0 and container NULL: stay where we are.  -ESRCH when there is no such process or
 * container, OUTCOME_REFUSED when several are meant; nothing has changed then. */
int network_enter(struct network *n, pid_t pid, const char *container, struct err *e);
/* "in the network of container 4f6a2c9d1b7e, pid 812"; "" for our own; returns buf. */
const char *network_describe(const struct network *n, char *buf, size_t size);

#endif
