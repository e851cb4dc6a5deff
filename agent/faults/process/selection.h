/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELECTION_H
#define SELECTION_H
/*
 * Choosing processes by the selectors that the process family shares
 * (lib/kinds/process_params.h), and holding on to exactly those.
 */
#include "ident.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct protect;
struct spec;
struct selector;

struct target {
	struct process_id id;
	char comm[16];
	int pidfd; /* the process itself, whatever becomes of its pid */
};

struct selection {
	struct target *targets; /* oldest first */
	size_t count;
	size_t matched; /* before count or percent chose among them */
	size_t spared;  /* that matched and are protected: passed over */
	uint64_t seed;  /* that pick=random used */
};

/* All selectors must hold.  Never pid 1, kernel threads, zombies, ourselves, the agent and
 * its descendants, the controller and its ancestors, what policy protects. */
int selector_open(struct selector **ret, const struct spec *spec,
    const struct protect *protect, struct err *e);
void selector_free(struct selector *s);
/* /proc, through which all is found: whoever closes it ends the finding. */
int selector_fd(const struct selector *s);
/* As of now.  -ESRCH when nothing matches, OUTCOME_REFUSED when only protected ones do; the
 * message says which. */
int selector_choose(struct selector *s, struct selection *ret, struct err *e);
/* Is this one of those that match?  Held by its pidfd if so, which the caller closes. */
bool selector_takes(struct selector *s, pid_t pid, struct target *ret);

/* The three in one. */
int selection_make(struct selection *ret, const struct spec *spec,
    const struct protect *protect, struct err *e);
void selection_release(struct selection *s);
/* "3 processes: nginx 812, nginx 813, …": as many as fit; returns buf. */
const char *selection_describe(const struct selection *s, char *buf, size_t size);
/* "; seed=7", "; 2 protected ones passed over": what the choice does not show by itself. */
const char *selection_remarks(
    const struct selection *s, const struct spec *spec, char *buf, size_t size);

#endif
