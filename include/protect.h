/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTECT_H
#define PROTECT_H
/*
 * What no fault may touch, as stormd tells a holder: from policy, and from what the drill's
 * own stop button needs.  A flat POD; strings are NUL-separated lists, ended by an empty
 * one.
 */
#include <stdbool.h>
#include <stdint.h>

struct protect {
	int32_t
	    controller_pid; /* stormctl: it and its ancestors are never matched; 0 none */
	int32_t agent_pid;  /* stormd: its descendants are never matched either */
	uint64_t disk_leave; /* bytes every disk.fill must leave free */
	/* TCP port on which stormd itself is reached; no network fault touches it; 0 none */
	uint16_t control_port;
	uint16_t pad[3];
	char processes[1024]; /* comm or basename of exe */
	char paths[1024];     /* no disk fault on these mounts */
	char interfaces[256]; /* no network fault on these */
	char units[1024];     /* of systemd, never stopped */
};

/* Is it in one of the lists above? */
bool protect_names(const char *list, const char *name);

#endif
