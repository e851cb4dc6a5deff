/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: a gact that stands by itself and that filters are bound to by its number.  Its
 * cookie goes along whenever it is named: should somebody have taken it away meanwhile, the
 * kernel makes a new one, and that is then known for ours, too.
 */
#include "tc.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_gact.h>
#include <string.h>

#include "err.h"
#include "ident.h"
#include "nl.h"
#include "tc_msg.h"

enum { COOKIE_LEN = FAULT_ID_LEN - 1 };

uint32_t
tc_id_number(const char *fault_id)
{
	uint32_t v = 0;

	for (const char *c = fault_id; *c != '\0'; c++)
		v = v << 4 | (uint32_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
	return v;
}

uint32_t
tc_gate_of(const char *fault_id)
{
	uint32_t number = tc_id_number(fault_id);

	return number != 0 ? number : UINT32_MAX; /* 0 is "any that is free" */
}

void
tc_put_gate(struct nl *n, const char *fault_id, bool open)
{
	const struct tc_gact parms = {
		.index = tc_gate_of(fault_id),
		.action = open ? TC_ACT_PIPE : TC_ACT_UNSPEC,
	};
	void *options;

	nl_put_str(n, TCA_ACT_KIND, "gact");
	nl_put(n, TCA_ACT_COOKIE, fault_id, COOKIE_LEN);
	options = nl_nest(n, TCA_ACT_OPTIONS);
	nl_put(n, TCA_GACT_PARMS, &parms, sizeof(parms));
	nl_nest_end(n, options);
}

/* Filters that hardware must not have want actions that it must not have (Linux 5.17);
 * older kernels do not know the word. */
static int
ask_gate(struct nl *n, uint16_t flags, const char *fault_id, bool open, bool skip_hw)
{
	const struct nla_bitfield32 software = {
		.value = TCA_ACT_FLAGS_SKIP_HW,
		.selector = TCA_ACT_FLAGS_SKIP_HW,
	};
	void *tab, *one;

	(void)nl_begin(n, RTM_NEWACTION, flags, sizeof(struct tcamsg));
	tab = nl_nest(n, TCA_ACT_TAB);
	one = nl_nest(n, 1);
	tc_put_gate(n, fault_id, open);
	if (skip_hw)
		nl_put(n, TCA_ACT_FLAGS, &software, sizeof(software));
	nl_nest_end(n, one);
	nl_nest_end(n, tab);
	return nl_ask(n);
}

int
tc_gate_add(struct nl *n, const char *fault_id, struct err *e)
{
	const uint16_t flags = NLM_F_CREATE | NLM_F_EXCL;
	int rc = ask_gate(n, flags, fault_id, false, true);

	if (rc == -EINVAL)
		rc = ask_gate(n, flags, fault_id, false, false);
	if (rc == -EEXIST)
		return err_set(
		    e, rc, "gact action %u exists already", tc_gate_of(fault_id));
	if (rc == -ENOENT)
		return tc_missing(e, "act_gact");
	return rc < 0 ? tc_refused(n, e, rc, "add gate") : 0;
}

int
tc_gate_set(struct nl *n, const char *fault_id, bool open, struct err *e)
{
	int rc = ask_gate(n, NLM_F_REPLACE, fault_id, open, false);

	return rc < 0 ? tc_refused(n, e, rc, open ? "open gate" : "close gate") : 0;
}

static void
begin_named(struct nl *n, uint16_t type, const char *fault_id)
{
	void *tab, *one;

	(void)nl_begin(n, type, 0, sizeof(struct tcamsg));
	tab = nl_nest(n, TCA_ACT_TAB);
	one = nl_nest(n, 1);
	nl_put_str(n, TCA_ACT_KIND, "gact");
	nl_put_u32(n, TCA_ACT_INDEX, tc_gate_of(fault_id));
	nl_nest_end(n, one);
	nl_nest_end(n, tab);
}

struct looked_at {
	const char *fault_id;
	bool is_ours;
	uint32_t index;
	struct tc_gate gate;
};

static int
read_gate(struct looked_at *l, struct nlattr *action)
{
	struct nlattr *tb[TCA_ACT_MAX + 1], *options[TCA_GACT_MAX + 1];
	struct nlattr *cookie;
	struct tc_gact parms = { 0 };

	if (nla_parse_nested(tb, TCA_ACT_MAX, action, NULL) < 0 ||
	    tb[TCA_ACT_OPTIONS] == NULL ||
	    nla_parse_nested(options, TCA_GACT_MAX, tb[TCA_ACT_OPTIONS], NULL) < 0 ||
	    options[TCA_GACT_PARMS] == NULL)
		return -EBADMSG;
	(void)nla_memcpy(&parms, options[TCA_GACT_PARMS], sizeof(parms));
	cookie = tb[TCA_ACT_COOKIE];
	l->is_ours = cookie != NULL && nla_len(cookie) == COOKIE_LEN &&
		     memcmp(nla_data(cookie), l->fault_id, COOKIE_LEN) == 0;
	l->index = parms.index;
	l->gate.is_open = parms.action == TC_ACT_PIPE;
	l->gate.filters = (uint32_t)parms.bindcnt;
	return 1;
}

static int
on_gate(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[TCA_ROOT_MAX + 1];

	if (nl_attrs(h, sizeof(struct tcamsg), tb, TCA_ROOT_MAX) < 0 ||
	    tb[TCA_ACT_TAB] == NULL || nla_len(tb[TCA_ACT_TAB]) < NLA_HDRLEN)
		return -EBADMSG;
	return read_gate(ctx, nla_data(tb[TCA_ACT_TAB]));
}

int
tc_gate_get(struct nl *n, const char *fault_id, struct tc_gate *ret, struct err *e)
{
	struct looked_at l = { .fault_id = fault_id };
	int rc;

	begin_named(n, RTM_GETACTION, fault_id);
	rc = nl_each(n, on_gate, &l);
	if (rc == -ENOENT || (rc == -EINVAL && *nl_why(n) != '\0'))
		return err_set(e, -ENOENT, "no gate of fault %s", fault_id);
	if (rc < 0)
		return tc_refused(n, e, rc, "look at gate");
	if (!l.is_ours)
		return err_set(
		    e, -EPERM, "gact action %u is somebody else's", tc_gate_of(fault_id));
	*ret = l.gate;
	return 0;
}

bool
tc_is_gate_cookie(struct nlattr *cookie)
{
	char id[FAULT_ID_LEN] = "";

	if (cookie == NULL || nla_len(cookie) != COOKIE_LEN)
		return false;
	memcpy(id, nla_data(cookie), COOKIE_LEN);
	return is_fault_id(id);
}

struct listing {
	void (*fn)(void *ctx, const char *fault_id);
	void *ctx;
};

/* Ours: a cookie that is a fault id, and the number that belongs to it. */
static void
list_one(const struct listing *l, struct nlattr *action)
{
	struct nlattr *tb[TCA_ACT_MAX + 1];
	struct looked_at found = { .fault_id = "" };
	char id[FAULT_ID_LEN] = "";

	if (nla_parse_nested(tb, TCA_ACT_MAX, action, NULL) < 0 ||
	    !tc_is_gate_cookie(tb[TCA_ACT_COOKIE]))
		return;
	memcpy(id, nla_data(tb[TCA_ACT_COOKIE]), COOKIE_LEN);
	if (read_gate(&found, action) > 0 && found.index == tc_gate_of(id))
		l->fn(l->ctx, id);
}

static int
on_actions(void *ctx, const struct nlmsghdr *h)
{
	struct nlattr *tb[TCA_ROOT_MAX + 1];
	struct nlattr *one;
	int left;

	if (nl_attrs(h, sizeof(struct tcamsg), tb, TCA_ROOT_MAX) < 0)
		return -EBADMSG;
	if (tb[TCA_ACT_TAB] == NULL)
		return 0;
	nla_for_each_nested(one, tb[TCA_ACT_TAB], left) list_one(ctx, one);
	return 0;
}

int
tc_gate_each(
    struct nl *n, void (*fn)(void *ctx, const char *fault_id), void *ctx, struct err *e)
{
	struct listing l = { fn, ctx };
	void *tab, *one;
	int rc;

	(void)nl_begin(n, RTM_GETACTION, NLM_F_DUMP, sizeof(struct tcamsg));
	tab = nl_nest(n, TCA_ACT_TAB);
	one = nl_nest(n, 1);
	nl_put_str(n, TCA_ACT_KIND, "gact");
	nl_nest_end(n, one);
	nl_nest_end(n, tab);
	rc = nl_each(n, on_actions, &l);
	if (rc == -EINTR || rc == -EINVAL || rc == -ENOENT)
		return 0; /* no module, no gates; and a list that changes is told anew */
	return rc < 0 ? tc_refused(n, e, rc, "list gates") : 0;
}

int
tc_gate_delete(struct nl *n, const char *fault_id, struct err *e)
{
	struct tc_gate gate;
	int rc = tc_gate_get(n, fault_id, &gate, e);

	if (rc < 0)
		return rc;
	if (gate.filters > 0)
		return err_set(
		    e, -EBUSY, "%u filters lead through the gate", gate.filters);
	begin_named(n, RTM_DELACTION, fault_id);
	rc = nl_ask(n);
	return rc < 0 ? tc_refused(n, e, rc, "delete gate") : 0;
}
