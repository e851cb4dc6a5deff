/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of probe types, and what a type may see and say of probes and transfers without
 * knowing the prober's own shapes.  What becomes of a transfer is in transfer.c.
 */
#include "probe_type.h"
#include "curl_loop.h"
#include "prober_state.h"

const struct probe_type_row *
probe_type_row(enum probe_type t)
{
	static const struct probe_type_row *const rows[PROBE_TYPES] = {
		[PROBE_HTTP] = &probe_type_http,
		[PROBE_TCP] = &probe_type_tcp,
		[PROBE_EXEC] = &probe_type_exec,
		[PROBE_PROMETHEUS] = &probe_type_prometheus,
	};

	return t < PROBE_TYPES ? rows[t] : NULL;
}

const struct probe_def *
probe_definition(const struct probe *b)
{
	return b->def;
}

void **
probe_keep(struct probe *b)
{
	return &b->keep;
}

struct curl_loop *
probe_loop(const struct probe *b)
{
	return &b->prober->loop;
}

struct probe *
transfer_probe(const struct transfer *t)
{
	return t->probe;
}

void **
transfer_keep(struct transfer *t)
{
	return &t->keep;
}

bool
transfer_is_fresh(const struct transfer *t)
{
	return t->is_fresh;
}

usec_t
transfer_deadline(const struct transfer *t)
{
	return t->intended + probe_timeout(t->probe->def);
}
