/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INVENTORY_H
#define INVENTORY_H
/*
 * The hosts there are, with what is known of each: plain data, whichever source it came
 * from (ctl/io/inventory).  Nobody changes it afterwards.
 */
#include "bounds.h"
#include "experiment.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTS_MAX       1024
#define HOST_TAGS_MAX   256
#define ADDRESS_MAX_LEN 256

/* role=database; a bare tag such as `canary` has the value "true". */
struct tag {
	char name[NAME_MAX_LEN];
	char value[NAME_MAX_LEN];
};

struct host {
	/* Unique; the agent's certificate must carry it as DNS name. */
	char name[NAME_MAX_LEN];
	char address[ADDRESS_MAX_LEN]; /* host name, IPv4 or IPv6, without brackets */
	uint16_t port;
	struct tag *tags;
	size_t tag_count;
	struct place place;
};

struct inventory {
	char *source; /* as given, for messages */
	struct host *hosts;
	size_t count;
	uint32_t max_hosts;   /* most hosts of one drill; 0: no cap */
	uint32_t max_percent; /* of all hosts, rounded down, at least one; 0: no cap */
};

void inventory_free(struct inventory *v); /* NULL is fine */
const struct host *inventory_find(const struct inventory *v, const char *name);
/* The value of a tag, or NULL; "name" is the host's own name. */
const char *host_tag(const struct host *h, const char *tag);

#endif
