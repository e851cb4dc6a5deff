/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of hosts: looked up where only numbers will do, and compared with our own.  One
 * address per host, as getaddrinfo prefers them (RFC 6724), but the lowest of its family:
 * resolvers shuffle, and two plans of one file must read the same.
 */
#include "cleanup.h"
#include "err.h"
#include "inventory_source.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The bytes of an address; 4, 16 or 0 of them.  v4-mapped is v4. */
static size_t
bytes_of(const struct sockaddr *sa, const unsigned char **ret)
{
	if (sa != NULL && sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		*ret = (const unsigned char *)&in->sin_addr;
		return 4;
	}
	if (sa != NULL && sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		bool is_v4 = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		*ret = (const unsigned char *)&in6->sin6_addr + (is_v4 ? 12 : 0);
		return is_v4 ? 4 : 16;
	}
	return 0;
}

static bool
is_lower(const struct sockaddr *a, const struct sockaddr *b)
{
	const unsigned char *left, *right;
	size_t len = bytes_of(a, &left);

	return len > 0 && len == bytes_of(b, &right) && memcmp(left, right, len) < 0;
}

static int
resolve_one(struct host *h, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG };
	const struct addrinfo *best;
	struct addrinfo *all;
	int r = getaddrinfo(h->address, NULL, &hints, &all);

	if (r != 0)
		return err_set(e, -ENOENT, "host '%s': cannot look up '%s': %s", h->name,
		    h->address, gai_strerror(r));
	best = all;
	for (const struct addrinfo *a = all; a != NULL; a = a->ai_next) {
		if (is_lower(a->ai_addr, best->ai_addr))
			best = a;
	}
	r = getnameinfo(best->ai_addr, best->ai_addrlen, h->address, sizeof(h->address),
	    NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(all);
	if (r != 0)
		return err_set(e, -EINVAL, "host '%s': %s", h->name, gai_strerror(r));
	return 0;
}

static bool
is_numeric(const char *address)
{
	struct in6_addr a;

	return inet_pton(AF_INET, address, &a) == 1 ||
	       inet_pton(AF_INET6, address, &a) == 1;
}

int
inventory_resolve(struct inventory *v, bool (*only)(const struct host *h, void *ctx),
    void *ctx, struct err *e)
{
	for (size_t i = 0; i < v->count; i++) {
		struct host *h = &v->hosts[i];
		int r;

		if (is_numeric(h->address) || (only != NULL && !only(h, ctx)))
			continue;
		r = resolve_one(h, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Any address of the loopback network, and "any", are ourselves as well. */
static bool
is_always_ours(const struct sockaddr *sa)
{
	const unsigned char *a;
	size_t len = bytes_of(sa, &a);

	if (len == 4)
		return a[0] == 127 || memcmp(a, "\0\0\0\0", 4) == 0;
	return len == 16 && (memcmp(a, &in6addr_loopback, 16) == 0 ||
				memcmp(a, &in6addr_any, 16) == 0);
}

static bool
is_ours(const struct host *h, const struct ifaddrs *own)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST };
	const unsigned char *left, *right;
	struct addrinfo *a;
	bool ours;
	size_t len;

	if (getaddrinfo(h->address, NULL, &hints, &a) != 0)
		return false;
	ours = is_always_ours(a->ai_addr);
	len = bytes_of(a->ai_addr, &left);
	for (; own != NULL && !ours && len > 0; own = own->ifa_next)
		ours = bytes_of(own->ifa_addr, &right) == len &&
		       memcmp(left, right, len) == 0;
	freeaddrinfo(a);
	return ours;
}

int
inventory_self(const struct inventory *v, const char ***ret, struct err *e)
{
	const char **names = xcalloc(v->count + 1, sizeof(*names));
	struct ifaddrs *own = NULL;
	size_t count = 0;

	if (getifaddrs(&own) < 0) {
		free(names);
		return err_errno(e, "list this host's addresses");
	}
	for (size_t i = 0; i < v->count; i++) {
		if (is_ours(&v->hosts[i], own))
			names[count++] = v->hosts[i].name;
	}
	freeifaddrs(own);
	*ret = names;
	return 0;
}
