/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names are of our making.  Whatever is written in a record, nothing is touched that
 * does not carry the eight digits of its fault: a damaged or forged record cannot name
 * somebody else's set, link, chain or cgroup.  Objects that faults share carry none, so for
 * them only the few names exist that the kernel and iptables give them.
 */
#include "undo_table.h"

#include "cleanup.h"
#include "ident.h"
#include "parse.h"
#include "tc.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Does `s` read prefix + id + rest, the id being `fault` when that is given? */
static bool
has_id(const char *s, const char *prefix, const char *fault, const char **ret_rest)
{
	size_t skip = strlen(prefix);
	char id[FAULT_ID_LEN];

	if (strncmp(s, prefix, skip) != 0 ||
	    strnlen(s + skip, FAULT_ID_LEN) < FAULT_ID_LEN - 1)
		return false;
	memcpy(id, s + skip, FAULT_ID_LEN - 1);
	id[FAULT_ID_LEN - 1] = '\0';
	if (!is_fault_id(id) || (fault != NULL && strcmp(id, fault) != 0))
		return false;
	*ret_rest = s + skip + FAULT_ID_LEN - 1;
	return true;
}

static bool
is_one_of(const char *s, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(s, names[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_ip_table(const char *s)
{
	static const char *const names[] = { "filter", "mangle", "nat", "raw",
		"security" };

	return is_one_of(s, names, ARRAY_LEN(names));
}

static bool
is_family(int64_t family)
{
	return family == 4 || family == 6;
}

static bool
is_link_name(const char *s)
{
	char name[16];
	struct err e;

	return parse_ifname(s, name, &e) == 0;
}

/* "-4" and "-6" are what a fault means, "-4x" and "-6x" what is excluded from it. */
bool
ours_set(const struct undo *u, const char *fault)
{
	static const char *const ends[] = { "-4", "-6", "-4x", "-6x" };
	const char *rest;

	return has_id(u->name, "sd-", fault, &rest) &&
	       is_one_of(rest, ends, ARRAY_LEN(ends));
}

bool
ours_gate(const struct undo *u, const char *fault)
{
	const char *rest;

	return has_id(u->name, "", fault, &rest) && *rest == '\0';
}

bool
ours_link(const struct undo *u, const char *fault)
{
	const char *rest;

	return has_id(u->name, "sd", fault, &rest) &&
	       (strcmp(rest, "e") == 0 || strcmp(rest, "i") == 0);
}

bool
ours_chain(const struct undo *u, const char *fault)
{
	const char *rest;

	if (strlen(u->name) > 28 || !has_id(u->name, "SD-", fault, &rest))
		return false;
	for (; *rest != '\0'; rest++) {
		if (!isalnum((unsigned char)*rest) && *rest != '-')
			return false;
	}
	return is_ip_table(u->dev) && is_family(u->num[0]);
}

/* A path below the root of the tree: no empty, "." or ".." component. */
bool
ours_cgroup(const struct undo *u, const char *fault)
{
	const char *last = u->name;
	const char *rest;

	for (const char *c = u->name;; last = ++c) {
		size_t len = strcspn(c, "/");

		if (len == 0 || (len <= 2 && strncmp(c, "..", len) == 0))
			return false;
		c += len;
		if (*c == '\0')
			break;
	}
	for (const char *c = u->name; *c != '\0'; c++) {
		if (!isgraph((unsigned char)*c))
			return false;
	}
	return has_id(last, "stormdrill-", fault, &rest) && *rest == '\0';
}

bool
ours_cgroup_v1(const struct undo *u, const char *fault)
{
	static const char *const trees[] = { "blkio", "cpu", "freezer", "memory",
		"pids" };

	return is_one_of(u->dev, trees, ARRAY_LEN(trees)) && ours_cgroup(u, fault);
}

bool
ours_filter(const struct undo *u, const char *fault)
{
	return is_link_name(u->dev) &&
	       (fault == NULL || u->num[3] == (int64_t)tc_chain_of(fault));
}

bool
ours_filter_chain(const struct undo *u, const char *fault)
{
	return is_link_name(u->dev) &&
	       (fault == NULL || u->num[2] == (int64_t)tc_chain_of(fault));
}

bool
ours_descriptor(const struct undo *u, const char *fault)
{
	(void)u;
	(void)fault;
	return true;
}

bool
ours_clsact(const struct undo *u, const char *fault)
{
	(void)fault;
	return is_link_name(u->dev);
}

bool
ours_nft_table(const struct undo *u, const char *fault)
{
	(void)fault;
	return is_ip_table(u->name) && is_family(u->num[0]);
}

bool
ours_nft_chain(const struct undo *u, const char *fault)
{
	static const char *const names[] = { "INPUT", "OUTPUT", "FORWARD", "PREROUTING",
		"POSTROUTING" };

	(void)fault;
	return is_one_of(u->name, names, ARRAY_LEN(names)) && is_ip_table(u->dev) &&
	       is_family(u->num[0]);
}

bool
ours_nft_own(const struct undo *u, const char *fault)
{
	const char *rest;

	return has_id(u->name, "sd-", fault, &rest) && *rest == '\0';
}

bool
undo_is_valid(const struct undo *u, const char *fault)
{
	const struct undo_row *row;

	if ((unsigned)u->op >= UNDO_OPS)
		return false;
	row = &undo_table[u->op];
	if (memchr(u->name, '\0', sizeof(u->name)) == NULL ||
	    memchr(u->dev, '\0', sizeof(u->dev)) == NULL)
		return false;
	if ((u->name[0] != '\0') != row->has_name ||
	    (u->dev[0] != '\0') != (row->dev_key != NULL))
		return false;
	if (memchr(u->was, '\0', sizeof(u->was)) == NULL ||
	    memchr(u->now, '\0', sizeof(u->now)) == NULL ||
	    (u->was[0] != '\0' && !row->has_was) || (u->now[0] != '\0' && !row->has_now))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(u->num); i++) {
		if (u->num[i] < row->num[i].min || u->num[i] > row->num[i].max)
			return false;
	}
	return row->is_ours(u, fault);
}
