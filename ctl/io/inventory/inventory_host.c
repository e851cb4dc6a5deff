/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host of an inventory may be.  Names are told apart without regard to case, since a
 * certificate's DNS name is: two hosts that differ in case alone could stand in for each
 * other.
 */
#include "inventory_host.h"
#include "api.h"
#include "err.h"
#include "parse.h"
#include "quote.h"
#include "resolve.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
check_name(const struct inventory *v, const char *name, struct err *e)
{
	int r = parse_name(name, e);

	if (r < 0)
		return r;
	if (strcasecmp(name, "localhost") == 0)
		return err_invalid(
		    e, "'localhost' is always this host: give it another name");
	for (size_t i = 0; i < v->count; i++) {
		if (strcmp(v->hosts[i].name, name) == 0)
			return err_invalid(e, "host '%s' is there twice", name);
		if (strcasecmp(v->hosts[i].name, name) == 0)
			return err_invalid(e, "hosts '%s' and '%s' differ only in case",
			    v->hosts[i].name, name);
	}
	if (v->count == HOSTS_MAX)
		return err_invalid(e, "more than %d hosts", HOSTS_MAX);
	return 0;
}

int
inventory_add(struct inventory *v, const char *name, struct host **ret, struct err *e)
{
	int r = check_name(v, name, e);
	struct host *h;

	if (r < 0)
		return r;
	/* capacity doubles: powers of two are full */
	if ((v->count & (v->count - 1)) == 0)
		v->hosts = xrealloc(
		    v->hosts, (v->count > 0 ? 2 * v->count : 1) * sizeof(*v->hosts));
	h = &v->hosts[v->count++];
	*h = (struct host){ .port = API_PORT };
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	*ret = h;
	return 0;
}

static bool
is_address(const char *s)
{
	struct in6_addr a;

	return inet_pton(AF_INET, s, &a) == 1 || inet_pton(AF_INET6, s, &a) == 1;
}

int
host_set_address(struct host *h, const char *address, struct err *e)
{
	const char *colon = strchr(address, ':');

	if (is_address(address) || is_host_name(address)) {
		(void)snprintf(h->address, sizeof(h->address), "%s", address);
		return 0;
	}
	if (address[0] == '[')
		return err_invalid(e, "'%s': write an IPv6 address without brackets",
		    quote(address).text);
	if (colon != NULL && strchr(colon + 1, ':') == NULL)
		return err_invalid(e, "'%s': write the port apart, as 'port: %s'",
		    quote(address).text, quote(colon + 1).text);
	return err_invalid(
	    e, "'%s' is neither a host name nor an address", quote(address).text);
}

int
host_set_default_address(struct host *h, struct err *e)
{
	if (h->address[0] != '\0')
		return 0;
	if (host_set_address(h, h->name, NULL) < 0)
		return err_invalid(e,
		    "host '%s' needs an address: its name is not one that can be looked up",
		    h->name);
	return 0;
}

int
tag_check_name(const char *name, struct err *e)
{
	static const char *const taken[] = { "and", "or", "not", "in" };
	int r = parse_name(name, e);

	if (r < 0)
		return r;
	if (strcmp(name, "name") == 0)
		return err_invalid(e, "the tag 'name' is the host's own name");
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (strcmp(name, taken[i]) == 0)
			return err_invalid(
			    e, "no tag can be called '%s': 'where' needs the word", name);
	}
	return 0;
}

static int
check_value(const char *value, struct err *e)
{
	size_t len = strlen(value);

	if (len == 0)
		return err_invalid(e, "the value of a tag must not be empty");
	if (len >= NAME_MAX_LEN)
		return err_invalid(e, "'%s' is too long for a tag: at most %d bytes",
		    quote(value).text, NAME_MAX_LEN - 1);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return err_invalid(
			    e, "'%s' has a control character in it", quote(value).text);
	}
	return 0;
}

int
host_set_tag(struct host *h, const char *name, const char *value, struct err *e)
{
	struct tag *t = NULL;
	int r = tag_check_name(name, e);

	if (r == 0)
		r = check_value(value, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < h->tag_count && t == NULL; i++) {
		if (strcmp(h->tags[i].name, name) == 0)
			t = &h->tags[i];
	}
	if (t == NULL && h->tag_count == HOST_TAGS_MAX)
		return err_invalid(
		    e, "host '%s' has more than %d tags", h->name, HOST_TAGS_MAX);
	if (t == NULL) {
		h->tags = xrealloc(h->tags, (h->tag_count + 1) * sizeof(*h->tags));
		t = &h->tags[h->tag_count++];
	}
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	(void)snprintf(t->value, sizeof(t->value), "%s", value);
	return 0;
}

static int
compare_hosts(const void *a, const void *b)
{
	const struct host *left = a, *right = b;

	return strcmp(left->name, right->name);
}

void
inventory_sort(struct inventory *v)
{
	if (v->count > 1)
		qsort(v->hosts, v->count, sizeof(*v->hosts), compare_hosts);
}
