/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of ranges holds two elements for each: where it begins, and, marked as an end, what
 * comes after its last.  The very last number has nothing after it: such a range has no
 * end.
 */
#include "nft_set.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "nft_msg.h"

/* What nft(8) calls the parts of a key; the kernel only keeps them for it. */
enum { TYPE_IP4 = 7, TYPE_IP6 = 8, TYPE_PORT = 13, TYPE_NAME = 41 };
#define CONCATENATED(a, b, c) ((uint32_t)(a) << 12 | (uint32_t)(b) << 6 | (uint32_t)(c))

static const struct {
	uint32_t type;
	uint8_t len;
	bool is_ranges;
} keys[] = {
	[NFT_KEY_NET4] = { TYPE_IP4, 4, true },
	[NFT_KEY_NET6] = { TYPE_IP6, 16, true },
	[NFT_KEY_PORT] = { TYPE_PORT, 2, true },
	[NFT_KEY_INTERFACE] = { TYPE_NAME, 16, false },
	[NFT_KEY_LOGIN4] = { CONCATENATED(TYPE_IP4, TYPE_PORT, TYPE_PORT), 12, false },
	[NFT_KEY_LOGIN6] = { CONCATENATED(TYPE_IP6, TYPE_PORT, TYPE_PORT), 24, false },
};

void
nft_put_set(struct nl *n, const struct nft_set *set, uint32_t id)
{
	/* For nft(8) alone: type 0 is the byte order of the key, 1 is the host's. */
	const uint8_t order[] = { 0, 4, set->key == NFT_KEY_INTERFACE ? 1 : 2, 0, 0, 0 };

	(void)nft_begin(n, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, NFPROTO_INET);
	nl_put_str(n, NFTA_SET_TABLE, set->table);
	nl_put_str(n, NFTA_SET_NAME, set->name);
	nft_put_be32(n, NFTA_SET_FLAGS, keys[set->key].is_ranges ? NFT_SET_INTERVAL : 0);
	nft_put_be32(n, NFTA_SET_KEY_TYPE, keys[set->key].type);
	nft_put_be32(n, NFTA_SET_KEY_LEN, keys[set->key].len);
	nft_put_be32(n, NFTA_SET_ID, id);
	nl_put(n, NFTA_SET_USERDATA, order, sizeof(order));
}

/* --- ranges --------------------------------------------------------------------------- */

struct range
range_of_net(const struct net *net)
{
	struct range r = { 0 };
	size_t len = net->family == 4 ? 4 : 16;

	memcpy(r.first, net->addr, len);
	memcpy(r.last, net->addr, len);
	for (size_t bit = net->prefix; bit < len * 8; bit++)
		r.last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return r;
}

struct range
range_of_ports(const struct port_range *ports)
{
	const uint16_t from = htons(ports->from), to = htons(ports->to);
	struct range r = { 0 };

	memcpy(r.first, &from, sizeof(from));
	memcpy(r.last, &to, sizeof(to));
	return r;
}

/* One more; false when there is no number after it. */
static bool
increment(uint8_t *number, size_t len)
{
	for (size_t i = len; i-- > 0;)
		if (++number[i] != 0)
			return true;
	return false;
}

/* Bytes behind a shorter number are all zero, so that they do not matter. */
static int
compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return memcmp(x->first, y->first, sizeof(x->first));
}

/* Does `next`, which does not begin before `r`, begin in it or right behind it? */
static bool
continues(const struct range *r, const struct range *next, size_t len)
{
	uint8_t after[16];

	memcpy(after, r->last, sizeof(after));
	return !increment(after, len) || memcmp(next->first, after, len) <= 0;
}

size_t
ranges_merge(struct range *ranges, size_t count, size_t len)
{
	size_t kept = 0;

	qsort(ranges, count, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < count; i++) {
		struct range *last = &ranges[kept > 0 ? kept - 1 : 0];

		if (kept == 0 || !continues(last, &ranges[i], len))
			ranges[kept++] = ranges[i];
		else if (memcmp(ranges[i].last, last->last, len) > 0)
			memcpy(last->last, ranges[i].last, sizeof(last->last));
	}
	return kept;
}

/* --- elements ------------------------------------------------------------------------- */

