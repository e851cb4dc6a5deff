/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VITAL_H
#define VITAL_H
/*
 * File systems that must go on: to stop one of these would stop the agent in the middle of
 * its undo, or the host, or whoever could end the drill.
 */
#include "fault.h"
#include "mount.h"

/* What the fault is about to stop. */
struct vital {
	const struct mount *mount;
	dev_t dev;         /* as stat sees it */
	bool only_mount;   /* other mounts of the file system go on */
	const char *state; /* "frozen", for messages */
};

/* 0, or OUTCOME_REFUSED with what depends on it. */
int vital_check(const struct vital *v, const struct fault_run *r, struct err *e);

/* Who has files open for writing there: "postgres (812), nginx (901) and 2 others"; ""
 * when nobody is seen; returns buf. */
const char *vital_writers(const struct vital *v, char *buf, size_t size);

#endif
