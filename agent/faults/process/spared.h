/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPARED_H
#define SPARED_H
/* Who is never touched, whatever a selector says. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct proc;
struct protect;

#define ANCESTORS_MAX 64

struct spared {
	const struct protect *protect;
	pid_t stop_button[ANCESTORS_MAX]; /* the controller and its ancestors */
	size_t stop_button_count;
	struct {
		pid_t pid;
		bool is_ours;
	} parent; /* the last one looked at: siblings come in rows */
};

/* Before each walk: who is whose child is as of now. */
void spared_look(struct spared *s, const struct protect *protect);
/* Why this process must not be touched; NULL when it may be. */
const char *spared_why(struct spared *s, const struct proc *p, int dir);

#endif
