/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEARCH_VARY_H
#define SEARCH_VARY_H
/* The one parameter of an experiment that a search varies: FAULT.PARAM=FROM..TO. */
#include "experiment.h"
#include "kind.h"
#include <stddef.h>
#include <stdint.h>

struct err;

#define VARY_TEXT 64 /* a value as it is written */

struct vary {
	char name[NAME_MAX_LEN + ARG_NAME_MAX]; /* "net.delay.delay", as it was given */
	struct fault_def *fault;                /* of the experiment */
	const struct param *param;              /* NULL: how long it lasts (`for`) */
	enum param_type type;
	int64_t from, to;
};

/* FAULT is an id, or a kind that only one fault is of; PARAM any number of it, or `for`.
 * Both ends are tried on the experiment, which is left with the first. */
int vary_parse(struct vary *ret, struct experiment *x, const char *text, struct err *e);
/* Give the fault this value. */
int vary_set(const struct vary *v, int64_t value, struct err *e);
const char *vary_param(const struct vary *v); /* "delay", "for" */
/* The value as it would be written in the file; returns buf. */
const char *vary_format(const struct vary *v, int64_t value, char *buf, size_t size);

#endif
