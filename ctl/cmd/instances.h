/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INSTANCES_H
#define INSTANCES_H
/*
 * The agents of this host, as their directories say: one that was named, or every one
 * below host-dir.  For commands that must reach them all, such as halt.
 */
#include "bounds.h"
#include "embed.h"
#include "fleet.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct invocation;

#define INSTANCES_MAX 32

struct instance {
	char name[NAME_MAX_LEN];
	char run_dir[PATH_LEN_MAX], host_dir[PATH_LEN_MAX];
};

/* How many were found (at most `max`), or a negative errno. */
int instances_find(
    const struct agent_options *o, struct instance *ret, size_t max, struct err *e);
bool host_is_halted(const struct agent_options *o);
/* Records on disk that nobody has taken back yet; for one whose agent does not answer. */
int instance_left(const struct instance *i);
/* stormd-undo on this instance, or on every one of host_dir when run_dir is "": its exit
 * code; its words go to our stdout unless `quiet`, and to stderr. */
int instance_undo(const struct instance *i, const char *verb, bool quiet, struct err *e);

/* Where no agent runs: one of our own takes this one request (FLEET_HALT, FLEET_RESUME), so
 * that a halt is the host's, whoever is there to hear it.  -EPERM when not root. */
int instance_embed(const struct agent_options *o, enum fleet_ask what, struct err *e);

#endif
