/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind there is, and how to find one by name.  Looking up is all this file does: what
 * a row means is spec.c's, what a kind does is agent/faults'.
 */
#include "cleanup.h"
#include "kind.h"
#include "parse.h"
#include "spec.h"
#include <stdio.h>
#include <string.h>

#define KIND_ROW(name) &kind_##name,
const struct kind *const kind_table[] = { KIND_LIST(KIND_ROW) NULL };
#undef KIND_ROW

const struct kind *
kind_find(const char *name)
{
	FOR_EACH_KIND(k) {
		if (strcmp((*k)->name, name) == 0)
			return *k;
	}
	return NULL;
}

static const char *
next_kind(const void *ctx, size_t i)
{
	(void)ctx;
	return kind_table[i] != NULL ? kind_table[i]->name : NULL;
}

const char *
kind_nearest(const char *name)
{
	return nearest(name, next_kind, NULL);
}

const struct param *
kind_param(const struct kind *k, const char *name)
{
	for (const struct param *p = k->params; p->name != NULL; p++) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

bool
kind_counts(const struct kind *k)
{
	return (k->flags & (KIND_NETWORK | KIND_COUNTS)) != 0;
}

static const char *
next_param(const void *ctx, size_t i)
{
	const struct kind *k = ctx;

	return k->params[i].name;
}

const char *
kind_param_nearest(const struct kind *k, const char *name)
{
	return nearest(name, next_param, k);
}

const char *
param_type_name(enum param_type t)
{
	static const char *const names[] = {
		[PARAM_USEC] = "duration",
		[PARAM_OFFSET] = "signed duration",
		[PARAM_PPM] = "signed ppm",
		[PARAM_PERCENT] = "percentage",
		[PARAM_SIZE] = "size",
		[PARAM_INT] = "number",
		[PARAM_COUNT] = "number or all",
		[PARAM_PORT] = "port",
		[PARAM_SIGNAL] = "signal",
		[PARAM_ENUM] = "choice",
		[PARAM_STRING] = "text",
		[PARAM_STRINGS] = "list of text",
		[PARAM_IFNAMES] = "list of interfaces",
		[PARAM_ADDRS] = "address list",
		[PARAM_PORTS] = "ports",
		[PARAM_PERCENTS] = "percentages",
		[PARAM_CYCLE] = "on/off cycle",
		[PARAM_RATE] = "rate",
		[PARAM_BOOL] = "true or false",
		[PARAM_PATH] = "absolute path",
		[PARAM_CPUS] = "CPU list",
		[PARAM_NETS] = "address list",
	};

	return (size_t)t < ARRAY_LEN(names) ? names[t] : "?";
}

bool
kind_takes_for(const struct kind *k)
{
	return (k->flags & KIND_ONESHOT) == 0 || (k->flags & KIND_REPEATS) != 0;
}

bool
kind_needs_for(const struct kind *k)
{
	return (k->flags & KIND_ONESHOT) == 0;
}

int
kind_check_nothing(const struct spec *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}