static void
put_element(struct nl *n, const void *key, size_t len, bool is_end)
{
	void *elem = nl_nest(n, NFTA_LIST_ELEM);
	void *nest = nl_nest(n, NFTA_SET_ELEM_KEY);

	nl_put(n, NFTA_DATA_VALUE, key, len);
	nl_nest_end(n, nest);
	if (is_end)
		nft_put_be32(n, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	nl_nest_end(n, elem);
}

static void *
begin_elements(struct nl *n, const struct nft_set *set)
{
	(void)nft_begin(n, NFT_MSG_NEWSETELEM, NLM_F_CREATE, NFPROTO_INET);
	nl_put_str(n, NFTA_SET_ELEM_LIST_TABLE, set->table);
	nl_put_str(n, NFTA_SET_ELEM_LIST_SET, set->name);
	return nl_nest(n, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void
nft_put_ranges(
    struct nl *n, const struct nft_set *set, const struct range *ranges, size_t count)
{
	size_t len = keys[set->key].len;
	void *list;

	if (count == 0)
		return;
	list = begin_elements(n, set);
	for (size_t i = 0; i < count; i++) {
		uint8_t after[sizeof(ranges->last)];

		put_element(n, ranges[i].first, len, false);
		memcpy(after, ranges[i].last, sizeof(after));
		if (increment(after, len))
			put_element(n, after, len, true);
	}
	nl_nest_end(n, list);
}

void
nft_put_interfaces(
    struct nl *n, const struct nft_set *set, const char *const *names, size_t count)
{
	void *list;

	if (count == 0)
		return;
	list = begin_elements(n, set);
	for (size_t i = 0; i < count; i++) {
		char whole[16] = "";

		memcpy(whole, names[i], strnlen(names[i], sizeof(whole) - 1));
		put_element(n, whole, sizeof(whole), false);
	}
	nl_nest_end(n, list);
}

void
nft_put_logins(struct nl *n, const struct nft_set *set, const struct ssh_session *logins,
    size_t count)
{
	void *list;

	if (count == 0)
		return;
	list = begin_elements(n, set);
	for (size_t i = 0; i < count; i++) {
		const uint16_t remote = htons(logins[i].remote_port);
		const uint16_t local = htons(logins[i].local_port);
		size_t len = logins[i].remote.family == 4 ? 4 : 16;
		uint8_t key[24] = { 0 };

		memcpy(key, logins[i].remote.addr, len);
		memcpy(key + len, &remote, sizeof(remote));
		memcpy(key + len + 4, &local, sizeof(local));
		put_element(n, key, len + 8, false);
	}
	nl_nest_end(n, list);
}

void
nft_put_flush(struct nl *n, const struct nft_set *set)
{
	(void)nft_begin(n, NFT_MSG_DELSETELEM, 0, NFPROTO_INET);
	nl_put_str(n, NFTA_SET_ELEM_LIST_TABLE, set->table);
	nl_put_str(n, NFTA_SET_ELEM_LIST_SET, set->name);
}

/* --- reading back --------------------------------------------------------------------- */

static bool
is_end_of_range(struct nlattr *element)
{
	struct nlattr *tb[NFTA_SET_ELEM_MAX + 1];

	return nla_parse_nested(tb, NFTA_SET_ELEM_MAX, element, NULL) == 0 &&
	       (nft_get_be32(tb[NFTA_SET_ELEM_FLAGS], 0) & NFT_SET_ELEM_INTERVAL_END) !=
		   0;
}

static int
on_elements(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[NFTA_SET_ELEM_LIST_MAX + 1];
	struct nlattr *element;
	int left;

	if (nl_attrs(h, sizeof(struct nfgenmsg), tb, NFTA_SET_ELEM_LIST_MAX) < 0)
		return -EBADMSG;
	if (tb[NFTA_SET_ELEM_LIST_ELEMENTS] == NULL)
		return 0;
	nla_for_each_nested(element, tb[NFTA_SET_ELEM_LIST_ELEMENTS], left) *
	    (int *)ctx += !is_end_of_range(element);
	return 0;
}

int
nft_set_count(struct nl *n, const struct nft_set *set, struct err *e)
{
	int count = 0, rc = -EINTR;

	for (int i = 0; i < NFT_TRIES && rc == -EINTR; i++) {
		count = 0;
		(void)nft_begin(n, NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET);
		nl_put_str(n, NFTA_SET_ELEM_LIST_TABLE, set->table);
		nl_put_str(n, NFTA_SET_ELEM_LIST_SET, set->name);
		rc = nl_each(n, on_elements, &count);
	}
	if (rc < 0)
		return err_set(e, rc, "read set '%s' of table '%s': %s", set->name,
		    set->table, strerror(-rc));
	return count;
}
