/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getaddrinfo, with its answers sorted and each once: two plans of one file must read the
 * same although resolvers shuffle.
 */
#include "resolve.h"
#include "cleanup.h"
#include "err.h"
#include "kind.h"
#include "spec.h"
#include "string_list.h"
#include "xalloc.h"
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* getaddrinfo takes "10.1" and "0x7f000001" for addresses: the last label of a name begins
 * with a letter. */
bool
is_host_name(const char *s)
{
	const char *label = s;

	if (*s == '\0' || strlen(s) > 253)
		return false;
	for (; *s != '\0'; s++) {
		if (!isalnum((unsigned char)*s) && strchr("-._", *s) == NULL)
			return false;
		if (*s == '.' && s[1] != '\0')
			label = s + 1;
	}
	return isalpha((unsigned char)*label);
}

static bool
net_of(const struct sockaddr *sa, struct net *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in =
		    (const struct sockaddr_in *)(const void *)sa;

		ret->family = 4;
		ret->prefix = 32;
		memcpy(ret->addr, &in->sin_addr, 4);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 =
		    (const struct sockaddr_in6 *)(const void *)sa;

		ret->family = 6;
		ret->prefix = 128;
		memcpy(ret->addr, &in6->sin6_addr, 16);
		return !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
	}
	return false;
}

static int
compare_nets(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct net));
}

int
resolve_host(const char *name, struct net ret[static RESOLVE_MAX], struct err *e)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *all;
	int count = 0, unique = 0, r = getaddrinfo(name, NULL, &hints, &all);

	if (r != 0)
		return err_invalid(e, "cannot resolve '%s': %s", name, gai_strerror(r));
	for (const struct addrinfo *a = all; a != NULL && count < RESOLVE_MAX;
	     a = a->ai_next)
		count += net_of(a->ai_addr, &ret[count]);
	freeaddrinfo(all);
	if (count == 0)
		return err_invalid(e, "'%s' has no address", name);
	qsort(ret, (size_t)count, sizeof(ret[0]), compare_nets);
	for (int i = 0; i < count; i++) {
		if (unique == 0 || compare_nets(&ret[i], &ret[unique - 1]) != 0)
			ret[unique++] = ret[i];
	}
	return unique;
}

/* In what is shown the far side goes without saying. */
static int
set_host(
    struct spec *s, const char *name, const char *host, char ***resolved, struct err *e)
{
	bool is_far_side = strcmp(name, "to") == 0;
	_cleanup_free_ char *line =
	    xasprintf("%s%s%s is", is_far_side ? "" : name, is_far_side ? "" : " ", host);
	struct net nets[RESOLVE_MAX];
	int count = resolve_host(host, nets, e);

	if (count < 0)
		return err_wrap(e, "%s", name);
	for (int i = 0; i < count; i++) {
		char text[64], *shorter = line;
		int r = spec_set(s, name, format_net(&nets[i], text, sizeof(text)), e);

		if (r < 0)
			return r;
		line = xasprintf("%s%s %s", shorter, i > 0 ? "," : "", text);
		free(shorter);
	}
	string_list_add(resolved, line);
	return 0;
}

int
resolve_set(
    struct spec *s, const char *name, const char *text, char ***resolved, struct err *e)
{
	const struct kind *k = kind_find(s->kind);
	const struct param *p = k != NULL ? kind_param(k, name) : NULL;

	if (p == NULL || (p->type != PARAM_NETS && p->type != PARAM_ADDRS))
		return spec_set(s, name, text, e);
	for (size_t len;; text += len + 1) {
		_cleanup_free_ char *one = NULL;
		int r;

		len = strcspn(text, ",");
		one = xstrndup(text, len);
		if (strcmp(one, "any") != 0 && is_host_name(one))
			r = set_host(s, name, one, resolved, e);
		else
			r = spec_set(s, name, one, e);
		if (r < 0 || text[len] == '\0')
			return r;
	}
}
