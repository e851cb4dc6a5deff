/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for residue: whatever bears our names, with or without a record.  Reads only.  A
 * filter has no name, but one of ours either leads to a link that is listed here or stands
 * in a record, so filters are found by those two.
 */
#include "snapshot.h"
#include "undo_table.h"

#include "cgroup.h"
#include "cleanup.h"
#include "ipset.h"
#include "iptables.h"
#include "link.h"
#include "nft_table.h"
#include "nl.h"
#include "process.h"
#include "tc.h"
#include "xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CGROUP_DEPTH_MAX 8

struct search {
	struct undo_ctx *ctx;
	const char *fault; /* NULL: any */
	char *buf;
	size_t size, used;
	int found;
};

static void __attribute__((format(printf, 2, 3)))
add_line(struct search *s, const char *fmt, ...)
{
	size_t room = s->size - s->used;
	va_list ap;
	int n;

	s->found++;
	va_start(ap, fmt);
	n = vsnprintf(s->buf + s->used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 2 > room) { /* whole lines only; the count is right */
		s->buf[s->used] = '\0';
		return;
	}
	s->used += (size_t)n;
	s->buf[s->used++] = '\n';
	s->buf[s->used] = '\0';
}

/* An operation that would remove an object of this name, for the question whose it is. */
static bool
is_named(const struct search *s, bool (*is_ours)(const struct undo *, const char *),
    const char *name)
{
	struct undo u = { .dev = "filter", .num = { 4 } };

	if (strlen(name) >= sizeof(u.name))
		return false;
	memcpy(u.name, name, strlen(name) + 1);
	return is_ours(&u, s->fault);
}

/* The fault's own chain on this link: a filter that leads nowhere, or to an ifb. */
static void
look_for_chain(struct search *s, const struct link *l)
{
	if (s->fault == NULL)
		return;
	for (int d = TC_EGRESS; d <= TC_INGRESS; d++) {
		if (tc_chain_exists(s->ctx->route, l->index, d, tc_chain_of(s->fault)))
			add_line(s, "filter chain %u on %s of %s", tc_chain_of(s->fault),
			    d == TC_EGRESS ? "egress" : "ingress", l->name);
	}
}

static int
on_link(void *ctx, const struct link *l)
{
	struct search *s = ctx;

	if (strcmp(l->kind, "ifb") == 0 && is_named(s, ours_link, l->name))
		add_line(s, "link %s", l->name);
	look_for_chain(s, l);
	return 0;
}

static int
on_set(void *ctx, const char *name)
{
	if (is_named(ctx, ours_set, name))
		add_line(ctx, "set %s", name);
	return 0;
}

static int
search_sets(struct search *s, struct err *e)
{
	struct err why = { 0 };

	if (s->ctx->netfilter == NULL || ipset_supported(s->ctx->netfilter, &why) < 0)
		return 0; /* a kernel without sets holds none */
	return ipset_each(s->ctx->netfilter, on_set, s, e);
}

/* ":SD-7b1c09aa-I - [0:0]" declares a chain. */
static void
scan_table(struct search *s, int family, const char *table, char *text)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (line[0] != ':')
			continue;
		line[strcspn(line, " ")] = '\0';
		if (is_named(s, ours_chain, line + 1))
			add_line(
			    s, "chain %s in IPv%d's table %s", line + 1, family, table);
	}
}

static int
search_tables(struct search *s, struct err *e)
{
	static const char *const tables[] = { "filter", "mangle", "security" };

	for (int family = 4; family <= 6; family += 2) {
		struct err why = { 0 };

		if (iptables_supported(family, &why) < 0)
			continue; /* what made our chains was this program */
		for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
			_cleanup_free_ char *text = NULL;
			int r =
			    iptables_save(family, tables[i], s->ctx->barrier, &text, e);

			if (r < 0)
				return r;
			scan_table(s, family, tables[i], text);
		}
	}
	return 0;
}

static int
on_table(void *ctx, const char *name)
{
	if (is_named(ctx, ours_nft_own, name))
		add_line(ctx, "table %s", name);
	return 0;
}

static void
search_cgroups(struct search *s, int parent, const char *path, int depth)
{
	int fd = openat(parent, path[0] != '\0' ? strrchr(path, '/') + 1 : ".",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (dir == NULL) {
		cleanup_close(&fd);
		return; /* removed meanwhile */
	}
	while ((d = readdir(dir)) != NULL) {
		_cleanup_free_ char *child = NULL;

		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		child = xasprintf("%s/%s", path, d->d_name);
		if (is_named(s, ours_cgroup, d->d_name))
			add_line(s, "cgroup %s", child + 1);
		if (depth < CGROUP_DEPTH_MAX)
			search_cgroups(s, dirfd(dir), child, depth + 1);
	}
	(void)closedir(dir); /* read only */
}

/* stormd's children have no power over the network when its policy allows no fault of the
 * network: nothing of theirs is there, and they may not look either.  Whoever looks for
 * anybody's residue must be able to. */
static bool
has_network(const struct search *s)
{
	return s->fault == NULL || (caps_permitted() & CAP_BIT(CAP_NET_ADMIN)) != 0;
}

static void
on_gate(void *ctx, const char *fault_id)
{
	if (is_named(ctx, ours_gate, fault_id))
		add_line(ctx, "gate of fault %s (gact action %u)", fault_id,
		    tc_gate_of(fault_id));
}

int
residue_list(struct undo_ctx *c, const char *fault, char *buf, size_t size, struct err *e)
{
	struct search s = { .ctx = c, .fault = fault, .buf = buf, .size = size };
	int r;

	buf[0] = '\0';
	r = link_each(c->route, on_link, &s, e);
	if (r == 0 && has_network(&s))
		r = tc_gate_each(c->route, on_gate, &s, e);
	if (r == 0 && has_network(&s))
		r = search_sets(&s, e);
	if (r == 0 && has_network(&s))
		r = search_tables(&s, e);
	if (r == 0 && has_network(&s) && c->netfilter != NULL)
		r = nft_table_each(c->netfilter, on_table, &s, e);
	if (r < 0)
		return r;
	if (c->cgroup >= 0)
		search_cgroups(&s, c->cgroup, "", 0);
	return s.found;
}
