/* SPDX-License-Identifier: Apache-2.0 */
/* What both backends of steer.h need: which of them, and the networks by family. */
#include "steer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "xalloc.h"

/* In the order in which `auto` asks them; that of enum steer_engine, too. */
static const struct steer_backend *const backends[] = { &steer_backend_iptables,
	&steer_backend_nftables };

static int
will_do(const struct steer_backend *b, const struct steer *s, struct err *e)
{
	return b->supported(e) < 0 ? e->code : b->can_do(s, e);
}

static int
choose_backend(struct steer *s, struct err *e)
{
	struct err why[ARRAY_LEN(backends)] = { 0 };

	if (s->engine != STEER_ENGINE_AUTO) {
		s->backend = backends[s->engine - STEER_ENGINE_IPTABLES];
		return will_do(s->backend, s, e);
	}
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		s->backend = backends[i];
		if (will_do(s->backend, s, &why[i]) == 0)
			return 0;
	}
	return err_unsupported(e, "%.110s; nor nftables: %.100s", why[0].msg, why[1].msg);
}

/* Who would do such a fault? */
static int
ask(enum steer_verdict verdict, const struct steer_backend **ret, struct err *e)
{
	static const struct flows everything = { .share = FLOWS_SHARE_ALL };
	_cleanup_free_ struct steer *s = xcalloc(1, sizeof(*s));

	s->flows = &everything;
	s->verdict = verdict;
	if (choose_backend(s, e) < 0)
		return e->code;
	*ret = s->backend;
	return 0;
}

int
steer_supported(struct err *e)
{
	const struct steer_backend *chosen;

	return ask(STEER_DROP, &chosen, e);
}

int
steer_queue_supported(struct err *e)
{
	const struct steer_backend *chosen;

	return ask(STEER_QUEUE, &chosen, e);
}

void
steer_how(char *buf, size_t size)
{
	const struct steer_backend *chosen = backends[0];
	struct err why = { 0 };

	if (ask(STEER_DROP, &chosen, &why) == 0 && chosen != backends[0])
		(void)backends[0]->supported(&why);
	(void)snprintf(buf, size, "engine %s%s%s", chosen->name,
	    why.msg[0] != '\0' ? ": " : "", why.msg);
}

static bool
has_ipv6(void)
{
	return access("/proc/self/net/if_inet6", F_OK) == 0;
}

int
steer_version(int family)
{
	return family == STEER_V4 ? 4 : 6;
}

static int
family_of(const struct net *net)
{
	return net->family == 4 ? STEER_V4 : STEER_V6;
}

static void
add_net(struct net *list, size_t *count, const struct net *net)
{
	for (size_t i = 0; i < *count; i++) {
		if (memcmp(&list[i], net, sizeof(*net)) == 0)
			return;
	}
	list[(*count)++] = *net;
}

/* A set of networks takes no /0: everything is its two halves. */
static void
add_to_set(struct net *list, size_t *count, const struct net *net)
{
	struct net half = { .family = net->family, .prefix = 1 };

	if (net->prefix > 0) {
		add_net(list, count, net);
		return;
	}
	add_net(list, count, &half);
	half.addr[0] = 0x80;
	add_net(list, count, &half);
}

static void
sort_excludes(struct steer *s)
{
	for (size_t i = 0; i < s->flows->excludes_count; i++) {
		const struct net *net = &s->flows->excludes[i];
		int f = family_of(net);

		if (s->is_used[f])
			add_to_set(s->excludes[f], &s->excludes_count[f], net);
	}
}

/* Distinct networks by family, so that what the sets must hold can be counted.  "any" is
 * both families, of which a host without IPv6 has only one. */
static int
sort_nets(struct steer *s, struct err *e)
{
	bool with_ipv6 = has_ipv6();

	for (size_t i = 0; i < s->flows->nets_count; i++) {
		const struct net *net = &s->flows->nets[i];
		char name[64];

		if (net->family == 6 && !with_ipv6 && net->prefix == 0)
			continue;
		if (net->family == 6 && !with_ipv6)
			return err_unsupported(e, "this host has no IPv6, for '%s'",
			    format_net(net, name, sizeof(name)));
		add_to_set(s->nets[family_of(net)], &s->count[family_of(net)], net);
		s->is_used[family_of(net)] = true;
	}
	if (!s->is_used[STEER_V4] && !s->is_used[STEER_V6])
		return err_invalid(e, "no address or network to match");
	sort_excludes(s);
	return 0;
}

int
steer_prepare(struct fault_run *r, struct steer *s, struct err *e)
{
	s->remark = "";
	if (sort_nets(s, e) < 0 || choose_backend(s, e) < 0)
		return e->code;
	(void)snprintf(r->note, sizeof(r->note), "engine %s", s->backend->name);
	return s->backend->prepare(r, s, e);
}

int
steer_stage(struct fault_run *r, struct steer *s, struct err *e)
{
	return s->backend->stage(r, s, e);
}

int
steer_apply(struct fault_run *r, struct steer *s, struct err *e)
{
	return s->backend->apply(r, s, e);
}

int
steer_verify(struct fault_run *r, struct steer *s, struct err *e)
{
	return s->backend->verify(r, s, e);
}

int
steer_hold(struct fault_run *r, struct steer *s, struct err *e)
{
	return s->backend->hold(r, s, e);
}

int
steer_rest(struct fault_run *r, struct steer *s, bool rests, struct err *e)
{
	return s->backend->rest(r, s, rests, e);
}
