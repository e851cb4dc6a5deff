/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.reset: connections that match are ended from outside, as by a firewall that lost its
 * table or a balancer that went away: the far side gets a reset, the local application
 * ECONNABORTED.  Nothing is kept: which connections there are is looked up at the moment of
 * cutting, and what is cut may come back at once.  Held down, it is looked for ten times a
 * second and cut again; there is nothing to undo but to stop looking.
 */
#include "cgroup.h"
#include "fault.h"
#include "flows_socket.h"
#include "link.h"
#include "nl.h"
#include "xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOLD_MS = 100, SHOWN = 20, CGROUPS_MAX = 4096 };

/* What carries data in one direction at least.  Both FIN_WAITs only while somebody has the
 * socket open: after that the kernel is merely saying goodbye. */
#define OPEN_STATES                                              \
 (SOCKET_STATE(TCP_ESTABLISHED) | SOCKET_STATE(TCP_CLOSE_WAIT) | \
     SOCKET_STATE(TCP_FIN_WAIT1) | SOCKET_STATE(TCP_FIN_WAIT2))

struct resetting {
	struct flows flows;
	struct nl *diag, *route;
	uint8_t protocol;
	bool is_held;
	uint64_t *cgroups; /* the named one and all below it, by id */
	size_t cgroups_count;
	struct socket_seen *found; /* at the last look */
	size_t count, room;
	uint64_t cut;
};

static int
net_reset_supported(struct err *e)
{
	struct nl *n = NULL;
	int rc = sock_diag_open(&n, IPPROTO_TCP, e);

	if (rc == 0)
		rc = sock_diag_can_destroy(n, IPPROTO_TCP, e);
	nl_free(n);
	return rc;
}

/* --- which connections ------------------------------------------------------------------ */

static bool
in_cgroup(const struct resetting *t, uint64_t id)
{
	for (size_t i = 0; i < t->cgroups_count; i++) {
		if (t->cgroups[i] == id)
			return true;
	}
	return false;
}

static bool
is_meant(const struct resetting *t, const struct socket_seen *s)
{
	if (s->inode == 0 && (s->state == TCP_FIN_WAIT1 || s->state == TCP_FIN_WAIT2))
		return false;
	return flows_mean_socket(&t->flows, s) &&
	       (!t->flows.has_cgroup || in_cgroup(t, s->cgroup));
}

/* Its packets leave by an interface that policy protects. */
static bool
is_on_protected(const struct resetting *t, const struct socket_seen *s)
{
	const char *p = t->flows.protected_interfaces;
	struct err none = { 0 };
	struct link l;
	int index;

	if (*p == '\0' || link_route(t->route, &s->remote, &index, &none) < 0)
		return false;
	for (; *p != '\0'; p += strlen(p) + 1) {
		if (link_find(t->route, p, &l, &none) == 0 && l.index == index)
			return true;
	}
	return false;
}

static int
note_match(void *ctx, const struct socket_seen *s)
{
	struct resetting *t = ctx;

	if (!is_meant(t, s))
		return 0;
	if (t->count == t->room) {
		t->room = t->room == 0 ? 64 : 2 * t->room;
		t->found = xrealloc(t->found, t->room * sizeof(*t->found));
	}
	t->found[t->count++] = *s;
	return 0;
}

/* Groups come and go below the one that was named. */
static int
look_at_cgroups(struct fault_run *r, struct resetting *t, struct err *e)
{
	int root = undo_ctx_cgroup(r->ctx, e), rc;

	if (root < 0)
		return root;
	rc = cgroup_subtree(root, t->flows.cgroup, t->cgroups, CGROUPS_MAX, e);
	if (rc < 0)
		return rc;
	t->cgroups_count = rc < CGROUPS_MAX ? (size_t)rc : CGROUPS_MAX;
	return 0;
}

/* Every connection that is meant, now.  Who logged in since the last look is exempt, too. */
static int
look(struct fault_run *r, struct err *e)
{
	struct resetting *t = r->state;
	size_t kept = 0;
	int rc = t->flows.has_cgroup ? look_at_cgroups(r, t, e) : 0;

	t->count = 0;
	if (rc == 0)
		rc = sock_diag_each(t->diag, t->protocol, OPEN_STATES, note_match, t, e);
	if (rc == 0 && t->count > 0) {
		rc = ssh_sessions(t->flows.ssh, FLOWS_SSH_MAX, e);
		t->flows.ssh_count = rc > 0 ? (size_t)rc : 0;
	}
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < t->count; i++) {
		if (!flows_exempt_socket(&t->flows, &t->found[i]) &&
		    !is_on_protected(t, &t->found[i]))
			t->found[kept++] = t->found[i];
	}
	t->count = kept;
	return 0;
}

/* --- its life --------------------------------------------------------------------------- */

static const char *
name_of(const struct resetting *t)
{
	return t->protocol == IPPROTO_TCP ? "TCP" : "UDP";
}

