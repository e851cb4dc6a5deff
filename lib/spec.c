/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a spec.  These functions trust what they are given: it was built by spec_set or
 * has passed spec_verify.  Asking for a parameter the kind does not have is our own bug.
 */
#include "spec.h"
#include "err.h"
#include <string.h>

static const struct arg *
find_arg(const struct spec *s, const char *name)
{
	for (size_t i = 0; i < s->args_count; i++) {
		if (strcmp(s->args[i].name, name) == 0)
			return &s->args[i];
	}
	return NULL;
}

bool
spec_has(const struct spec *s, const char *name)
{
	return find_arg(s, name) != NULL;
}

int64_t
spec_num(const struct spec *s, const char *name)
{
	const struct arg *a = find_arg(s, name);

	return a != NULL ? a->num : 0;
}

const char *
spec_text(const struct spec *s, const char *name)
{
	const struct arg *a = find_arg(s, name);

	return a != NULL && a->len > 0 ? s->text + a->text : "";
}

const char *
spec_string(const struct spec *s, const char *name, size_t i)
{
	const struct arg *a = find_arg(s, name);
	const char *at, *end;

	if (a == NULL || a->len == 0)
		return NULL;
	at = s->text + a->text;
	for (end = at + a->len; at < end; at += strlen(at) + 1) {
		if (i-- == 0)
			return at;
	}
	return NULL;
}

size_t
spec_ports(const struct spec *s, const char *name, struct port_range *ret, size_t max)
{
	const char *item;
	size_t n = 0;

	while (n < max && (item = spec_string(s, name, n)) != NULL &&
	       parse_port_range(item, &ret[n], NULL) == 0)
		n++;
	return n;
}

size_t
spec_addrs(const struct spec *s, const char *name, struct net *ret, size_t max)
{
	const char *item;
	size_t n = 0;

	while (n < max && (item = spec_string(s, name, n)) != NULL &&
	       parse_net(item, &ret[n], NULL) == 0)
		n++;
	return n;
}

size_t
spec_percents(const struct spec *s, const char *name, int64_t *ret, size_t max)
{
	const char *item;
	size_t n = 0;

	while (n < max && (item = spec_string(s, name, n)) != NULL &&
	       parse_percent(item, &ret[n], NULL) == 0)
		n++;
	return n;
}

bool
spec_cycle(const struct spec *s, const char *name, usec_t *ret_on, usec_t *ret_off)
{
	return parse_cycle(spec_text(s, name), ret_on, ret_off, NULL) == 0;
}
