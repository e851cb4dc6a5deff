/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTS_TABLE_H
#define HOSTS_TABLE_H
/* What `stormctl hosts` knows of a host, and how it is shown. */
#include "ask_hosts.h"
#include "status.h"

struct host_row {
	const struct asked *asked;
	bool is_reached; /* its agent answered, and what it said reads as a status */
	bool is_asked;   /* not --offline */
	struct err err;  /* why it was not reached */
	struct agent_status agent;
	const json_t *drills; /* of its answer */
	const json_t *kinds;  /* NULL: not known */
	size_t kinds_done;    /* how many of them it supports */
	const char
	    *engine; /* what carries out net.delay: "netem", "nfqueue", "none"; or NULL */
	bool has_clock;
	int64_t clock;      /* its wall clock minus ours, in µs */
	usec_t clock_error; /* at most this wrong */
};

void host_row_make(struct host_row *ret, const struct ask *a, size_t host);
json_t *host_row_to_json(const struct host_row *r);
void hosts_table_print(const struct host_row *rows, size_t count);

#endif
