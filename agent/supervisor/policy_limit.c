/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits.  A limit of net.loss holds for whatever loses packets, whichever kind's fault it
 * is: impairments take each other's parameters, and a limit that another name gets around
 * is none.  Most limits are the most there may be; where less is worse, the least.
 */
#include "err.h"
#include "kind.h"
#include "policy.h"
#include <stdio.h>
#include <string.h>

#define SHARE_ALL 100000

bool
policy_spec_uses(const struct spec *s, const struct kind *k)
{
	if (strcmp(s->kind, k->name) == 0)
		return true;
	for (const struct param *p = kind_find(s->kind)->params; p->name != NULL; p++) {
		if (p->of != NULL && strcmp(p->of, k->name) == 0 && spec_has(s, p->name))
			return true;
	}
	return false;
}

static int
check_duration(const struct policy *p, const struct policy_limit *l, const struct spec *s,
    struct err *e)
{
	char asked[64], most[64];

	if (s->duration <= (usec_t)l->max)
		return 0;
	return err_refused(e, "for=%s is more than the %s of policy %s:%u",
	    format_usec(s->duration, asked, sizeof(asked)),
	    format_usec((usec_t)l->max, most, sizeof(most)), p->path, l->line);
}

/* 0 when this number is within the limit. */
static int
check_num(const struct policy *p, const struct policy_limit *l, const char *name,
    int64_t num, struct err *e)
{
	const struct param *m = l->param;
	bool is_less = m->is_worse_below;
	int64_t most = l->max;
	char asked[64], limit[64];

	/* a limit of either sign holds in both directions */
	if (m->type == PARAM_OFFSET || m->type == PARAM_PPM) {
		num = num < 0 ? -num : num;
		most = most < 0 ? -most : most;
	}
	/* a count of 0 is "all" */
	if (m->type == PARAM_COUNT && num == 0)
		num = INT64_MAX;
	if (is_less ? num >= most : num <= most)
		return 0;
	return err_refused(e, "%s=%s is %s than the %s of policy %s:%u", name,
	    m->type == PARAM_COUNT && num == INT64_MAX ?
		"all" :
		param_format(m, num, asked, sizeof(asked)),
	    is_less ? "less" : "more", param_format(m, most, limit, sizeof(limit)),
	    p->path, l->line);
}

/* Is this parameter what the kind of the limit is about: loss of net.loss? */
static bool
is_own(const struct policy_limit *l)
{
	const char *dot = strchr(l->kind->name, '.');

	return dot != NULL && strcmp(dot + 1, l->param->name) == 0;
}

static bool
chooses_processes(const struct spec *s)
{
	return kind_param(kind_find(s->kind), "children") != NULL;
}

/* Of the chosen there are as many as the limit says; of their descendants there may be any
 * number. */
static int
check_children(const struct policy *p, const struct policy_limit *l, const struct spec *s,
    struct err *e)
{
	const char *name = l->param->name;

	if (!chooses_processes(s) || spec_num(s, "children") == 0 ||
	    (strcmp(name, "count") != 0 && strcmp(name, "percent") != 0))
		return 0;
	return err_refused(e, "policy %s:%u limits %s, which children are not part of",
	    p->path, l->line, name);
}

static bool
is_limited(const struct policy *p, const struct kind *k, const struct param *m)
{
	for (size_t i = 0; i < p->limit_count; i++) {
		if (p->limit[i].kind == k && p->limit[i].param == m)
			return true;
	}
	return false;
}

/* How much can be said in several ways: one that has a limit of its own is no way around
 * the others'. */
static int
check_other_ways(const struct policy *p, const struct policy_limit *l,
    const struct spec *s, struct err *e)
{
	if (!l->param->is_amount)
		return 0;
	for (const struct param *m = l->kind->params; m->name != NULL; m++) {
		if (m->is_amount && spec_has(s, m->name) && !is_limited(p, l->kind, m))
			return err_refused(e,
			    "policy %s:%u limits %s, and %s, which has no limit, says it in "
			    "another way",
			    p->path, l->line, l->param->name, m->name);
	}
	return 0;
}

/* What would get around a limit: another way to lose packets or to say how much, every
 * connection where a share of them is not named, and a floor of the host's choice. */
static int
check_way_around(const struct policy *p, const struct policy_limit *l,
    const struct spec *s, struct err *e)
{
	static const char *const models[] = { "loss_state", "loss_gemodel" };

	if (strcmp(l->param->name, "share") == 0)
		return check_num(p, l, "share", SHARE_ALL, e);
	if (strcmp(l->param->name, "percent") == 0 && chooses_processes(s))
		return check_num(p, l, "percent", SHARE_ALL, e);
	if (strcmp(l->param->name, "keep_free") == 0)
		return err_refused(e,
		    "policy %s:%u says how much must be kept free: write a keep_free of at "
		    "least that",
		    p->path, l->line);
	if (strcmp(l->param->name, "loss") != 0)
		return check_other_ways(p, l, s, e);
	for (size_t i = 0; i < 2; i++) {
		if (spec_has(s, models[i]))
			return err_refused(e,
			    "policy %s:%u limits loss, and %s has no such measure",
			    p->path, l->line, models[i]);
	}
	return 0;
}

static int
check_limit(const struct policy *p, const struct policy_limit *l, const struct spec *s,
    struct err *e)
{
	int r;

	if (l->param == NULL)
		return check_duration(p, l, s, e);
	if (check_children(p, l, s, e) != 0)
		return e->code;
	if (!spec_has(s, l->param->name))
		return check_way_around(p, l, s, e);
	r = check_num(p, l, l->param->name, spec_num(s, l->param->name), e);
	if (r == 0 && strcmp(s->kind, l->kind->name) == 0 && is_own(l) &&
	    spec_has(s, "from"))
		r = check_num(p, l, "from", spec_num(s, "from"), e);
	return r;
}

int
policy_check_limits(const struct policy *p, const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < p->limit_count; i++) {
		if (policy_spec_uses(s, p->limit[i].kind) &&
		    check_limit(p, &p->limit[i], s, e) != 0)
			return e->code;
	}
	return 0;
}
