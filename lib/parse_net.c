/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, networks and ports.  What could be read two ways is an error that says how to
 * write it: host bits below a prefix, an IPv4 address in IPv6 clothes.
 */
#include "err.h"
#include "parse.h"
#include "quote.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static uint8_t
bits_of(const struct net *n)
{
	return n->family == 4 ? 32 : 128;
}

/* Zero what is below the prefix; true when something was there. */
static bool
clear_host_bits(struct net *n)
{
	bool had = false;

	for (uint8_t bit = n->prefix; bit < bits_of(n); bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		had = had || (n->addr[bit / 8] & mask) != 0;
		n->addr[bit / 8] = (uint8_t)(n->addr[bit / 8] & ~mask);
	}
	return had;
}

static int
not_a_net(const char *s, struct err *e)
{
	return err_invalid(e,
	    "'%s' is not an address or network: write 10.0.0.1, 10.0.0.0/8 or fd00::/8",
	    quote(s).text);
}

int
parse_net(const char *s, struct net *ret, struct err *e)
{
	char address[INET6_ADDRSTRLEN], text[64];
	size_t len = strcspn(s, "/");
	struct net n = { 0 };
	uint64_t prefix;

	if (len >= sizeof(address))
		return not_a_net(s, e);
	memcpy(address, s, len);
	address[len] = '\0';
	n.family = strchr(address, ':') != NULL ? 6 : 4;
	if (inet_pton(n.family == 6 ? AF_INET6 : AF_INET, address, n.addr) != 1)
		return not_a_net(s, e);
	n.prefix = bits_of(&n);
	if (s[len] == '/') {
		if (parse_u64(s + len + 1, &prefix, NULL) < 0 || prefix > n.prefix)
			return err_invalid(e, "'%s': the prefix must be 0 to %d",
			    quote(s).text, n.prefix);
		n.prefix = (uint8_t)prefix;
	}
	if (n.family == 6 && n.prefix >= 96 &&
	    memcmp(n.addr, mapped, sizeof(mapped)) == 0) {
		struct net v4 = { .family = 4, .prefix = (uint8_t)(n.prefix - 96) };
		memcpy(v4.addr, n.addr + 12, 4);
		return err_invalid(e,
		    "'%s' is an IPv4 address mapped into IPv6: write %s", quote(s).text,
		    format_net(&v4, text, sizeof(text)));
	}
	if (clear_host_bits(&n))
		return err_invalid(e,
		    "'%s' has bits set below its prefix: write %s or %s", quote(s).text,
		    format_net(&n, text, sizeof(text)), address);
	*ret = n;
	return 0;
}

const char *
format_net(const struct net *n, char *buf, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	if (inet_ntop(n->family == 6 ? AF_INET6 : AF_INET, n->addr, address,
		sizeof(address)) == NULL)
		address[0] = '\0';
	if (n->prefix == bits_of(n))
		(void)snprintf(buf, size, "%s", address);
	else
		(void)snprintf(buf, size, "%s/%u", address, n->prefix);
	return buf;
}

void
net_unmap(struct net *n)
{
	if (n->family != 6 || memcmp(n->addr, mapped, sizeof(mapped)) != 0)
		return;
	memmove(n->addr, n->addr + sizeof(mapped), 4);
	memset(n->addr + 4, 0, sizeof(n->addr) - 4);
	n->family = 4;
	n->prefix = 32;
}

bool
net_covers(const struct net *n, const struct net *inner)
{
	struct net clipped = *inner;

	if (n->family != inner->family || n->prefix > inner->prefix)
		return false;
	clipped.prefix = n->prefix;
	(void)clear_host_bits(&clipped);
	return memcmp(clipped.addr, n->addr, sizeof(n->addr)) == 0;
}

int
parse_port(const char *s, uint16_t *ret, struct err *e)
{
	uint64_t v;

	if (parse_u64(s, &v, NULL) < 0 || v == 0 || v > UINT16_MAX)
		return err_invalid(e,
		    "'%s' is not a port: write a number from 1 to 65535", quote(s).text);
	*ret = (uint16_t)v;
	return 0;
}

int
parse_port_range(const char *s, struct port_range *ret, struct err *e)
{
	size_t len = strcspn(s, "-");
	struct port_range r;
	char first[8] = "";

	if (s[len] != '\0' && len < sizeof(first))
		memcpy(first, s, len);
	if (parse_port(s[len] == '\0' ? s : first, &r.from, NULL) < 0 ||
	    parse_port(s[len] == '\0' ? s : s + len + 1, &r.to, NULL) < 0)
		return err_invalid(e,
		    "'%s' is not a port or a range of ports: write 80 or 8000-8100, of 1 "
		    "to 65535",
		    quote(s).text);
	if (r.to < r.from)
		return err_invalid(
		    e, "'%s' is a range that ends before it begins", quote(s).text);
	*ret = r;
	return 0;
}
