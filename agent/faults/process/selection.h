/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELECTION_H
#define SELECTION_H
/*
 * Choosing processes by the selectors that the process family shares (name, cmdline, exe,
 * pid, port, exclude; count, pick, seed), and holding on to exactly those.
 */
#include "ident.h"
#include <stddef.h>
#include <stdint.h>

struct err;
struct protect;
struct spec;

struct target {
	struct process_id id;
	char comm[16];
	int pidfd; /* the process itself, whatever becomes of its pid */
};

struct selection {
	struct target *targets; /* oldest first */
	size_t count;
	size_t matched; /* before `count` chose among them */
	uint64_t seed;  /* that pick=random used */
};

/* All selectors must hold.  Never pid 1, kernel threads, zombies, ourselves, the agent and
 * its descendants, the controller and its ancestors, what policy protects.  -ESRCH when
 * nothing matches, OUTCOME_REFUSED when only protected ones do; the message says which. */
int selection_make(struct selection *ret, const struct spec *spec,
    const struct protect *protect, struct err *e);
void selection_release(struct selection *s);
/* "3 processes: nginx 812, nginx 813, …": as many as fit; returns buf. */
const char *selection_describe(const struct selection *s, char *buf, size_t size);

#endif
