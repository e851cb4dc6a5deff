/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EMBED_H
#define EMBED_H
/*
 * Finding an agent: the daemon of this host if one answers, else, as root, an ephemeral
 * stormd of our own for the time of the drill.  It undoes everything when the pipe we hold
 * breaks; when *it* is lost we run stormd-undo on its directories ourselves.
 */
#include "bounds.h"
#include <stdbool.h>
#include <sys/types.h>

struct err;

struct agent_options {
	const char *host_dir;  /* NULL: default */
	const char *run_dir;   /* NULL: host-dir/instance */
	const char *state_dir; /* of an embedded one; NULL: default */
	const char *instance;  /* NULL: "default" */
	const char *policy;    /* NULL: default */
	bool embedded;         /* never use a daemon */
};

struct agent {
	char run_dir[PATH_LEN_MAX], host_dir[PATH_LEN_MAX], socket[PATH_LEN_MAX];
	char state_dir[PATH_LEN_MAX]; /* embedded */
	bool is_embedded;
	pid_t pid;    /* embedded: stormd */
	int pidfd;    /* embedded: readable when it has ended; else -1 */
	int lifeline; /* embedded: closing it is "undo and end"; else -1 */
};

/* -EPERM when there is no daemon and we are not root: says both ways out. */
int agent_find(struct agent *a, const struct agent_options *o, struct err *e);
/* Embedded: let it end in order and wait; run stormd-undo if it did not.  0 when clean,
 * -EBUSY when something is left (said in `e`). */
int agent_leave(struct agent *a, struct err *e);
/* After the agent was lost: wait for its guardian, then stormd-undo --all. */
int agent_recover(struct agent *a, struct err *e);

#endif