static void
describe(struct fault_run *r, const struct resetting *t)
{
	fault_op(r,
	    "apply: end every %s connection that matches%s; now that would be %zu",
	    name_of(t), t->is_held ? ", and again ten times a second" : "", t->count);
	for (size_t i = 0; i < t->count && i < SHOWN; i++) {
		const struct socket_seen *s = &t->found[i];
		char local[64], remote[64];

		fault_op(r, "apply: … %s port %u with %s port %u, of uid %" PRIu32,
		    format_net(&s->local, local, sizeof(local)), s->local_port,
		    format_net(&s->remote, remote, sizeof(remote)), s->remote_port,
		    s->uid);
	}
	if (t->count > SHOWN)
		fault_op(r, "apply: … and %zu more", t->count - SHOWN);
	(void)snprintf(r->note, sizeof(r->note), "%zu %s connection%s now", t->count,
	    name_of(t), t->count == 1 ? "" : "s");
}

static int
net_reset_prepare(struct fault_run *r, struct err *e)
{
	struct resetting *t = xcalloc(1, sizeof(*t));
	int rc;

	r->state = t;
	rc = flows_read(r, &t->flows, e);
	if (rc < 0)
		return rc;
	t->protocol = t->flows.protocol == 0 ? IPPROTO_TCP : t->flows.protocol;
	t->is_held = r->spec->duration > 0;
	t->route = undo_ctx_nl(r->ctx, NETLINK_ROUTE);
	t->cgroups = xcalloc(CGROUPS_MAX, sizeof(*t->cgroups));
	rc = sock_diag_open(&t->diag, t->protocol, e);
	if (rc == 0)
		rc = sock_diag_can_destroy(t->diag, t->protocol, e);
	if (rc == 0)
		rc = look(r, e);
	if (rc < 0)
		return rc;
	if (t->is_held) /* without it nothing more is cut */
		undo_add(&r->undo,
		    (struct undo){ .op = UNDO_DESCRIPTOR, .num = { nl_fd(t->diag) } });
	describe(r, t);
	return 0;
}

static int
net_reset_stage(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0; /* what is cut is what there is when it is applied */
}

/* Everything that was found is asked for before a failure is told. */
static int
cut(struct fault_run *r, struct err *e)
{
	struct resetting *t = r->state;
	int why = 0;

	for (size_t i = 0; i < t->count; i++) {
		int rc = sock_diag_destroy(t->diag, &t->found[i]);

		if (rc == 0)
			t->cut++;
		else if (rc != -ENOENT) /* ended by itself, or with its other end */
			why = rc;
	}
	r->effect = t->cut;
	(void)snprintf(r->note, sizeof(r->note), "%" PRIu64 " %s connection%s cut%s",
	    t->cut, name_of(t), t->cut == 1 ? "" : "s",
	    t->is_held ? "; those that come back are cut again" : "");
	return why == 0 ? 0 : err_set(e, why, "end a connection: %s", strerror(-why));
}

static int
net_reset_apply(struct fault_run *r, struct err *e)
{
	struct resetting *t = r->state;

	if (look(r, e) < 0 || cut(r, e) < 0)
		return e->code;
	if (t->is_held)
		r->wake_ms = HOLD_MS;
	else if (t->cut == 0)
		return err_set(e, -ESRCH,
		    "no connection matches: there was nothing to cut at that moment");
	return 0;
}

struct remains {
	const struct resetting *t;
	size_t count;
};

static int
by_id(const void *a, const void *b)
{
	const struct socket_seen *x = a, *y = b;

	return memcmp(&x->id, &y->id, sizeof(x->id));
}

static int
count_remains(void *ctx, const struct socket_seen *s)
{
	struct remains *left = ctx;
	const struct resetting *t = left->t;

	left->count += bsearch(s, t->found, t->count, sizeof(*s), by_id) != NULL;
	return 0;
}

/* Those that came back meanwhile are others: a socket's id is never given twice. */
static int
net_reset_verify(struct fault_run *r, struct err *e)
{
	struct resetting *t = r->state;
	struct remains left = { .t = t };
	int rc;

	if (t->count == 0)
		return 0;
	qsort(t->found, t->count, sizeof(*t->found), by_id);
	rc = sock_diag_each(t->diag, t->protocol, OPEN_STATES, count_remains, &left, e);
	if (rc < 0 || left.count == 0)
		return rc;
	return err_set(e, -EBUSY, "%zu of %zu connections are still there after it",
	    left.count, t->count);
}

static int
net_reset_hold(struct fault_run *r, struct err *e)
{
	return look(r, e) < 0 ? e->code : cut(r, e);
}

const struct fault fault_net_reset = {
	.kind = &kind_net_reset,
	.effect_unit = "connections",
	.supported = net_reset_supported,
	.how = fault_how_plain,
	.prepare = net_reset_prepare,
	.stage = net_reset_stage,
	.apply = net_reset_apply,
	.verify = net_reset_verify,
	.hold = net_reset_hold,
	.release = fault_release_nothing,
};
